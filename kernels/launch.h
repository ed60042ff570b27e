// Launches: the one call through which every kernel starts. Arguments must have the parameters'
// types up to lossless conversion: a count narrowed to 32 bits does not compile. A launcher hands
// on the status; it never synchronizes, allocates or uses the default stream.
//
// In the tests the same kernels run on the host: FOVEA_KERNELS_ON_HOST and
// tests/host_kernels/cuda_on_host.h.
#pragma once

#include <cuda_runtime_api.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fovea::kernels {

struct LaunchShape {
  dim3 blocks;
  dim3 threads;
  std::size_t dynamic_shared_bytes = 0;
};

/// Blocks of `per_block` items that cover `items`.
constexpr unsigned blocks_for(std::int64_t items, std::int64_t per_block) {
  return static_cast<unsigned>((items + per_block - 1) / per_block);
}

/// Blocks enough for the largest GPUs to have one per processor. Tests lower it, so that small
/// problems are shared out as large ones are.
#ifndef FOVEA_KERNELS_ON_HOST
inline constexpr std::int64_t many_blocks = 128;
#else
inline std::int64_t many_blocks = 128;
#endif

/// Whether an argument becomes a parameter without losing anything.
template <class Argument, class Parameter>
concept LosslessArgument =
    std::same_as<Argument, Parameter> ||
    (std::is_pointer_v<Parameter>&& std::convertible_to<Argument, Parameter>) ||
    (std::is_arithmetic_v<Parameter> && requires(Argument a) { Parameter{a}; });

namespace detail {

/// Where kernels may use more shared memory than this, CUDA wants to be told.
inline constexpr std::size_t kUnaskedSharedBytes = 48 << 10;

#ifndef FOVEA_KERNELS_ON_HOST
template <class... Parameters>
cudaError_t start(const char*, cudaStream_t stream, const LaunchShape& shape,
                  void (*kernel)(Parameters...), Parameters... parameters) {
  const void* function = reinterpret_cast<const void*>(kernel);
  if (shape.dynamic_shared_bytes > kUnaskedSharedBytes) {
    const cudaError_t status =
        cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(shape.dynamic_shared_bytes));
    if (status != cudaSuccess) return status;
  }
  void* addresses[] = {static_cast<void*>(&parameters)..., nullptr};
  return cudaLaunchKernel(function, shape.blocks, shape.threads, addresses,
                          shape.dynamic_shared_bytes, stream);
}
#else
template <class... Parameters>
cudaError_t start(const char* name, cudaStream_t stream, const LaunchShape& shape,
                  void (*kernel)(Parameters...), Parameters... parameters) {
  return on_host::launch(name, stream, shape.blocks, shape.threads, shape.dynamic_shared_bytes,
                         [=] { kernel(parameters...); });
}
#endif

}  // namespace detail

/// Starts `kernel` on `stream`. `name` is the kernel's own, for errors, profiles and the tests'
/// list of covered kernels. A shape without blocks starts nothing and succeeds.
template <class... Parameters, class... Arguments>
[[nodiscard]] cudaError_t launch(const char* name, cudaStream_t stream, const LaunchShape& shape,
                                 void (*kernel)(Parameters...), Arguments... arguments) {
  static_assert(sizeof...(Parameters) == sizeof...(Arguments),
                "the kernel takes another number of arguments");
  static_assert((LosslessArgument<Arguments, Parameters> && ...),
                "an argument would be narrowed, or is of another type than the kernel's parameter");
  if (shape.blocks.x == 0 || shape.blocks.y == 0 || shape.blocks.z == 0) return cudaSuccess;
  return detail::start<Parameters...>(name, stream, shape, kernel, Parameters{arguments}...);
}

}  // namespace fovea::kernels
