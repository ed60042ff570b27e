// Single candidates of the CUDA kernel table, run on memory and on a stream of the simulated GPU.
#pragma once

#include <cuda_runtime_api.h>

#include <span>
#include <string>
#include <vector>

#include "cuda/table.h"
#include "fovea/tensor.h"

namespace fovea::test {

/// Memory of the device, of exactly so many bytes. Fails the program where a call fails.
class DeviceMemory {
 public:
  explicit DeviceMemory(std::size_t bytes);
  explicit DeviceMemory(const Tensor& tensor);  ///< with its values
  DeviceMemory(DeviceMemory&& other) noexcept : bytes_(other.bytes_) {
    std::swap(pointer_, other.pointer_);
  }
  DeviceMemory& operator=(DeviceMemory&&) = delete;
  ~DeviceMemory();

  void* get() const { return pointer_; }
  Tensor download(const ValueType& type) const;

 private:
  std::size_t bytes_ = 0;
  void* pointer_ = nullptr;
};

/// A stream of its own. Destroying it waits for its work.
class DeviceStream {
 public:
  DeviceStream();
  ~DeviceStream();
  DeviceStream(const DeviceStream&) = delete;
  DeviceStream& operator=(const DeviceStream&) = delete;

  cudaStream_t get() const { return stream_; }
  void synchronize() const;

 private:
  cudaStream_t stream_ = nullptr;
};

/// The simulated libraries, opened as the CUDA device opens them.
const cuda::Libraries& simulated_libraries();

/// A table with the candidates "cudnn" and "cublaslt" alone.
const KernelTable& library_table();

struct HowToLower {
  std::string candidate;
  bool allow_tf32 = false;
  int variant = 0;
};
LowerResult lower(const Op& op, std::span<const Tensor> inputs, const HowToLower& how);

/// The op's outputs. The lowering must have accepted these inputs.
std::vector<Tensor> run(const Op& op, std::span<const Tensor> inputs, Lowering& lowering);

}  // namespace fovea::test
