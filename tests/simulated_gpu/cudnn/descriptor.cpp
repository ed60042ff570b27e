#include "tests/simulated_gpu/cudnn/descriptor.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "tests/simulated_gpu/cudnn/finalize.h"
#include "tests/simulated_gpu/cudnn/rules.h"

namespace simulated_gpu::cudnn {
namespace {

struct Alive {
  std::mutex mutex;
  std::set<const void*> descriptors;
};

/// Never destroyed: descriptors may be, after our statics.
Alive& alive() {
  static auto& all = *new Alive;
  return all;
}

Descriptor& checked(const void* descriptor) {
  require(descriptor != nullptr, CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "the descriptor is null");
  require(is_alive(descriptor), CUDNN_STATUS_BAD_PARAM,
          "this is no descriptor, or it was destroyed");
  return *static_cast<Descriptor*>(const_cast<void*>(descriptor));
}

std::string named(cudnnBackendAttributeName_t name) { return "attribute " + std::to_string(name); }

/// Fails unless the attribute has such a type.
void check_type(const Rule& rule, cudnnBackendAttributeType_t type) {
  require(std::find(rule.types.begin(), rule.types.end(), type) != rule.types.end(),
          CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE,
          named(rule.name) + " is not of type " + std::to_string(type));
}

Descriptor& checked_child(const void* descriptor, int type) {
  Descriptor& child = checked(descriptor);
  require(type == kAnyDescriptor || child.content->type == type,
          CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE,
          "a descriptor of type " + std::to_string(child.content->type) + " where one of type " +
              std::to_string(type) + " is wanted");
  return child;
}

}  // namespace

bool is_alive(const void* descriptor) {
  const std::scoped_lock lock(alive().mutex);
  return alive().descriptors.count(descriptor) != 0;
}

Descriptor* create(cudnnBackendDescriptorType_t type) {
  auto descriptor = std::make_unique<Descriptor>(Descriptor{std::make_shared<Content>(type)});
  const std::scoped_lock lock(alive().mutex);
  alive().descriptors.insert(descriptor.get());
  return descriptor.release();
}

void destroy(cudnnBackendDescriptor_t descriptor) {
  const std::unique_ptr<Descriptor> owned(&checked(descriptor));
  const std::scoped_lock lock(alive().mutex);
  alive().descriptors.erase(descriptor);
}

void set(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
         cudnnBackendAttributeType_t type, std::int64_t count, const void* values) {
  Content& content = *checked(descriptor).content;
  require(!content.finalized, CUDNN_STATUS_BAD_PARAM,
          named(name) + " is set after the descriptor was finalized");
  const std::vector<Rule>* rules = rules_of(content.type);
  if (rules == nullptr) return;
  const Rule* rule = find_rule(*rules, name);
  require(rule != nullptr && rule->need != Need::output, CUDNN_STATUS_BAD_PARAM,
          named(name) + " cannot be set in a descriptor of type " + std::to_string(content.type));
  check_type(*rule, type);
  require(count >= rule->least && count <= rule->most, CUDNN_STATUS_BAD_PARAM,
          named(name) + " does not have " + std::to_string(count) + " elements");
  require(values != nullptr, CUDNN_STATUS_BAD_PARAM_NULL_POINTER, named(name) + " is null");
  const auto elements = static_cast<std::size_t>(count);
  Attribute attribute;
  attribute.count = count;
  if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
    const auto* children = static_cast<const cudnnBackendDescriptor_t*>(values);
    for (std::size_t i = 0; i < elements; ++i) {
      attribute.children.push_back(checked_child(children[i], rule->child).content);
    }
  } else {
    const auto* bytes = static_cast<const char*>(values);
    attribute.bytes.assign(bytes, bytes + elements * size_of(type));
  }
  content.attributes[name] = std::move(attribute);
}

void get(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
         cudnnBackendAttributeType_t type, std::int64_t room, std::int64_t* count, void* values) {
  const Content& content = *checked(descriptor).content;
  require(content.finalized, CUDNN_STATUS_NOT_INITIALIZED,
          named(name) + " is read before the descriptor was finalized");
  const std::vector<Rule>* rules = rules_of(content.type);
  const Rule* rule = rules == nullptr ? nullptr : find_rule(*rules, name);
  require(rule != nullptr, CUDNN_STATUS_BAD_PARAM,
          named(name) + " is none of a descriptor of type " + std::to_string(content.type));
  check_type(*rule, type);
  require(room >= 0 && count != nullptr && (values != nullptr || room == 0),
          CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "there is no room for " + named(name));
  *count = 0;
  if (!content.has(name)) return;
  const Attribute& attribute = content.attributes.at(name);
  *count = attribute.count;
  const auto copied = static_cast<std::size_t>(std::min(room, attribute.count));
  if (type != CUDNN_TYPE_BACKEND_DESCRIPTOR) {
    if (copied > 0) std::memcpy(values, attribute.bytes.data(), copied * size_of(type));
    return;
  }
  // The caller brings descriptors of the right type, which are to show these.
  auto* brought = static_cast<cudnnBackendDescriptor_t*>(values);
  for (std::size_t i = 0; i < copied; ++i) {
    Descriptor& shown = checked_child(brought[i], rule->child);
    require(!shown.content->finalized, CUDNN_STATUS_BAD_PARAM,
            "a finalized descriptor is brought to read " + named(name));
    shown.content = attribute.children[i];
  }
}

void finalize(cudnnBackendDescriptor_t descriptor) {
  Content& content = *checked(descriptor).content;
  require(!content.finalized, CUDNN_STATUS_BAD_PARAM, "the descriptor is finalized twice");
  if (const std::vector<Rule>* rules = rules_of(content.type)) {
    for (const Rule& rule : *rules) {
      require(rule.need != Need::required || content.has(rule.name), CUDNN_STATUS_BAD_PARAM,
              named(rule.name) + " is missing");
    }
    for (const auto& [name, attribute] : content.attributes) {
      for (const ContentPtr& child : attribute.children) {
        require(child->finalized, CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED,
                named(name) + " refers to a descriptor that is not finalized");
      }
    }
    check_and_complete(content);
  }
  content.finalized = true;
}

ContentPtr finalized_content(cudnnBackendDescriptor_t descriptor,
                             cudnnBackendDescriptorType_t type) {
  const Descriptor& checked_descriptor = checked_child(descriptor, type);
  require(checked_descriptor.content->finalized, CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED,
          "a descriptor of type " + std::to_string(type) + " is not finalized");
  return checked_descriptor.content;
}

}  // namespace simulated_gpu::cudnn
