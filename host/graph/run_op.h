// Runs single ops through a plan, as a model would.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fovea/device.h"
#include "fovea/graph.h"
#include "fovea/tensor.h"

namespace fovea {

struct RunOptions {
  std::shared_ptr<Device> device = cpu_device();
  /// The candidate to force; empty: whichever accepts first.
  std::string candidate;
  int threads = 1;
  bool allow_tf32 = false;
  /// Put floating inputs into the arena, where a kernel may overwrite those that its lowering's
  /// in_place names.
  bool inputs_in_arena = false;
  /// Run the parts of a fused op instead of the op.
  bool expand = false;
  /// Fill the arena with NaN before, as tests want it.
  bool poison = true;
};

/// The op's outputs and then, for an op with effects, its overwritten inputs, all on the host.
FOVEA_INTERNAL std::vector<Tensor> run_op(const OpPtr& op, std::span<const Tensor> inputs,
                                          const RunOptions& options);

/// The same on a device by name, such as "cpu" or "cuda:0".
template <class DerivedOp>
std::vector<Tensor> run_on(const std::string& device, const DerivedOp& op,
                           std::span<const Tensor> inputs) {
  RunOptions options;
  options.device = open_device(device);
  options.poison = false;
  return run_op(std::make_shared<const DerivedOp>(op), inputs, options);
}

/// Median milliseconds of the op's own kernel over `repeats` runs with its inputs where the plan
/// wants them; reorders are left out. Throws unsupported when no candidate accepts.
FOVEA_INTERNAL double time_op(const OpPtr& op, std::span<const Tensor> inputs,
                              const RunOptions& options, int repeats);

/// What the CPU's reference makes of it: for a fused op that of its parts, else the candidate
/// "reference".
FOVEA_INTERNAL std::vector<Tensor> run_reference(const OpPtr& op, std::span<const Tensor> inputs);

/// Whether the op is a fusion of others.
FOVEA_INTERNAL bool is_fused(const OpPtr& op, std::span<const Tensor> inputs);

/// Why a candidate declines these inputs; nothing when it accepts.
FOVEA_INTERNAL std::optional<std::string> decline_reason(const OpPtr& op,
                                                         std::span<const Tensor> inputs,
                                                         const std::string& candidate,
                                                         const Device& device = *cpu_device());

/// Whether an accepting candidate says that it may overwrite an input with an output.
FOVEA_INTERNAL bool may_work_in_place(const OpPtr& op, std::span<const Tensor> inputs,
                                      const std::string& candidate,
                                      const Device& device = *cpu_device());

/// The names of a device's candidates for an op, in order.
FOVEA_INTERNAL std::vector<std::string> candidates_of(std::string_view op,
                                                      const Device& device = *cpu_device());

/// |a - b| / |b| over all elements, in f64; |a - b| where b is all zero; infinity when a value is
/// NaN in one alone.
FOVEA_INTERNAL double relative_error(const Tensor& a, const Tensor& b);

}  // namespace fovea
