#include "fovea/detail/philox.h"
#include "fovea/graph.h"
#include "fovea/ops/source.h"
#include "host/graph/step_state.h"

namespace fovea {
namespace {

std::string join(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

}  // namespace

Builder::Builder(Graph& graph, DType dtype) : graph_(graph), dtype_(dtype) {
  for (const Node& node : graph.nodes()) {
    const std::string_view op = node.op->name();
    if (op == ops::Input::kName || op == ops::Parameter::kName || op == ops::State::kName) {
      sources_.emplace(node.path, node.outputs.front());
    }
  }
}

Outputs Builder::add(OpPtr op, std::vector<Value> inputs) {
  std::string path = path_.empty() ? std::string(op->name()) : path_;
  return Outputs(graph_.add(std::move(op), std::move(inputs), std::move(path)).outputs);
}

Value Builder::source(OpPtr op, const std::string& path, const ValueType& expected) {
  const auto found = sources_.find(path);
  if (found != sources_.end()) {
    const ValueType& existing = type(found->second);
    FOVEA_REQUIRE(existing == expected, shape_mismatch, "'", path, "' is asked for as ",
                  to_string(expected), ", but exists as ", to_string(existing),
                  "; a layer that is called twice needs inputs of the same width");
    return found->second;
  }
  const Value value = graph_.add(std::move(op), {}, path).outputs.front();
  sources_.emplace(path, value);
  return value;
}

Value Builder::input(const std::string& name, ValueType type) {
  auto op = std::make_shared<ops::Input>();
  op->key = name;
  op->shape = type.shape;
  op->dtype = type.dtype;
  return source(std::move(op), name, type);
}

Value Builder::parameter(const std::string& name, Shape shape, const Initializer& initializer,
                         const ParameterOptions& options) {
  auto op = std::make_shared<ops::Parameter>();
  op->shape = shape;
  op->dtype = dtype_;
  op->initializer = initializer;
  op->l1 = options.l1;
  op->l2 = options.l2;
  return source(std::move(op), join(path_, name), {shape, dtype_});
}

Value Builder::state(const std::string& name, Shape shape, double initial_value) {
  return global_state(join(path_, name), {shape, dtype_}, initial_value);
}

Value Builder::global_state(const std::string& path, ValueType type, double initial_value) {
  auto op = std::make_shared<ops::State>();
  op->shape = type.shape;
  op->dtype = type.dtype;
  op->initial_value = initial_value;
  return source(std::move(op), path, type);
}

Value Builder::constant(Shape shape, double value) { return constant({shape, dtype_}, value); }

Value Builder::constant(ValueType type, double value) {
  ops::Constant op;
  op.shape = type.shape;
  op.dtype = type.dtype;
  op.value = value;
  return add(op, {});
}

Value Builder::random_seed() { return global_state(step_state::kSeed, {{}, DType::i64}, 0); }

Value Builder::step_counter() { return global_state(step_state::kAttempted, {{}, DType::i64}, 0); }

std::uint64_t Builder::random_stream() {
  return detail::mix_key(detail::path_key(path_), random_calls_[path_]++);
}

Builder::Scope::Scope(Builder& builder, const std::string& name)
    : builder_(builder), previous_length_(builder.path_.size()) {
  builder_.path_ = join(builder_.path_, name);
}

Builder::Scope::~Scope() { builder_.path_.resize(previous_length_); }

}  // namespace fovea
