// Graph and Builder: a program of ops over symbolic values, append-only and always shape-checked.
#pragma once

#include <initializer_list>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "fovea/initializer.h"
#include "fovea/op.h"

namespace fovea {

/// One op applied to values. Nodes stand in the order in which they run.
struct Node {
  OpPtr op;
  std::vector<Value> inputs;
  std::vector<Value> outputs;
  std::string path;  ///< "stage2.conv1"
};

/// Nodes in execution order and the values between them; owns no memory for tensors.
class FOVEA_API Graph {
 public:
  /// Infers, checks and appends. Throws with the node's path and input shapes on a misfit.
  const Node& add(OpPtr op, std::vector<Value> inputs, std::string path);

  const std::vector<Node>& nodes() const { return nodes_; }
  int value_count() const { return static_cast<int>(types_.size()); }
  const ValueType& type(Value value) const { return types_.at(static_cast<std::size_t>(value.id)); }
  /// Index of the node that produces a value.
  int producer(Value value) const { return producers_.at(static_cast<std::size_t>(value.id)); }
  const Node& producer_node(Value value) const {
    return nodes_[static_cast<std::size_t>(producer(value))];
  }
  /// How many node inputs and graph outputs use each value.
  std::vector<int> use_counts() const;

  /// Values that the outside reads after a run.
  void mark_output(std::string name, Value value);
  void clear_outputs() { outputs_.clear(); }
  const std::vector<std::pair<std::string, Value>>& outputs() const { return outputs_; }

  /// One line per node, for people.
  std::string str() const;

 private:
  std::vector<Node> nodes_;
  std::vector<ValueType> types_;
  std::vector<int> producers_;
  std::vector<std::pair<std::string, Value>> outputs_;
};

/// One or more values returned by Builder::add; a single one converts to Value.
class Outputs {
 public:
  explicit Outputs(std::vector<Value> values) : values_(std::move(values)) {}
  operator Value() const { return values_.front(); }  // NOLINT(google-explicit-constructor)
  Value operator[](std::size_t index) const { return values_.at(index); }
  std::size_t size() const { return values_.size(); }
  const std::vector<Value>& values() const { return values_; }

 private:
  std::vector<Value> values_;
};

/// What a parameter is, beyond its shape.
struct ParameterOptions {
  double l1 = 0;  ///< l1 * sum |w| is added to the loss
  double l2 = 0;  ///< l2 * sum w^2 is added to the loss
};

/// Appends to a graph. Layers' code over a Builder reads like eager code, with shapes known.
class FOVEA_API Builder {
 public:
  /// `dtype` is the type of parameters and state: f32, or f64 for the oracle. Inputs, parameters
  /// and state that the graph already holds are found again under their paths.
  explicit Builder(Graph& graph, DType dtype = DType::f32);
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;

  template <class DerivedOp>
  Outputs add(DerivedOp op, std::initializer_list<Value> inputs) {
    return add(std::make_shared<const DerivedOp>(std::move(op)), std::vector<Value>(inputs));
  }
  Outputs add(OpPtr op, std::vector<Value> inputs);

  /// Outside data, bound for each run.
  Value input(const std::string& name, ValueType type);
  /// A trainable tensor named "<scope>.<name>". Asking again for the same path gives the same
  /// value, so a layer called twice shares its parameters; another shape is a shape_mismatch.
  Value parameter(const std::string& name, Shape shape, const Initializer& initializer,
                  const ParameterOptions& options = {});
  /// A tensor that lives from run to run and is not trained, such as a running mean.
  Value state(const std::string& name, Shape shape, double initial_value);
  /// As `state`, of any type and under an absolute path.
  Value global_state(const std::string& path, ValueType type, double initial_value);
  /// A tensor filled with one number.
  Value constant(Shape shape, double value);
  Value constant(ValueType type, double value);

  /// The counters that random ops read: the seed and the number of the step (i64 scalars).
  Value random_seed();
  Value step_counter();
  /// A key for one random op: its path and how often it was called under that path.
  std::uint64_t random_stream();

  ValueType type(Value value) const { return graph_.type(value); }
  Shape shape(Value value) const { return graph_.type(value).shape; }
  DType dtype() const { return dtype_; }
  Graph& graph() { return graph_; }

  /// Names are joined by dots; the scope ends with the returned object's life.
  class FOVEA_API Scope {
   public:
    Scope(Builder& builder, const std::string& name);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Builder& builder_;
    std::size_t previous_length_;
  };
  [[nodiscard]] Scope scope(const std::string& name) { return Scope(*this, name); }
  const std::string& path() const { return path_; }

 private:
  Value source(OpPtr op, const std::string& path, const ValueType& expected);

  Graph& graph_;
  DType dtype_;
  std::string path_;
  std::unordered_map<std::string, Value> sources_;
  std::unordered_map<std::string, std::uint64_t> random_calls_;
};

}  // namespace fovea
