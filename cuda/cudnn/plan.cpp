#include "cuda/cudnn/plan.h"

#include <algorithm>
#include <map>
#include <optional>

#include "cuda/cudnn/plan_cache.h"
#include "fovea/error.h"

namespace fovea::cuda::cudnn {
namespace {

constexpr std::size_t kMaxNotes = 32;

/// The configuration's plan, where it keeps the rules; otherwise null, with the reason.
std::unique_ptr<Plan> build_by_rules(const std::shared_ptr<Target>& target,
                                     const std::shared_ptr<const OperationGraph>& graph,
                                     EngineConfig config, DType dtype, const EngineRules& rules,
                                     std::string& reason) {
  reason = forbidden_because(config, dtype, rules, target->device_is_present());
  if (!reason.empty()) return nullptr;
  std::unique_ptr<Plan> plan = Plan::build(target, graph, std::move(config), reason);
  if (plan == nullptr || plan->workspace_bytes() <= rules.workspace_limit_bytes) return plan;
  reason = "its workspace is beyond the limit";
  return nullptr;
}

/// What an earlier process chose, where that still holds; else null.
std::unique_ptr<Plan> remembered_plan(const std::shared_ptr<Target>& target,
                                      const std::shared_ptr<const OperationGraph>& graph,
                                      DType dtype, const EngineRules& rules,
                                      const std::optional<EngineChoice>& choice) {
  if (!choice) return nullptr;
  try {
    std::string ignored;
    return build_by_rules(target, graph, config_of(*target, *graph, *choice), dtype, rules,
                          ignored);
  } catch (const Error&) {
    return nullptr;
  }
}

using Refusals = std::map<std::string, int>;  // reasons, and for how many engines

constexpr auto kModes = {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK};

/// Of the first proposed engine that keeps the rules and can be built, or null.
std::unique_ptr<Plan> first_plan(const std::shared_ptr<Target>& target,
                                 const std::shared_ptr<const OperationGraph>& graph, DType dtype,
                                 const EngineRules& rules, Refusals& refused) {
  for (const auto mode : kModes) {
    for (EngineConfig& config : proposed_configs(*target, *graph, mode)) {
      std::string reason;
      auto plan = build_by_rules(target, graph, std::move(config), dtype, rules, reason);
      if (plan != nullptr) return plan;
      ++refused[reason];
    }
  }
  return nullptr;
}

/// Of number `variant` among the different proposals that keep the rules, or null.
std::unique_ptr<Plan> plan_of_variant(const std::shared_ptr<Target>& target,
                                      const std::shared_ptr<const OperationGraph>& graph,
                                      DType dtype, const EngineRules& rules, int variant,
                                      Refusals& refused) {
  std::vector<EngineChoice> met;
  for (const auto mode : kModes) {
    for (EngineConfig& config : proposed_configs(*target, *graph, mode)) {
      std::string reason = forbidden_because(config, dtype, rules, target->device_is_present());
      EngineChoice choice = choice_of(config);
      if (!reason.empty() || std::find(met.begin(), met.end(), choice) != met.end()) continue;
      met.push_back(std::move(choice));
      if (static_cast<int>(met.size()) <= variant) continue;
      auto plan = build_by_rules(target, graph, std::move(config), dtype, rules, reason);
      if (plan == nullptr) ++refused[reason];
      return plan;
    }
  }
  return nullptr;
}

}  // namespace

EngineConfig inspect(Descriptor config) {
  EngineConfig inspected;
  const std::vector<Descriptor> engines =
      config.read_descriptors(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR, 1);
  FOVEA_REQUIRE(!engines.empty(), cudnn, "cuDNN proposes a configuration without an engine");
  const Descriptor& engine = engines.front();
  inspected.engine = engine.read<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
  inspected.numerical_notes =
      engine.read_array<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, kMaxNotes);
  inspected.behavior_notes =
      engine.read_array<cudnnBackendBehaviorNote_t>(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, kMaxNotes);
  inspected.config = std::move(config);
  return inspected;
}

bool EngineConfig::has(cudnnBackendNumericalNote_t note) const {
  return std::find(numerical_notes.begin(), numerical_notes.end(), note) != numerical_notes.end();
}

bool EngineConfig::has(cudnnBackendBehaviorNote_t note) const {
  return std::find(behavior_notes.begin(), behavior_notes.end(), note) != behavior_notes.end();
}

std::vector<EngineConfig> proposed_configs(const Target& target, const OperationGraph& graph,
                                           cudnnBackendHeurMode_t mode) {
  Descriptor heuristics(target.library(), CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.graph);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
  target.attach_to_heuristics(heuristics);
  std::string reason;
  if (!heuristics.try_finalize(reason)) return {};  // how cuDNN says that it has none
  const std::size_t room =
      heuristics.count(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR);
  std::vector<EngineConfig> configs;
  for (Descriptor& config : heuristics.read_descriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                                        CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, room)) {
    configs.push_back(inspect(std::move(config)));
  }
  return configs;
}

