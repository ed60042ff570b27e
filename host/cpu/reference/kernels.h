// The CPU's own kernels: plain loops in float and double. In double they are the oracle that every
// other candidate is tested against; in float they are what runs where oneDNN is missing.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "fovea/kernel.h"

namespace fovea::cpu {

/// One line per op of a family, each under the candidate name "reference".
void add_reference_conv(KernelTable& table);
void add_reference_pool(KernelTable& table);
void add_reference_norm(KernelTable& table);
void add_reference_matmul(KernelTable& table);
void add_reference_basic(KernelTable& table);
void add_reference_activation(KernelTable& table);
void add_reference_loss(KernelTable& table);
void add_reference_row_loss(KernelTable& table);
void add_reference_update(KernelTable& table);
void add_reference_optimizers(KernelTable& table);
void add_reference_loss_scale(KernelTable& table);
void add_reference_data(KernelTable& table);
void add_reference_statistics(KernelTable& table);

template <class DerivedOp>
using ReferenceKernel = void (*)(const DerivedOp&, const KernelContext&);

/// What a reference kernel asks for, beyond plain inputs and outputs.
template <class DerivedOp>
struct ReferenceOptions {
  /// (output, input) pairs that may share memory.
  std::vector<std::pair<int, int>> in_place = {};
  /// Scratch memory; none where null.
  std::int64_t (*workspace_bytes)(const DerivedOp&, const LowerRequest&) = nullptr;
  /// The input whose type chooses between float and double; -1: the first floating input or, where
  /// there is none, the first floating output.
  int type_input = -1;
};

namespace detail {

/// The type that chooses between the float and the double kernel.
DType computing_type(const LowerRequest& request, int type_input);
/// Empty where the CPU can compute in this type, else why not.
std::string decline_reason(DType dtype);

template <class DerivedOp>
Lowering lower(const DerivedOp& op, const LowerRequest& request, ReferenceKernel<DerivedOp> kernel,
               const ReferenceOptions<DerivedOp>& options) {
  Lowering lowering;
  lowering.kernel =
      make_kernel([op, kernel](const KernelContext& context) { kernel(op, context); });
  lowering.in_place = options.in_place;
  if (options.workspace_bytes) lowering.workspace_bytes = options.workspace_bytes(op, request);
  return lowering;
}

}  // namespace detail

/// A table's factory from a float and a double kernel:
///   table.add<ops::Conv2d>("reference", reference(conv2d<float>, conv2d<double>));
/// It declines every other type, saying what to do instead.
template <class DerivedOp>
auto reference(ReferenceKernel<DerivedOp> f32, ReferenceKernel<DerivedOp> f64,
               ReferenceOptions<DerivedOp> options = {}) {
  return [=](const DerivedOp& op, const LowerRequest& request) -> LowerResult {
    const DType dtype = detail::computing_type(request, options.type_input);
    if (dtype == DType::f32) return detail::lower(op, request, f32, options);
    if (dtype == DType::f64) return detail::lower(op, request, f64, options);
    return Decline{detail::decline_reason(dtype)};
  };
}

/// A table's factory from one kernel that looks at its context's types itself, such as those that
/// only copy bytes.
template <class DerivedOp>
auto any_type(ReferenceKernel<DerivedOp> kernel, ReferenceOptions<DerivedOp> options = {}) {
  return [=](const DerivedOp& op, const LowerRequest& request) -> LowerResult {
    return detail::lower(op, request, kernel, options);
  };
}

}  // namespace fovea::cpu
