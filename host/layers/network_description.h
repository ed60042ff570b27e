// What a Network holds, however it was written down.
#pragma once

#include "fovea/network.h"

namespace fovea {

struct Network::Description {
  std::string name;
  std::vector<InputSpec> inputs;
  std::vector<OutputSpec> outputs;
  std::vector<LayerRecord> layers;
  Body body;
};

namespace detail {

/// Binds the specified inputs, for batches of one size, as a graph's inputs.
std::vector<Value> add_inputs(Builder& b, const std::vector<InputSpec>& specs,
                              std::int64_t batch_size);

/// The parameters and state that nodes from `first_node` on have added below `path`.
std::vector<ParameterRecord> parameters_since(const Graph& graph, std::size_t first_node,
                                              const std::string& path);

/// Throws invalid_argument for an empty name or one given twice; `what` is "input" or "output".
void require_distinct_names(const std::vector<std::string>& names, std::string_view what);

/// Output shapes by a trial build for a batch of one, into an empty graph.
std::vector<OutputSpec> infer_outputs(Graph& trial, const std::vector<InputSpec>& inputs,
                                      const std::vector<std::string>& names,
                                      const Network::Body& body);

/// The record of an input, which stands first in summaries.
LayerRecord input_record(const InputSpec& input);

/// A record as Network::to_json has it.
Json layer_json(const LayerRecord& layer);

}  // namespace detail
}  // namespace fovea
