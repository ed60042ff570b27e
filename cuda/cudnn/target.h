// Target: the GPU for which cuDNN builds its plans.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "cuda/cudnn/descriptor.h"
#include "cuda/cudnn/library.h"
#include "cuda/device_properties.h"

namespace fovea::cuda::cudnn {

/// cuDNN on one GPU, through a handle; or the description of a GPU, for which plans can be built
/// but not executed. Shared by all plans of a device; any thread may use it.
class Target {
 public:
  /// The calling thread's current device is taken where `device.cudnn_json` is empty. Throws cudnn
  /// where cuDNN refuses the device.
  Target(std::shared_ptr<const Library> library, DeviceProperties device);
  ~Target();
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  const Library& library() const { return *library_; }
  const DeviceProperties& device() const { return device_; }
  /// With it, its driver is there, which engines need that compile their kernels when a plan is
  /// built.
  bool device_is_present() const { return handle_ != nullptr; }

  /// These tell a descriptor, before it is finalized, which device is meant: by the handle, or by
  /// the description.
  void attach_to_graph(Descriptor& graph) const;
  void attach_to_heuristics(Descriptor& heuristics) const;
  void attach_to_engine(Descriptor& engine) const;
  void attach_to_plan(Descriptor& plan) const;

  /// cuDNN lets one thread at a time use a handle. Held while graphs and plans are made.
  [[nodiscard]] std::unique_lock<std::mutex> use_handle() {
    return std::unique_lock(handle_mutex_);
  }

  /// Puts the plan's work into the stream; allocates nothing.
  void execute(const Descriptor& plan, const Descriptor& variant_pack, cudaStream_t stream);

 private:
  std::shared_ptr<const Library> library_;
  DeviceProperties device_;
  cudnnHandle_t handle_ = nullptr;
  std::mutex handle_mutex_;
  Descriptor description_;
};

}  // namespace fovea::cuda::cudnn
