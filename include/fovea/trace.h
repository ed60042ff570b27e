// What backpropagation does, node by node: values, local derivatives and gradients of a small
// computation, to be looked at.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "fovea/graph.h"
#include "fovea/loss.h"
#include "fovea/model.h"
#include "fovea/tensor.h"

namespace fovea {

/// A named input of a computation: a number or a tensor.
struct TraceInput {
  TraceInput(std::string input_name, double number)
      : name(std::move(input_name)), value(Tensor::full({}, number, DType::f64)) {}
  TraceInput(std::string input_name, Tensor tensor)
      : name(std::move(input_name)), value(std::move(tensor)) {}
  std::string name;
  Tensor value;
};

/// The way from one node to a node that reads it.
struct TraceEdge {
  std::string from;
  /// The derivatives of the reading node's values by this node's, (values there, values here), f64;
  /// of numbers, (1, 1).
  Tensor derivative;
};

/// One value of a computation.
struct TraceNode {
  std::string name;  ///< the path, with the op where several nodes share one: "dense.matmul"
  std::string op;    ///< "multiply"; of what is given, "input", "parameter", "state", "constant"
  Tensor value;      ///< f64; labels stay i32
  Tensor
      gradient;  ///< of the result by this value, in its shape, f64; none where none is asked for
  std::vector<TraceEdge> inputs;  ///< along which gradients flow back, in the op's order
};

/// A computation that ends in one number, looked at. Nodes stand in the order in which they are
/// computed; the last is the result.
struct FOVEA_API GradientTrace {
  std::vector<TraceNode> nodes;

  /// Throws invalid_argument for an unknown name, listing the known ones.
  const TraceNode& node(const std::string& name) const;
  const TraceNode& result() const { return nodes.back(); }

  /// As a tree with the result as its root: each line has the derivative of the line above by this
  /// one, the name, op and value, and the gradient of the result. What is read twice is drawn once
  /// and named after that.
  std::string str() const;
};

/// Traces a function of named inputs, in f64:
///
///   trace_gradients({{"price", 100}, {"count", 2}}, [](Builder& b, const std::vector<Value>& x) {
///     return Value(b.add(ops::Multiply{}, {x[0], x[1]}));
///   });
///
/// A Builder's scopes name the nodes. Throws shape_mismatch where the function gives no single
/// number, invalid_argument for two inputs of one name and for computations too large to look at
/// (an edge with more than 65,536 derivatives).
FOVEA_API GradientTrace
trace_gradients(const std::vector<TraceInput>& inputs,
                const std::function<Value(Builder&, const std::vector<Value>&)>& function);

/// Traces the mean loss of a model with one input and one output for a batch, in f64 with the
/// model's weights, as predict() computes: without dropout, batch norm with its running statistics.
/// Throws as above, and as append_loss.
FOVEA_API GradientTrace trace_gradients(const Model& model, const Tensor& x, const Loss& loss,
                                        const Tensor& target);

}  // namespace fovea
