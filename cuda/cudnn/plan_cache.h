// Which engine was chosen for a question, remembered across processes.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cuda/cudnn/plan.h"
#include "host/io/disk_memo.h"

namespace fovea::cuda::cudnn {

/// What an engine's configuration consists of: its number, and its knobs' types and values. Valid
/// for one graph, device and version of cuDNN.
struct EngineChoice {
  std::int64_t engine = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> knobs;
  friend bool operator==(const EngineChoice&, const EngineChoice&) = default;
};

EngineChoice choice_of(const EngineConfig& config);
/// Throws cudnn where cuDNN has no such engine for this graph and device.
EngineConfig config_of(const Target& target, const OperationGraph& graph,
                       const EngineChoice& choice);

/// All that a choice depends on, as text: convolution, rules, device, version of cuDNN, and which
/// of several choices it is.
std::string cache_key(const Target& target, const Convolution& convolution,
                      const EngineRules& rules, int variant = 0);

/// Choices by key, remembered across processes. Any thread may call.
class PlanCache {
 public:
  /// An empty path: nothing is read or saved.
  explicit PlanCache(std::string path);

  std::optional<EngineChoice> find(const std::string& key) const;
  void remember(const std::string& key, const EngineChoice& choice);
  /// Writes down what is new, where that can be done.
  void try_to_save() noexcept { memo_.try_to_save(); }

 private:
  DiskMemo memo_;
};

}  // namespace fovea::cuda::cudnn
