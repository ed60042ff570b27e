#include "cuda/cudnn/target.h"

#include "cuda/check.h"
#include "fovea/error.h"

namespace fovea::cuda::cudnn {
Target::Target(std::shared_ptr<const Library> library, DeviceProperties device)
    : library_(std::move(library)), device_(std::move(device)) {
  if (device_.cudnn_json.empty()) {
    check(*library_, library_->create(&handle_), "cudnnCreate");
    return;
  }
  description_ = Descriptor(*library_, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  description_.set_array<char>(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, device_.cudnn_json);
  description_.finalize();
}

Target::~Target() {
  if (handle_ != nullptr) static_cast<void>(library_->destroy(handle_));
}

void Target::attach_to_graph(Descriptor& graph) const {
  if (handle_ != nullptr) graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle_);
}

void Target::attach_to_heuristics(Descriptor& heuristics) const {
  if (description_) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, description_);
}

void Target::attach_to_engine(Descriptor& engine) const {
  if (description_) engine.set(CUDNN_ATTR_ENGINE_DEVICEPROP, description_);
}

void Target::attach_to_plan(Descriptor& plan) const {
  if (handle_ != nullptr) plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, handle_);
  if (description_) plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, description_);
}

void Target::execute(const Descriptor& plan, const Descriptor& variant_pack, cudaStream_t stream) {
  FOVEA_REQUIRE(handle_ != nullptr, unsupported, "a plan for ", device_.name,
                " cannot run here: that device is only described");
  const auto lock = use_handle();
  cudnnStatus_t status = library_->set_stream(handle_, stream);
  if (status == CUDNN_STATUS_SUCCESS) {
    status = library_->execute(handle_, plan.get(), variant_pack.get());
  }
  if (status == CUDNN_STATUS_SUCCESS) return;
  cuda::check_not_lost(stream, "cudnnBackendExecute");
  check(*library_, status, "cudnnBackendExecute");
}

}  // namespace fovea::cuda::cudnn
