// cuDNN's descriptors before they are made, for tests to build graphs of their own or to spoil
// them.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "cuda/cudnn/descriptor.h"
#include "cuda/cudnn/target.h"
#include "tests/simulated_gpu/on_device.h"

namespace fovea::test {

using cuda::cudnn::Descriptor;
using cuda::cudnn::Library;

inline const Library& library() { return simulated_libraries().cudnn->library(); }

/// One descriptor's attributes, to be changed or left out before it is made.
struct Draft {
  cudnnBackendDescriptorType_t type;
  std::map<cudnnBackendAttributeName_t, std::function<void(Descriptor&)>> attributes;

  template <class T>
  Draft& with(cudnnBackendAttributeName_t name, T value) {
    attributes[name] = [=](Descriptor& descriptor) { descriptor.set(name, value); };
    return *this;
  }
  Draft& with(cudnnBackendAttributeName_t name, std::vector<std::int64_t> values) {
    attributes[name] = [=](Descriptor& descriptor) {
      descriptor.set_array<std::int64_t>(name, values);
    };
    return *this;
  }
  Draft& with(cudnnBackendAttributeName_t name, const Descriptor& value) {
    attributes[name] = [=, &value](Descriptor& descriptor) { descriptor.set(name, value); };
    return *this;
  }
  Draft without(cudnnBackendAttributeName_t name) const {
    Draft draft = *this;
    draft.attributes.erase(name);
    return draft;
  }
  Descriptor set() const {
    Descriptor descriptor(library(), type);
    for (const auto& [name, set] : attributes) set(descriptor);
    return descriptor;
  }
  Descriptor make() const {
    Descriptor descriptor = set();
    descriptor.finalize();
    return descriptor;
  }
};

using Sizes = std::vector<std::int64_t>;

inline Draft tensor_draft(std::int64_t id, const Sizes& sizes) {
  const std::int64_t c = sizes[1], h = sizes[2], w = sizes[3];
  Draft draft{CUDNN_BACKEND_TENSOR_DESCRIPTOR, {}};
  return draft.with(CUDNN_ATTR_TENSOR_UNIQUE_ID, id)
      .with(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_DATA_FLOAT)
      .with(CUDNN_ATTR_TENSOR_DIMENSIONS, sizes)
      .with(CUDNN_ATTR_TENSOR_STRIDES, Sizes{h * w * c, 1, w * c, c})
      .with(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, std::int64_t{16});
}

inline Draft window_draft() {
  Draft draft{CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, {}};
  return draft.with(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT)
      .with(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION)
      .with(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2})
      .with(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, Sizes{1, 1})
      .with(CUDNN_ATTR_CONVOLUTION_DILATIONS, Sizes{1, 1})
      .with(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, Sizes{0, 0})
      .with(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, Sizes{0, 0});
}

}  // namespace fovea::test
