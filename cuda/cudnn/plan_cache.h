// Which engine was chosen for a question, remembered across processes.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cuda/cudnn/plan.h"

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

/// All that a choice depends on, as text: convolution, rules, device, version of cuDNN.
std::string cache_key(const Target& target, const Convolution& convolution,
                      const EngineRules& rules);

/// Choices by key, in a file that several processes may share. A file that is missing, damaged or
/// not ours counts as empty. Any thread may call.
class PlanCache {
 public:
  /// $XDG_CACHE_HOME/fovea/cudnn_plans.json, or that under ~/.cache; empty where neither is known.
  static std::string default_path();

  /// Reads the file. An empty path: nothing is read or saved.
  explicit PlanCache(std::string path);
  /// Saves; a failure is passed over, since all can be chosen again.
  ~PlanCache();
  PlanCache(const PlanCache&) = delete;
  PlanCache& operator=(const PlanCache&) = delete;

  std::optional<EngineChoice> find(const std::string& key) const;
  void remember(const std::string& key, EngineChoice choice);
  /// Adds what is new here to the file, where anything is. Throws io.
  void save();

 private:
  using Choices = std::map<std::string, EngineChoice>;
  Choices read() const;

  const std::string path_;
  mutable std::mutex mutex_;
  Choices known_;
  Choices new_;  // not in the file yet
};

}  // namespace fovea::cuda::cudnn
