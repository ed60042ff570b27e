// What tests of layers and networks share.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "fovea/layers.h"
#include "fovea/network.h"

namespace fovea::test {

/// The message of the Error that `body` throws; a failed test when it throws none.
inline std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "no error was thrown";
  return "";
}

/// A network of one layer.
inline Network chain_of(const Shape& sample, const AnyLayer& layer) {
  return Network(Sequential{layer}, Input(sample));
}

/// A network's graph for one batch size.
struct GraphOf {
  GraphOf(const Network& network, std::int64_t batch_size, DType dtype = DType::f32) {
    Builder b(graph, dtype);
    std::map<std::string, Value> inputs;
    for (const InputSpec& spec : network.inputs()) {
      const DType input_dtype = spec.dtype == DType::f32 ? dtype : spec.dtype;
      inputs[spec.name] = b.input(spec.name, {spec.shape.prepend(batch_size), input_dtype});
    }
    outputs = network.build(b, inputs);
  }

  /// The first node of a path; throws when there is none.
  const Node& node(const std::string& path) const {
    for (const Node& candidate : graph.nodes()) {
      if (candidate.path == path) return candidate;
    }
    fail(ErrorCode::internal, "no node '", path, "'");
  }
  int count(std::string_view op) const {
    int number = 0;
    for (const Node& candidate : graph.nodes()) number += candidate.op->name() == op ? 1 : 0;
    return number;
  }
  /// Everything that makes two graphs equal.
  std::string text() const {
    std::string all = graph.str();
    for (const Node& each : graph.nodes()) all += each.op->attributes().to_string() + "\n";
    for (const auto& output : outputs) {
      all += output.first + " %" + std::to_string(output.second.id) + "\n";
    }
    return all;
  }

  Graph graph;
  std::vector<std::pair<std::string, Value>> outputs;
};

/// The network read back from its own JSON text gives equal graphs, at batch sizes of its own, and
/// the same JSON.
inline void expect_round_trip(const Network& network) {
  const std::string text = network.to_json().to_string();
  const Network copy = Network::from_json(Json::parse(text));
  EXPECT_EQ(copy.to_json().to_string(), text);
  EXPECT_EQ(copy.parameter_count(), network.parameter_count());
  for (std::int64_t batch_size : {1, 7}) {
    EXPECT_EQ(GraphOf(copy, batch_size).text(), GraphOf(network, batch_size).text());
  }
}

}  // namespace fovea::test
