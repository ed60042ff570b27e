// From an operation graph to something that runs: the engines that cuDNN offers for it, those among
// them that keep the house's rules, and an execution plan.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cuda/cudnn/descriptor.h"
#include "cuda/cudnn/graph.h"
#include "cuda/cudnn/target.h"

namespace fovea::cuda::cudnn {

class PlanCache;

/// Which engines may compute.
struct EngineRules {
  /// Whether f32 products may be rounded to TF32 (10 bits of mantissa).
  bool allow_tf32 = false;
  std::int64_t workspace_limit_bytes = 0;
};

/// An engine with its knobs set, as the heuristics propose it.
struct EngineConfig {
  Descriptor config;
  std::int64_t engine = 0;  ///< cuDNN's number for it, the same in one version of cuDNN
  std::vector<cudnnBackendNumericalNote_t> numerical_notes;
  std::vector<cudnnBackendBehaviorNote_t> behavior_notes;

  bool has(cudnnBackendNumericalNote_t note) const;
  bool has(cudnnBackendBehaviorNote_t note) const;
};

/// With what cuDNN tells of the configuration's engine.
EngineConfig inspect(Descriptor config);

/// What cuDNN proposes for a graph, its best estimate first: by CUDNN_HEUR_MODE_A, or what nearly
/// always works by CUDNN_HEUR_MODE_FALLBACK. None where it does not support the graph on this
/// device.
std::vector<EngineConfig> proposed_configs(const Target& target, const OperationGraph& graph,
                                           cudnnBackendHeurMode_t mode);

/// Why an engine may not be used, or empty. Never: those whose results differ from run to run;
/// those that sum in less than f32; those that must compile their kernels, where the device is not
/// present. For f32: those that round to 16 bits, and without `allow_tf32` those on tensor cores;
/// where transforms lose more digits than f32 has to spare (FFT, Winograd's largest tile; Winograd
/// at all for 16-bit data, whose transforms round), those.
std::string forbidden_because(const EngineConfig& config, DType dtype, const EngineRules& rules,
                              bool device_is_present);

/// A convolution ready to run. One thread at a time.
class Plan {
 public:
  /// The given engine's plan; null, with cuDNN's reason, where it cannot be built.
  static std::unique_ptr<Plan> build(std::shared_ptr<Target> target,
                                     std::shared_ptr<const OperationGraph> graph,
                                     EngineConfig config, std::string& problem);

  const EngineConfig& config() const { return config_; }
  std::int64_t workspace_bytes() const { return workspace_bytes_; }

  /// Puts the convolution into the stream. `ids` and `pointers` pair up. Allocates only when these
  /// come for the first time, or again after several others.
  void execute(std::span<const std::int64_t> ids, std::span<void* const> pointers, void* workspace,
               cudaStream_t stream);

 private:
  struct VariantPack {
    static constexpr std::size_t kMaxPointers = 14;  // 13 tensors and the workspace
    std::array<void*, kMaxPointers> pointers{};
    std::array<std::int64_t, kMaxPointers> ids{};
    Descriptor descriptor;
  };
  Plan(std::shared_ptr<Target> target, std::shared_ptr<const OperationGraph> graph,
       EngineConfig config);
  const Descriptor& variant_pack(std::span<const std::int64_t> ids, std::span<void* const> pointers,
                                 void* workspace);

  std::shared_ptr<Target> target_;
  std::shared_ptr<const OperationGraph> graph_;
  EngineConfig config_;
  Descriptor plan_;
  std::int64_t workspace_bytes_ = 0;
  // A finalized pack cannot be changed. A plan meets few: as many as it has input slots.
  std::array<VariantPack, 4> packs_;
  std::size_t next_pack_ = 0;
};

/// How many engines are worth being measured against each other.
inline constexpr int kMaxVariants = 8;

/// The plan that `cache` remembers, or else of the first proposed engine, that keeps the rules and
/// can be built; the latter is remembered. Null, with `problem`, where there is none.
///
/// `variant` numbers, from 0, the different proposals that keep the rules: one that cannot be built
/// is null, except that 0 is the first that can.
std::unique_ptr<Plan> choose_plan(const std::shared_ptr<Target>& target,
                                  const Convolution& convolution, const EngineRules& rules,
                                  std::string& problem, PlanCache* cache = nullptr,
                                  int variant = 0);

}  // namespace fovea::cuda::cudnn
