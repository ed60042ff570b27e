#include "tests/simulated_gpu/cudnn/engines.h"

namespace simulated_gpu::cudnn {

std::span<const Engine> engines() {
  static constexpr Engine kEngines[] = {
      {7, CUDNN_HEUR_MODE_A, true, 512, std::nullopt},
      {11, CUDNN_HEUR_MODE_A, false, 0, std::pair{CUDNN_KNOB_TYPE_TILE_SIZE, std::int64_t{3}}},
      {2, CUDNN_HEUR_MODE_FALLBACK, false, 4096, std::nullopt}};
  return kEngines;
}

const Engine* find_engine(std::int64_t index) {
  for (const Engine& engine : engines()) {
    if (engine.index == index) return &engine;
  }
  return nullptr;
}

void complete_engine(Content& content, const Engine& engine) {
  std::vector<cudnnBackendNumericalNote_t> notes;
  if (engine.tensor_core) notes.push_back(CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
  content.put(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, notes);
  content.put(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, std::vector<cudnnBackendBehaviorNote_t>{});
}

ContentPtr proposed_config(const Engine& engine, const ContentPtr& graph) {
  const auto described = std::make_shared<Content>(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  described->put(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, {graph});
  described->put(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, std::vector{engine.index});
  complete_engine(*described, engine);
  described->finalized = true;
  auto config = std::make_shared<Content>(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  config->put(CUDNN_ATTR_ENGINECFG_ENGINE, {described});
  if (engine.knob) {
    const auto choice = std::make_shared<Content>(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
    choice->put(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, std::vector{engine.knob->first});
    choice->put(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, std::vector{engine.knob->second});
    choice->finalized = true;
    config->put(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, {choice});
  }
  config->finalized = true;
  return config;
}

}  // namespace simulated_gpu::cudnn
