// Arithmetic on values of equal shapes, element by element, in the format in which the first of
// them lies that is not plain. Where both ends of a blocked format's padding are zero, so is the
// result.
#include <algorithm>

#include "fovea/ops/basic.h"
#include "host/cpu/onednn/families.h"
#include "host/cpu/onednn/lanes.h"
#include "host/cpu/onednn/recipe.h"
#include "host/cpu/parallel.h"

namespace fovea::onednn {
namespace {

FOVEA_CLONES void add_range(const float* a, const float* b, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = a[i] + b[i];
}
FOVEA_CLONES void multiply_range(const float* a, const float* b, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = a[i] * b[i];
}

using Range = void (*)(const float* a, const float* b, float* y, std::int64_t count);

/// Plain values are left to whoever comes next in the table.
LowerResult lower_binary(const LowerRequest& request, Range range) {
  const Layout* lies = &request.input_layouts[0];
  if (lies->plain()) lies = &request.input_layouts[1];
  if (lies->plain()) return Decline{"both inputs are plain"};
  Lowering lowering;
  lowering.input_layouts = {*lies, *lies};
  lowering.output_layouts = {*lies};
  lowering.in_place = {{0, 0}, {0, 1}};
  const std::int64_t count = lies->bytes / static_cast<std::int64_t>(sizeof(float));
  lowering.kernel = make_kernel([count, range](const KernelContext& context) {
    cpu::parallel_for(context.threads(), count, cpu::grain_of(1),
                      [&](std::int64_t begin, std::int64_t end) {
                        range(context.input<float>(0) + begin, context.input<float>(1) + begin,
                              context.output<float>(0) + begin, end - begin);
                      });
  });
  return lowering;
}

LowerResult add(const ops::Add&, const LowerRequest& request) {
  return lower_binary(request, add_range);
}

LowerResult multiply(const ops::Multiply&, const LowerRequest& request) {
  return lower_binary(request, multiply_range);
}

}  // namespace

void add_arithmetic(KernelTable& table) {
  table.add<ops::Add>("blocked", guarded(add));
  table.add<ops::Multiply>("blocked", guarded(multiply));
}

}  // namespace fovea::onednn
