#include "fovea/layer.h"

#include <atomic>
#include <cctype>

#include "host/layers/symbol.h"

namespace fovea {
namespace {

/// Only the order of these numbers matters.
std::uint64_t next_order() {
  static std::atomic<std::uint64_t> counter{0};
  return counter++;
}

/// Builds the layer once, for a batch of one, to learn its output's shape.
ValueType infer_sample(const Layer& layer, const std::vector<Symbol>& arguments) {
  Graph graph;
  Builder b(graph);
  std::vector<Value> inputs;
  for (const Symbol& argument : arguments) {
    const std::string name = "argument_" + std::to_string(inputs.size());
    inputs.push_back(b.input(name, {argument.shape().prepend(1), argument.dtype()}));
  }
  const auto scope =
      b.scope(layer.name().empty() ? detail::snake_case(layer.kind()) : layer.name());
  ValueType type = b.type(layer.build_many(b, inputs));
  FOVEA_REQUIRE(type.shape.rank() >= 1, shape_mismatch, "'", b.path(), "' (", layer.kind(),
                ") gives a scalar; a layer's output has the batch as its first axis");
  type.shape = type.shape.drop_front();
  return type;
}

}  // namespace

namespace detail {

std::string snake_case(std::string_view kind) {
  const auto lower = [&](std::size_t i) {
    return i < kind.size() && std::islower(static_cast<unsigned char>(kind[i])) != 0;
  };
  std::string name;
  for (std::size_t i = 0; i < kind.size(); ++i) {
    const auto letter = static_cast<unsigned char>(kind[i]);
    if (i > 0 && std::isupper(letter) != 0 && (lower(i - 1) || lower(i + 1))) name += '_';
    name += static_cast<char>(std::tolower(letter));
  }
  return name;
}

std::string batch_shape_text(const Shape& sample) {
  std::string text = "(None,";
  for (int axis = 0; axis < sample.rank(); ++axis) {
    text += (axis == 0 ? " " : ", ") + std::to_string(sample[axis]);
  }
  return text + ")";
}

}  // namespace detail

const Shape& Symbol::shape() const { return node_->sample.shape; }
DType Symbol::dtype() const { return node_->sample.dtype; }

Symbol input(Shape shape, std::string name, DType dtype) {
  return Symbol(std::make_shared<const detail::SymbolNode>(
      detail::SymbolNode{nullptr, {}, std::move(name), {shape, dtype}, next_order()}));
}

Layer::~Layer() = default;

Value Layer::build(Builder& b, Value) const {
  fail(ErrorCode::invalid_argument, "'", b.path(), "' (", kind(),
       ") cannot be applied to a single input; give it a list: ", kind(), "()({x, y})");
}

Value Layer::build_many(Builder& b, std::span<const Value> inputs) const {
  FOVEA_REQUIRE(inputs.size() == 1, invalid_argument, "'", b.path(), "' (", kind(),
                ") takes one input, not ", inputs.size());
  return build(b, inputs.front());
}

Symbol Layer::operator()(const Symbol& x) const { return (*this)(std::vector<Symbol>{x}); }

Symbol Layer::operator()(const std::vector<Symbol>& inputs) const {
  const ValueType sample = infer_sample(*this, inputs);
  return Symbol(std::make_shared<const detail::SymbolNode>(
      detail::SymbolNode{clone(), inputs, {}, sample, next_order()}));
}

Value Layer::operator()(Builder& b, Value x) const {
  return (*this)(b, std::span<const Value>(&x, 1));
}

Value Layer::operator()(Builder& b, std::span<const Value> inputs) const {
  FOVEA_REQUIRE(!name_.empty(), invalid_argument, "a ", kind(), " inside '", b.path(),
                "' needs a name, which becomes part of its parameters' paths");
  const auto scope = b.scope(name_);
  return build_many(b, inputs);
}

}  // namespace fovea
