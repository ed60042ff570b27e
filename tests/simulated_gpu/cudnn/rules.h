// Which attributes each descriptor has.
#pragma once

#include "tests/simulated_gpu/cudnn/descriptor.h"

namespace simulated_gpu::cudnn {

enum class Need {
  required,  ///< to be set before the descriptor is finalized
  optional,
  output  ///< told by the library; cannot be set
};

struct Rule {
  cudnnBackendAttributeName_t name;
  std::vector<cudnnBackendAttributeType_t> types;  ///< any of them
  Need need = Need::required;
  std::int64_t least = 1, most = 1;  ///< how many elements
  /// Of which type descriptors are; kAnyDescriptor where it does not matter.
  int child = -1;
};
inline constexpr int kAnyDescriptor = -1;

/// Null for descriptors that are not simulated: these take any attribute and are never executed.
const std::vector<Rule>* rules_of(cudnnBackendDescriptorType_t type);

/// Null where the descriptor has no such attribute.
const Rule* find_rule(const std::vector<Rule>& rules, cudnnBackendAttributeName_t name);

/// Bytes of one element; 0 for types that no simulated descriptor takes.
std::size_t size_of(cudnnBackendAttributeType_t type);

}  // namespace simulated_gpu::cudnn
