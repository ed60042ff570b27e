// The simulated engines: all compute the same, and differ in what they tell and ask for.
#pragma once

#include <optional>
#include <span>
#include <utility>

#include "tests/simulated_gpu/cudnn/graph.h"

namespace simulated_gpu::cudnn {

struct Engine {
  std::int64_t index;  ///< cuDNN's "global index"
  cudnnBackendHeurMode_t mode;
  bool tensor_core;  ///< rounds an f32 convolution's inputs to TF32, and says so
  std::int64_t workspace_bytes;
  /// The knob that the heuristics turn, and the largest value that it takes; none where absent.
  std::optional<std::pair<cudnnBackendKnobType_t, std::int64_t>> knob;
};

std::span<const Engine> engines();
/// Null where there is none of that number.
const Engine* find_engine(std::int64_t index);

/// The content of a finalized configuration of the engine, as heuristics propose it.
ContentPtr proposed_config(const Engine& engine, const ContentPtr& graph);

/// Adds what an engine's descriptor tells.
void complete_engine(Content& content, const Engine& engine);

}  // namespace simulated_gpu::cudnn
