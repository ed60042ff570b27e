#include "tests/simulated_gpu/cudnn/finalize.h"

#include <set>

#include "tests/simulated_gpu/cudnn/engines.h"
#include "tests/simulated_gpu/cudnn/graph.h"

namespace simulated_gpu::cudnn {
namespace {

/// What is not supported, cuDNN says of the graph only.
void check_operation(const Content& content) {
  try {
    static_cast<void>(operation_of(content));
  } catch (const Failure& failure) {
    if (CUDNN_STATUS_CATEGORY(failure.status) != CUDNN_STATUS_NOT_SUPPORTED) throw;
  }
}

void complete_heuristics(Content& content) {
  const auto mode = content.one<cudnnBackendHeurMode_t>(CUDNN_ATTR_ENGINEHEUR_MODE);
  std::vector<ContentPtr> results;
  for (const Engine& engine : engines()) {
    if (engine.mode != mode) continue;
    results.push_back(
        proposed_config(engine, content.child(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH)));
  }
  require(!results.empty(), CUDNN_STATUS_NOT_SUPPORTED,
          "no engines in mode " + std::to_string(mode));
  content.put(CUDNN_ATTR_ENGINEHEUR_RESULTS, std::move(results));
}

const Engine& engine_of(const Content& content) {
  const auto index = content.one<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
  const Engine* engine = find_engine(index);
  require(engine != nullptr, CUDNN_STATUS_NOT_SUPPORTED,
          "there is no engine " + std::to_string(index));
  return *engine;
}

void check_config(const Content& content) {
  const Engine& engine = engine_of(*content.child(CUDNN_ATTR_ENGINECFG_ENGINE));
  if (!content.has(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES)) return;
  for (const ContentPtr& choice :
       content.attributes.at(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES).children) {
    const auto value = choice->one<std::int64_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE);
    require(engine.knob &&
                choice->one<cudnnBackendKnobType_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE) ==
                    engine.knob->first &&
                value >= 0 && value <= engine.knob->second,
            CUDNN_STATUS_NOT_SUPPORTED, "the engine has no such knob or value");
  }
}

void complete_plan(Content& content) {
  const Content& engine =
      *content.child(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)->child(CUDNN_ATTR_ENGINECFG_ENGINE);
  const Graph& graph = *engine.child(CUDNN_ATTR_ENGINE_OPERATION_GRAPH)->graph;
  const auto handle = content.one_or<cudnnHandle_t>(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, nullptr);
  require(handle != nullptr || content.has(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP),
          CUDNN_STATUS_BAD_PARAM, "a plan needs a handle, or a device that is described");
  require(handle == graph.handle, CUDNN_STATUS_BAD_PARAM, "the plan's handle is not its graph's");
  content.put(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
              std::vector{engine_of(engine).workspace_bytes});
}

void check_pack(const Content& content) {
  const auto ids = content.all<std::int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  const auto pointers = content.all<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
  require(ids.size() == pointers.size(), CUDNN_STATUS_BAD_PARAM,
          std::to_string(ids.size()) + " ids for " + std::to_string(pointers.size()) + " pointers");
  require(std::set(ids.begin(), ids.end()).size() == ids.size(),
          CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES, "an id comes twice");
}

}  // namespace

void check_and_complete(Content& content) {
  switch (content.type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
      static_cast<void>(tensor_of(content));
      break;
    case CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
      static_cast<void>(window_of(content));
      break;
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_BN_BWD_WEIGHTS_DESCRIPTOR:
      check_operation(content);
      break;
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
      content.graph = std::make_shared<const Graph>(graph_of(content));
      break;
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
      complete_heuristics(content);
      break;
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR:
      complete_engine(content, engine_of(content));
      break;
    case CUDNN_BACKEND_ENGINECFG_DESCRIPTOR:
      check_config(content);
      break;
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
      complete_plan(content);
      break;
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
      check_pack(content);
      break;
    default:
      break;
  }
}

}  // namespace simulated_gpu::cudnn
