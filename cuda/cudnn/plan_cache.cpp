#include "cuda/cudnn/plan_cache.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fovea/error.h"
#include "fovea/json.h"
#include "host/io/atomic_file.h"

namespace fovea::cuda::cudnn {
namespace {

constexpr const char* kFormat = "fovea cudnn plans 1";
constexpr std::size_t kMaxKnobs = 64;
constexpr std::int64_t kKnobTypes = 64;  // as many as cudnnBackendKnobType_t can tell apart
constexpr std::uintmax_t kMaxFileBytes = 64u << 20;  // far more than we write; a foreign file

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
                      const EngineRules& rules) {
  return detail::concat(convolution.to_string(), rules.allow_tf32 ? ", TF32" : ", no TF32",
                        ", workspace ", rules.workspace_limit_bytes, ", sm_", target.device().sm,
                        " ", target.device().name, ", cuDNN ", target.library().version);
}

std::string PlanCache::default_path() {
  const auto folder = [](const char* variable) {
    const char* value = std::getenv(variable);
    return std::filesystem::path(value != nullptr ? value : "");
  };
  std::filesystem::path root = folder("XDG_CACHE_HOME");
  if (!root.is_absolute()) root = folder("HOME").empty() ? "" : folder("HOME") / ".cache";
  return root.empty() ? "" : (root / "fovea" / "cudnn_plans.json").string();
}

PlanCache::PlanCache(std::string path) : path_(std::move(path)), known_(read()) {}

PlanCache::~PlanCache() {
  try {
    save();
  } catch (...) {
  }
}

PlanCache::Choices PlanCache::read() const {
  Choices choices;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path_, ignored) ||
      std::filesystem::file_size(path_, ignored) > kMaxFileBytes) {
    return {};
  }
  std::ifstream file(path_, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  try {
    const Json json = Json::parse(text.str(), path_);
    if (json.at("format").as_string() != kFormat) return {};
    for (const auto& [key, choice] : json.at("plans").as_object()) {
      choices.emplace(key, choice_from(choice));
    }
  } catch (const Error&) {
    return {};
  }
  return choices;
}

std::optional<EngineChoice> PlanCache::find(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(key);
  return found == known_.end() ? std::nullopt : std::optional(found->second);
}

void PlanCache::remember(const std::string& key, EngineChoice choice) {
  const std::lock_guard lock(mutex_);
  new_[key] = choice;
  known_[key] = std::move(choice);
}

void PlanCache::save() {
  const std::lock_guard lock(mutex_);
  if (new_.empty() || path_.empty()) return;
  Choices all = read();  // others may have added to it
  for (const auto& [key, choice] : new_) all[key] = choice;
  Json::Object plans;
  for (const auto& [key, choice] : all) plans.emplace_back(key, to_json(choice));
  std::error_code ignored;  // the file cannot be made then, which says more
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
  write_text_file(
      path_, Json(Json::Object{{"format", kFormat}, {"plans", std::move(plans)}}).to_string(1));
  new_.clear();
}

}  // namespace fovea::cuda::cudnn
