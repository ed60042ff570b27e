// PlanReport: what a training step or a prediction takes, before it is run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fovea/export.h"
#include "fovea/shape.h"

namespace fovea {

struct LayerPlan {
  std::string name;
  std::string kind;
  Shape output;                       ///< of one sample
  std::int64_t parameters = 0;        ///< numbers, running statistics among them
  std::int64_t activation_bytes = 0;  ///< of its output, for the batch
  double flops = 0;  ///< of the forward pass over one sample; a multiply-add counts as two
};

/// Device memory and arithmetic of one step, as Model::plan_report planned it.
struct FOVEA_API PlanReport {
  std::string device;
  std::string precision;
  bool training = false;  ///< a training step; else a prediction, the model not being compiled
  std::int64_t batch_size = 0;

  std::int64_t parameter_bytes = 0;
  std::int64_t statistic_bytes = 0;  ///< such as batch norms' running means
  std::int64_t optimizer_bytes = 0;  ///< moments and averages
  std::int64_t other_bytes = 0;      ///< sums of metrics, counters, tables
  std::int64_t input_bytes = 0;      ///< the batch and its targets
  /// Activations, gradients and scratch memory, which share one arena as their lifetimes allow.
  std::int64_t arena_bytes = 0;
  std::int64_t unshared_bytes = 0;   ///< what the arena would be if nothing shared memory
  std::int64_t workspace_bytes = 0;  ///< of the kernel that wants the most scratch memory
  std::int64_t peak_bytes = 0;       ///< all of the above but `unshared` and `workspace`

  double flops = 0;  ///< of the step: forward, backward and update, for the batch

  std::int64_t memory_bytes = 0;   ///< what may be used; 0: unknown
  std::int64_t largest_batch = 0;  ///< whose peak fits in that; 0: none does, or it is unknown

  std::vector<LayerPlan> layers;

  /// For people: a table of the layers and the totals.
  std::string str() const;
};

}  // namespace fovea