std::string forbidden_because(const EngineConfig& config, DType dtype, const EngineRules& rules,
                              bool device_is_present) {
  if (config.has(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)) {
    return "its results differ from run to run";
  }
  if (config.has(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION)) {
    return "it sums in less than f32";
  }
  if (config.has(CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION) && !device_is_present) {
    return "it compiles its kernels, which takes the CUDA driver";
  }
  if (config.has(CUDNN_NUMERICAL_NOTE_FFT) ||
      config.has(CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13)) {
    return "its transforms lose too many digits";
  }
  if (dtype != DType::f32) {
    return config.has(CUDNN_NUMERICAL_NOTE_WINOGRAD) ? "its transforms round to 16 bits" : "";
  }
  if (config.has(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS)) return "it rounds f32 to 16 bits";
  if (config.has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE) && !rules.allow_tf32) {
    return "it rounds f32 to TF32";
  }
  return {};
}

Plan::Plan(std::shared_ptr<Target> target, std::shared_ptr<const OperationGraph> graph,
           EngineConfig config)
    : target_(std::move(target)),
      graph_(std::move(graph)),
      config_(std::move(config)),
      plan_(target_->library(), CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR) {
  target_->attach_to_plan(plan_);
  plan_.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config_.config);
}

std::unique_ptr<Plan> Plan::build(std::shared_ptr<Target> target,
                                  std::shared_ptr<const OperationGraph> graph, EngineConfig config,
                                  std::string& problem) {
  std::unique_ptr<Plan> plan(new Plan(std::move(target), std::move(graph), std::move(config)));
  if (!plan->plan_.try_finalize(problem)) return nullptr;
  plan->workspace_bytes_ = plan->plan_.read<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
  return plan;
}

const Descriptor& Plan::variant_pack(std::span<const std::int64_t> ids,
                                     std::span<void* const> pointers, void* workspace) {
  VariantPack wanted;
  FOVEA_REQUIRE(pointers.size() < wanted.pointers.size() && ids.size() == pointers.size(), internal,
                pointers.size(), " tensors under ", ids.size(), " names");
  std::copy(pointers.begin(), pointers.end(), wanted.pointers.begin());
  std::copy(ids.begin(), ids.end(), wanted.ids.begin());
  wanted.pointers.back() = workspace;
  for (const VariantPack& pack : packs_) {
    if (pack.descriptor && pack.pointers == wanted.pointers && pack.ids == wanted.ids) {
      return pack.descriptor;
    }
  }
  Descriptor descriptor(target_->library(), CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  descriptor.set_array(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids);
  descriptor.set_array<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, pointers);
  descriptor.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace);
  descriptor.finalize();
  wanted.descriptor = std::move(descriptor);
  VariantPack& pack = packs_[next_pack_++ % packs_.size()];
  pack = std::move(wanted);
  return pack.descriptor;
}

void Plan::execute(std::span<const std::int64_t> ids, std::span<void* const> pointers,
                   void* workspace, cudaStream_t stream) {
  target_->execute(plan_, variant_pack(ids, pointers, workspace), stream);
}

std::unique_ptr<Plan> choose_plan(const std::shared_ptr<Target>& target,
                                  const Convolution& convolution, const EngineRules& rules,
                                  std::string& problem, PlanCache* cache, int variant) {
  if (variant >= kMaxVariants) {
    problem = "there is no such variant";
    return nullptr;
  }
  Refusals refused;
  const DType dtype = convolution.dtype;
  const auto lock = target->use_handle();
  try {
    const auto graph = std::make_shared<const OperationGraph>(build_graph(*target, convolution));
    std::string key;
    if (cache != nullptr) {
      key = cache_key(*target, convolution, rules, variant);
      auto plan = remembered_plan(target, graph, dtype, rules, cache->find(key));
      if (plan != nullptr) return plan;
    }
    auto plan = variant == 0 ? first_plan(target, graph, dtype, rules, refused)
                             : plan_of_variant(target, graph, dtype, rules, variant, refused);
    if (plan != nullptr) {
      if (cache != nullptr) cache->remember(key, choice_of(plan->config()));
      return plan;
    }
  } catch (const Error& error) {
    problem = error.what();
    return nullptr;
  }
  problem = refused.empty() ? "cuDNN offers no engine" : "cuDNN offers no engine that may be used";
  for (const auto& [reason, count] : refused) {
    problem += detail::concat("; ", count, ": ", reason);
  }
  return nullptr;
}

}  // namespace fovea::cuda::cudnn
