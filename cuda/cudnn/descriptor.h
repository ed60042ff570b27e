// A descriptor of cuDNN's graph API that owns itself, with typed, checked attributes.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cuda/cudnn/library.h"

namespace fovea::cuda::cudnn {

/// How cuDNN names a C++ type among its attribute types.
template <class T>
struct AttributeType;
template <>
struct AttributeType<std::int64_t> {
  static constexpr auto value = CUDNN_TYPE_INT64;
};
template <>
struct AttributeType<std::int32_t> {
  static constexpr auto value = CUDNN_TYPE_INT32;
};
template <>
struct AttributeType<float> {
  static constexpr auto value = CUDNN_TYPE_FLOAT;
};
template <>
struct AttributeType<double> {
  static constexpr auto value = CUDNN_TYPE_DOUBLE;
};
template <>
struct AttributeType<bool> {
  static constexpr auto value = CUDNN_TYPE_BOOLEAN;
};
template <>
struct AttributeType<char> {
  static constexpr auto value = CUDNN_TYPE_CHAR;
};
template <>
struct AttributeType<cudnnHandle_t> {
  static constexpr auto value = CUDNN_TYPE_HANDLE;
};
template <>
struct AttributeType<cudnnDataType_t> {
  static constexpr auto value = CUDNN_TYPE_DATA_TYPE;
};
template <>
struct AttributeType<cudnnConvolutionMode_t> {
  static constexpr auto value = CUDNN_TYPE_CONVOLUTION_MODE;
};
template <>
struct AttributeType<cudnnPointwiseMode_t> {
  static constexpr auto value = CUDNN_TYPE_POINTWISE_MODE;
};
template <>
struct AttributeType<cudnnGenStatsMode_t> {
  static constexpr auto value = CUDNN_TYPE_GENSTATS_MODE;
};
template <>
struct AttributeType<cudnnBackendHeurMode_t> {
  static constexpr auto value = CUDNN_TYPE_HEUR_MODE;
};
template <>
struct AttributeType<cudnnBackendKnobType_t> {
  static constexpr auto value = CUDNN_TYPE_KNOB_TYPE;
};
template <>
struct AttributeType<cudnnBackendNumericalNote_t> {
  static constexpr auto value = CUDNN_TYPE_NUMERICAL_NOTE;
};
template <>
struct AttributeType<cudnnBackendBehaviorNote_t> {
  static constexpr auto value = CUDNN_TYPE_BEHAVIOR_NOTE;
};
template <>
struct AttributeType<cudnnNanPropagation_t> {
  static constexpr auto value = CUDNN_TYPE_NAN_PROPOGATION;
};
/// A pointer to data, host or device. (cuDNN's descriptors are void*, too: see Descriptor below.)
template <>
struct AttributeType<void*> {
  static constexpr auto value = CUDNN_TYPE_VOID_PTR;
};

/// Set the attributes, finalize, then read or use. Every failure throws cudnn, naming the call and
/// the attribute's number. cuDNN holds what a descriptor refers to by itself.
class Descriptor {
 public:
  Descriptor() = default;
  Descriptor(const Library& library, cudnnBackendDescriptorType_t type);
  Descriptor(Descriptor&& other) noexcept { swap(other); }
  Descriptor& operator=(Descriptor&& other) noexcept {
    swap(other);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();

  explicit operator bool() const { return descriptor_ != nullptr; }
  cudnnBackendDescriptor_t get() const { return descriptor_; }

  template <class T>
  void set(cudnnBackendAttributeName_t name, const T& value) {
    set_raw(name, AttributeType<T>::value, 1, &value);
  }
  template <class T>
  void set_array(cudnnBackendAttributeName_t name, std::span<const T> values) {
    set_raw(name, AttributeType<T>::value, values.size(), values.data());
  }
  void set(cudnnBackendAttributeName_t name, const Descriptor& value);
  void set_array(cudnnBackendAttributeName_t name, std::span<const Descriptor> values);

  /// Throws where cuDNN refuses what was set.
  void finalize();
  /// False, with cuDNN's reason, where it refuses: for what may well not be supported.
  bool try_finalize(std::string& reason);

  template <class T>
  T read(cudnnBackendAttributeName_t name) const {
    T value{};
    read_raw(name, AttributeType<T>::value, 1, &value);
    return value;
  }
  /// At most `room` values.
  template <class T>
  std::vector<T> read_array(cudnnBackendAttributeName_t name, std::size_t room) const {
    std::vector<T> values(room);
    values.resize(read_raw(name, AttributeType<T>::value, room, values.data()));
    return values;
  }
  /// How many values an attribute has.
  std::size_t count(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type) const;
  /// At most `room` descriptors of the given type.
  std::vector<Descriptor> read_descriptors(cudnnBackendAttributeName_t name,
                                           cudnnBackendDescriptorType_t type,
                                           std::size_t room) const;

 private:
  void swap(Descriptor& other) noexcept {
    std::swap(library_, other.library_);
    std::swap(descriptor_, other.descriptor_);
    std::swap(type_, other.type_);
  }
  void set_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
               std::size_t count, const void* values);
  std::size_t read_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                       std::size_t room, void* values) const;

  const Library* library_ = nullptr;  // which stays loaded
  cudnnBackendDescriptor_t descriptor_ = nullptr;
  cudnnBackendDescriptorType_t type_ = CUDNN_BACKEND_TENSOR_DESCRIPTOR;
};

}  // namespace fovea::cuda::cudnn
