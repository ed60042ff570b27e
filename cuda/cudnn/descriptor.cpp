#include "cuda/cudnn/descriptor.h"

#include <algorithm>

#include "cuda/shared_library.h"
#include "fovea/error.h"

namespace fovea::cuda::cudnn {
namespace {

std::string call(const char* function, cudnnBackendDescriptorType_t type) {
  return std::string(function) + " (descriptor type " + std::to_string(type) + ")";
}

std::string call(const char* function, cudnnBackendDescriptorType_t type,
                 cudnnBackendAttributeName_t name) {
  return std::string(function) + " (descriptor type " + std::to_string(type) + ", attribute " +
         std::to_string(name) + ")";
}

}  // namespace

Descriptor::Descriptor(const Library& library, cudnnBackendDescriptorType_t type)
    : library_(&library), type_(type) {
  check(library, library.create_descriptor(type, &descriptor_),
        call("cudnnBackendCreateDescriptor", type));
}

Descriptor::~Descriptor() {
  if (descriptor_ == nullptr || libraries_are_ending()) return;
  static_cast<void>(library_->destroy_descriptor(descriptor_));
}

void Descriptor::set(cudnnBackendAttributeName_t name, const Descriptor& value) {
  set_raw(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value.descriptor_);
}

void Descriptor::set_array(cudnnBackendAttributeName_t name, std::span<const Descriptor> values) {
  std::vector<cudnnBackendDescriptor_t> raw;
  for (const Descriptor& value : values) raw.push_back(value.descriptor_);
  set_raw(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, raw.size(), raw.data());
}

void Descriptor::set_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                         std::size_t count, const void* values) {
  const cudnnStatus_t status =
      library_->set_attribute(descriptor_, name, type, static_cast<std::int64_t>(count), values);
  if (status == CUDNN_STATUS_SUCCESS) return;  // without making the text below
  check(*library_, status, call("cudnnBackendSetAttribute", type_, name));
}

void Descriptor::finalize() {
  check(*library_, library_->finalize(descriptor_), call("cudnnBackendFinalize", type_));
}

bool Descriptor::try_finalize(std::string& reason) {
  const cudnnStatus_t status = library_->finalize(descriptor_);
  if (status == CUDNN_STATUS_SUCCESS) return true;
  reason = call("cudnnBackendFinalize", type_) + ": " + words_of(*library_, status);
  return false;
}

std::size_t Descriptor::read_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                                 std::size_t room, void* values) const {
  std::int64_t count = 0;
  check(*library_,
        library_->get_attribute(descriptor_, name, type, static_cast<std::int64_t>(room), &count,
                                values),
        call("cudnnBackendGetAttribute", type_, name));
  return std::min(room, static_cast<std::size_t>(count));
}

std::size_t Descriptor::count(cudnnBackendAttributeName_t name,
                              cudnnBackendAttributeType_t type) const {
  std::int64_t count = 0;
  check(*library_, library_->get_attribute(descriptor_, name, type, 0, &count, nullptr),
        call("cudnnBackendGetAttribute", type_, name));
  return static_cast<std::size_t>(count);
}

std::vector<Descriptor> Descriptor::read_descriptors(cudnnBackendAttributeName_t name,
                                                     cudnnBackendDescriptorType_t type,
                                                     std::size_t room) const {
  std::vector<Descriptor> descriptors;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (std::size_t i = 0; i < room; ++i) {
    descriptors.emplace_back(*library_, type);
    raw.push_back(descriptors.back().get());
  }
  descriptors.erase(
      descriptors.begin() + static_cast<std::ptrdiff_t>(
                                read_raw(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, room, raw.data())),
      descriptors.end());
  return descriptors;
}

}  // namespace fovea::cuda::cudnn
