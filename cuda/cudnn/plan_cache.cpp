#include "cuda/cudnn/plan_cache.h"

#include "fovea/error.h"
#include "fovea/json.h"

namespace fovea::cuda::cudnn {
namespace {

constexpr const char* kFormat = "fovea cudnn plans 1";
constexpr std::size_t kMaxKnobs = 64;
constexpr std::int64_t kKnobTypes = 64;  // as many as cudnnBackendKnobType_t can tell apart

Json to_json(const EngineChoice& choice) {
  Json::Array knobs;
  for (const auto& [type, value] : choice.knobs) knobs.push_back(Json::Array{type, value});
  return Json::Object{{"engine", choice.engine}, {"knobs", std::move(knobs)}};
}

EngineChoice choice_from(const Json& json) {
  EngineChoice choice;
  choice.engine = json.at("engine").as_int();
  for (const Json& knob : json.at("knobs").as_array()) {
    choice.knobs.emplace_back(knob[0].as_int(), knob[1].as_int());
  }
  return choice;
}

}  // namespace

EngineChoice choice_of(const EngineConfig& config) {
  EngineChoice choice;
  choice.engine = config.engine;
  for (const Descriptor& knob : config.config.read_descriptors(
           CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, kMaxKnobs)) {
    choice.knobs.emplace_back(knob.read<cudnnBackendKnobType_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE),
                              knob.read<std::int64_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE));
  }
  return choice;
}

EngineConfig config_of(const Target& target, const OperationGraph& graph,
                       const EngineChoice& choice) {
  const Library& library = target.library();
  Descriptor engine(library, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  engine.set(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph.graph);
  engine.set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, choice.engine);
  target.attach_to_engine(engine);
  engine.finalize();
  std::vector<Descriptor> knobs;
  for (const auto& [type, value] : choice.knobs) {
    FOVEA_REQUIRE(type >= 0 && type < kKnobTypes, cudnn, "cuDNN has no knob ", type);
    Descriptor& knob = knobs.emplace_back(library, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
    knob.set(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, static_cast<cudnnBackendKnobType_t>(type));
    knob.set(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, value);
    knob.finalize();
  }
  Descriptor config(library, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  config.set(CUDNN_ATTR_ENGINECFG_ENGINE, engine);
  if (!knobs.empty()) {
    config.set_array(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, std::span<const Descriptor>(knobs));
  }
  config.finalize();
  return inspect(std::move(config));
}

std::string cache_key(const Target& target, const Convolution& convolution,
                      const EngineRules& rules, int variant) {
  return detail::concat(convolution.to_string(), rules.allow_tf32 ? ", TF32" : ", no TF32",
                        ", workspace ", rules.workspace_limit_bytes, ", sm_", target.device().sm,
                        " ", target.device().name, ", cuDNN ", target.library().version,
                        variant > 0 ? ", variant " + std::to_string(variant) : "");
}

PlanCache::PlanCache(std::string path) : memo_(std::move(path), kFormat) {}

std::optional<EngineChoice> PlanCache::find(const std::string& key) const {
  const std::optional<Json> json = memo_.find(key);
  if (!json) return std::nullopt;
  try {
    return choice_from(*json);
  } catch (const Error&) {
    return std::nullopt;  // as in a damaged file
  }
}

void PlanCache::remember(const std::string& key, const EngineChoice& choice) {
  memo_.remember(key, to_json(choice));
}

}  // namespace fovea::cuda::cudnn
