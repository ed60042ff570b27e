// A CUDA stream with pinned staging memory, and recordings as CUDA graphs.
#pragma once

#include <cuda_runtime_api.h>

#include <array>

#include "fovea/device.h"

namespace fovea::cuda {

class CudaStream final : public Stream {
 public:
  /// On the GPU of this number.
  explicit CudaStream(int ordinal);
  ~CudaStream() override;
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;

  void* handle() const override { return stream_; }
  void upload(void* to, const void* from, std::size_t bytes) override;
  void download(void* to, const void* from, std::size_t bytes) override;
  void copy(void* to, const void* from, std::size_t bytes) override;
  void fill(void* to, std::uint8_t byte, std::size_t bytes) override;
  double milliseconds(const std::function<void()>& work) override;
  void synchronize() override;
  std::unique_ptr<Recording> record(const std::function<void()>& work) override;
  void begin_range(const char* name) override;
  void end_range() noexcept override;

 private:
  /// Pinned memory on its way to the GPU; `sent` says when it may be filled again.
  struct Staging {
    void* memory = nullptr;
    std::size_t bytes = 0;
    cudaEvent_t sent = nullptr;
  };
  Staging& free_staging(std::size_t bytes);

  int ordinal_;
  cudaStream_t stream_ = nullptr;
  std::array<Staging, 2> staging_;
  std::size_t next_staging_ = 0;
  void* landing_ = nullptr;  ///< pinned memory for small downloads
  /// Around what is timed; made when something is.
  cudaEvent_t begin_ = nullptr;
  cudaEvent_t end_ = nullptr;
};

}  // namespace fovea::cuda
