// Op: what a node of a graph computes, described without any device code.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/dtype.h"
#include "fovea/error.h"
#include "fovea/export.h"
#include "fovea/fields.h"
#include "fovea/json.h"
#include "fovea/shape.h"

namespace fovea {

class Builder;

/// Shape and element type of a value.
struct ValueType {
  Shape shape;
  DType dtype = DType::f32;
  std::int64_t bytes() const {
    return shape.numel() * static_cast<std::int64_t>(dtype_size(dtype));
  }
  friend bool operator==(const ValueType&, const ValueType&) = default;
};

/// "f32(32, 28, 28, 1)".
FOVEA_API std::string to_string(const ValueType& type);

/// A symbolic value of one graph: an index, nothing more. Default-constructed: no value.
struct Value {
  int id = -1;
  bool defined() const { return id >= 0; }
  friend bool operator==(Value, Value) = default;
};

/// What `Op::backward` is given: the node it belongs to and the gradients that have arrived.
struct BackwardContext {
  Builder& builder;
  std::span<const Value> inputs;
  std::span<const Value> outputs;
  /// One per output; undefined where no gradient flows into that output.
  std::span<const Value> output_grads;
  /// One per input: whether anybody wants its gradient.
  std::span<const bool> wanted;
};

/// A small, immutable description: attributes, shape inference and the rule for gradients.
/// Derive from OpBase<Derived>, which fills in the name and the attributes.
class FOVEA_API Op {
 public:
  virtual ~Op();

  /// The name in errors, profiles, files and kernel tables, such as "conv2d".
  virtual std::string_view name() const = 0;
  /// All attributes as a JSON object; equal attributes give equal text.
  virtual Json attributes() const = 0;

  /// Output types from input types. Throws shape_mismatch or invalid_argument with the cause; the
  /// builder adds the node's path and its input shapes.
  virtual std::vector<ValueType> infer(std::span<const ValueType> inputs) const = 0;

  /// Appends the nodes that compute the inputs' gradients and returns one Value per input,
  /// undefined for inputs that are not wanted or get none. The default throws unsupported.
  virtual std::vector<Value> backward(const BackwardContext& context) const;

  /// Indices of the inputs that the op overwrites (persistent state). Such nodes are never dropped.
  virtual std::vector<int> effects() const { return {}; }

  /// A fused op's expansion into the parts it replaces, or nothing for an op that is no fusion.
  virtual std::optional<std::vector<Value>> expand(Builder& builder,
                                                   std::span<const Value> inputs) const;

  /// Floating-point operations of one evaluation (multiply and add count as two), to the leading
  /// term: activations and biases fused into a product do not count. 0 for data movement.
  virtual double flops(std::span<const ValueType> inputs, std::span<const ValueType> outputs) const;
};

using OpPtr = std::shared_ptr<const Op>;

/// Fills in name() and attributes() from Derived::kName and Derived::fields, and flops() from
/// Derived::kFlopsPerElement, where there is one: so many for each element of the largest value.
///
///   struct LeakyRelu : OpBase<LeakyRelu> {
///     static constexpr std::string_view kName = "leaky_relu";
///     double slope = 0.3;
///     template <class Self, class Visitor>
///     static void fields(Self& self, Visitor&& visit) { visit("slope", self.slope); }
///     ...
///   };
template <class Derived>
class OpBase : public Op {
 public:
  std::string_view name() const final { return Derived::kName; }
  Json attributes() const final {
    Json json = Json::object();
    Derived::fields(
        static_cast<const Derived&>(*this),
        [&](std::string_view key, const auto& value) { json.set(key, to_json(value)); });
    return json;
  }
  double flops(std::span<const ValueType> inputs,
               std::span<const ValueType> outputs) const override {
    if constexpr (requires { Derived::kFlopsPerElement; }) {
      std::int64_t elements = 0;
      for (const auto& types : {inputs, outputs}) {
        for (const ValueType& type : types) elements = std::max(elements, type.shape.numel());
      }
      return Derived::kFlopsPerElement * static_cast<double>(elements);
    } else {
      return Op::flops(inputs, outputs);
    }
  }
  /// An op without attributes needs no `fields` of its own.
  template <class Self, class Visitor>
  static void fields(Self&, Visitor&&) {}
};

/// Makes an op from its name and attributes, as read from a model file. Throws parse for an unknown
/// name or a missing or ill-typed attribute.
FOVEA_API OpPtr make_op(std::string_view name, const Json& attributes);

/// Makes programs' own ops known to `make_op`. Throws invalid_argument for a name already taken.
using OpFactory = OpPtr (*)(const Json& attributes);
FOVEA_API void register_op(std::string_view name, OpFactory factory);

template <class DerivedOp>
OpPtr op_from_json(const Json& attributes) {
  auto op = std::make_shared<DerivedOp>();
  DerivedOp::fields(
      *op, [&](std::string_view key, auto& value) { from_json(attributes.at(key), value); });
  return op;
}

template <class DerivedOp>
void register_op() {
  register_op(DerivedOp::kName, &op_from_json<DerivedOp>);
}

/// Every op name that `make_op` knows, sorted.
FOVEA_API std::vector<std::string> registered_ops();

namespace ops {

/// Checks used by many ops' infer(); each throws Error with what was expected.
FOVEA_API void require_inputs(std::span<const ValueType> inputs, std::size_t count);
FOVEA_API void require_rank(const ValueType& type, int rank, std::string_view what);
FOVEA_API void require_shape(const ValueType& type, const Shape& shape, std::string_view what);
FOVEA_API void require_floating(const ValueType& type, std::string_view what);
/// Shape and dtype.
FOVEA_API void require_type(const ValueType& type, const ValueType& expected,
                            std::string_view what);

}  // namespace ops
}  // namespace fovea
