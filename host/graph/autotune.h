// Autotuning: of the kernels that can compute a step, the one that is measured fastest.
//
// They run on scratch memory of the step's shapes, filled with small numbers, never on variables or
// data. What was measured is remembered on disk, also across processes.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "host/graph/plan.h"
#include "host/io/disk_memo.h"

namespace fovea {

/// A candidate's answer to a step.
struct Offer {
  const KernelTable::Candidate* candidate = nullptr;
  int variant = 0;
  Lowering lowering;
};

/// Any thread may call; one measures at a time.
class FOVEA_INTERNAL Autotuner {
 public:
  struct Options {
    std::string path = DiskMemo::path_of("autotuned_kernels.json");  ///< empty: nothing is saved
    std::int64_t workspace_limit_bytes = std::int64_t{256} << 20;    ///< of a kernel
  };
  Autotuner() : Autotuner(Options{}) {}
  explicit Autotuner(const Options& options);

  /// The fastest kernel for a step, as remembered or by measuring; a candidate that fails, or wants
  /// too much memory, is passed over. Nothing where there is nothing to measure: on the host, whose
  /// candidates choose layouts for one another, and where no candidate can be measured.
  std::optional<Offer> choose(Device& device, const PlanStep& step, const PlanOptions& options);

  /// How long the fastest kernel takes, likewise.
  std::optional<double> milliseconds(Device& device, const PlanStep& step,
                                     const PlanOptions& options);

  /// Writes down for later processes what is new, where that can be done.
  void try_to_save() noexcept { memo_.try_to_save(); }

 private:
  std::string question(const Device& device, const PlanStep& step, const PlanOptions& options,
                       const Candidates& candidates) const;
  std::optional<std::size_t> fastest(Device& device, const PlanStep& step,
                                     const PlanOptions& options, const std::vector<Offer>& offers,
                                     const std::string& asked);

  const std::int64_t workspace_limit_bytes_;
  std::mutex mutex_;
  DiskMemo memo_;
};

}  // namespace fovea
