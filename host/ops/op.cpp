// What an op does where it says nothing of its own.
#include "fovea/op.h"

namespace fovea {

std::string to_string(const ValueType& type) {
  return std::string(dtype_name(type.dtype)) + type.shape.str();
}

Op::~Op() = default;

std::vector<Value> Op::backward(const BackwardContext&) const {
  fail(ErrorCode::unsupported, "the op '", name(),
       "' has no gradient; only values that do not pass through it can be trained");
}

std::optional<std::vector<Value>> Op::expand(Builder&, std::span<const Value>) const {
  return std::nullopt;
}

double Op::flops(std::span<const ValueType>, std::span<const ValueType>) const { return 0; }

}  // namespace fovea
