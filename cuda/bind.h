// From an op to a launcher of kernels/: what the files bind_<family>.cpp share.
#pragma once

#include <cuda_runtime_api.h>

#include <string>
#include <utility>
#include <vector>

#include "cuda/check.h"
#include "cuda/table.h"
#include "fovea/kernel.h"
#include "fovea/ops/activation.h"
#include "kernels/activation.h"

namespace fovea::cuda {

/// Libraries, under their own names. They decline where they were not found.
void bind_cudnn(KernelTable& table, const TableOptions& options);
void bind_cublaslt(KernelTable& table, const TableOptions& options);

/// One line per op of a family, our own kernels under the candidate name "cuda" or, where there are
/// several, under names that say how they work.
void bind_conv(KernelTable& table);
void bind_matmul(KernelTable& table);
void bind_bias(KernelTable& table);
void bind_norm(KernelTable& table);
void bind_pool(KernelTable& table);
void bind_basic(KernelTable& table);
void bind_cast(KernelTable& table);
void bind_activation(KernelTable& table);
void bind_loss(KernelTable& table);
void bind_loss_scale(KernelTable& table);
void bind_update(KernelTable& table);
void bind_data(KernelTable& table);
/// Thrust, between epochs.
void bind_thrust(KernelTable& table);
/// CUB, which only a GPU runs.
void bind_cub(KernelTable& table);

/// As the kernels name it.
kernels::ActivationFunction function_of(const Activation& activation);

inline cudaStream_t stream_of(const KernelContext& context) {
  return static_cast<cudaStream_t>(context.stream());
}

/// Calls the op's launcher with the context's pointers and sizes.
template <class DerivedOp>
using Launch = cudaError_t (*)(const DerivedOp&, const KernelContext&);

/// What a launcher asks for, beyond plain inputs and outputs.
template <class DerivedOp>
struct BindOptions {
  /// (output, input) pairs that may share memory.
  std::vector<std::pair<int, int>> in_place = {};
  /// Scratch memory; none where null.
  std::int64_t (*workspace_bytes)(const DerivedOp&, const LowerRequest&) = nullptr;
  /// Why the launcher cannot take this, or empty. Where null: it takes f32, f16 and bf16, as the
  /// first floating input (or, where there is none, output) has it.
  std::string (*declines)(const DerivedOp&, const LowerRequest&) = nullptr;
};

/// Empty where the first floating input, or else output, is f32, f16 or bf16.
std::string declines_by_type(const LowerRequest& request);

/// A table's factory:
///   table.add<ops::Activate>("cuda", bind<ops::Activate>(activate, {{{0, 0}}}));
template <class DerivedOp>
auto bind(Launch<DerivedOp> launch, BindOptions<DerivedOp> options = {}) {
  return [=](const DerivedOp& op, const LowerRequest& request) -> LowerResult {
    std::string reason =
        options.declines != nullptr ? options.declines(op, request) : declines_by_type(request);
    if (!reason.empty()) return Decline{std::move(reason)};
    Lowering lowering;
    lowering.kernel = make_kernel([op, launch](const KernelContext& context) {
      check(launch(op, context), DerivedOp::kName);
    });
    lowering.in_place = options.in_place;
    if (options.workspace_bytes) lowering.workspace_bytes = options.workspace_bytes(op, request);
    return lowering;
  };
}

}  // namespace fovea::cuda
