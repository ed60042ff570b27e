// Descriptors of cuDNN's backend API: attributes that are set one by one, and then no more.
#pragma once

#include <cudnn_backend.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace simulated_gpu::cudnn {

struct Content;
struct Graph;
using ContentPtr = std::shared_ptr<Content>;

/// Thrown by what a call leads to; the call returns the status and keeps the words.
struct Failure {
  cudnnStatus_t status;
  std::string words;
};

/// What a call ends with, unless `holds`.
inline void require(bool holds, cudnnStatus_t status, const std::string& words) {
  if (!holds) throw Failure{status, words};
}

struct Attribute {
  std::int64_t count = 0;
  std::vector<char> bytes;           ///< of values
  std::vector<ContentPtr> children;  ///< of descriptors
};

/// What a descriptor says. Other descriptors share it, so it outlives the one that it was set in.
struct Content {
  explicit Content(cudnnBackendDescriptorType_t which) : type(which) {}

  bool has(cudnnBackendAttributeName_t name) const { return attributes.count(name) != 0; }

  template <class T>
  std::vector<T> all(cudnnBackendAttributeName_t name) const {
    const Attribute& attribute = attributes.at(name);
    std::vector<T> values(static_cast<std::size_t>(attribute.count));
    std::memcpy(values.data(), attribute.bytes.data(), values.size() * sizeof(T));
    return values;
  }
  template <class T>
  T one(cudnnBackendAttributeName_t name) const {
    T value;
    std::memcpy(&value, attributes.at(name).bytes.data(), sizeof value);
    return value;
  }
  template <class T>
  T one_or(cudnnBackendAttributeName_t name, T otherwise) const {
    return has(name) ? one<T>(name) : otherwise;
  }
  /// Given as f32 or as f64.
  double real_or(cudnnBackendAttributeName_t name, double otherwise) const {
    if (!has(name)) return otherwise;
    return attributes.at(name).bytes.size() == sizeof(float) ? one<float>(name) : one<double>(name);
  }
  const ContentPtr& child(cudnnBackendAttributeName_t name) const {
    return attributes.at(name).children.at(0);
  }

  template <class T>
  void put(cudnnBackendAttributeName_t name, const std::vector<T>& values) {
    Attribute& attribute = attributes[name];
    attribute.count = static_cast<std::int64_t>(values.size());
    const auto* begin = reinterpret_cast<const char*>(values.data());
    attribute.bytes.assign(begin, begin + values.size() * sizeof(T));
  }
  void put(cudnnBackendAttributeName_t name, std::vector<ContentPtr> children) {
    Attribute& attribute = attributes[name];
    attribute.count = static_cast<std::int64_t>(children.size());
    attribute.children = std::move(children);
  }

  cudnnBackendDescriptorType_t type;
  bool finalized = false;
  std::map<cudnnBackendAttributeName_t, Attribute> attributes;
  std::shared_ptr<const Graph> graph;  ///< of an operation graph that is finalized
};

/// What a cudnnBackendDescriptor_t points to. Reading an attribute makes one show other content.
struct Descriptor {
  ContentPtr content;
};

/// Whether this is a descriptor that was created and not destroyed.
bool is_alive(const void* descriptor);

Descriptor* create(cudnnBackendDescriptorType_t type);
void destroy(cudnnBackendDescriptor_t descriptor);
void set(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
         cudnnBackendAttributeType_t type, std::int64_t count, const void* values);
void get(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
         cudnnBackendAttributeType_t type, std::int64_t room, std::int64_t* count, void* values);
void finalize(cudnnBackendDescriptor_t descriptor);

/// The content of a finalized descriptor of this type; fails for anything else.
ContentPtr finalized_content(cudnnBackendDescriptor_t descriptor,
                             cudnnBackendDescriptorType_t type);

}  // namespace simulated_gpu::cudnn
