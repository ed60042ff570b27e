// The graphs that a model runs: predict, evaluate, gradients, and the training step with its update
// phase.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fovea/detail/picture_steps.h"
#include "fovea/graph.h"
#include "fovea/model.h"
#include "host/train/metric.h"

namespace fovea {

enum class StepMode {
  predict,     ///< outputs: the network's
  evaluate,    ///< adds to the sums metrics.evaluate.*
  train,       ///< one update; outputs each metric's terms; adds to metrics.train.*
  accumulate,  ///< a training step that only adds its gradients to gradients.*
  gradients,   ///< outputs: the loss, input gradients, parameter gradients
};

/// A data set in device memory, out of which steps gather their batches.
struct ResidentBatch {
  ValueType pictures;  ///< of the whole set, u8 (N, H, W, C); labels are i32 (N,)
  std::int64_t batch_size = 1;
  bool shuffle = false;
  std::vector<PictureStep> steps{};  ///< of augmentation
};
/// Names of its two graph inputs.
inline constexpr const char* kResidentPictures = "data:pictures";
inline constexpr const char* kResidentLabels = "data:labels";

/// Everything that a step's graph depends on.
struct StepSpec {
  StepMode mode = StepMode::predict;
  std::vector<ValueType> inputs;  ///< with the batch axis, in the network's order
  /// One per network output, then, where they have them, the samples' weights (N,); empty for
  /// predict.
  std::vector<ValueType> targets;
  DType dtype = DType::f32;
  /// What activations and products are stored in: `dtype`, or a 16-bit type (mixed precision).
  DType low = DType::f32;
  std::function<bool(const std::string& path)> frozen;
  /// train: how many batches' gradients an update averages, this one included.
  int accumulated = 1;
  std::vector<std::string> probes;  ///< predict: paths whose values become outputs
  /// Instead of an input and a target that are bound, those that the step gathers itself.
  std::optional<ResidentBatch> resident{};
};

/// The batch number counter - start of the set: pictures and labels, `count` of them.
FOVEA_INTERNAL Outputs append_batch(Builder& b, const ResidentBatch& resident, std::int64_t count,
                                    Value counter, Value start);

/// The losses and metrics that a graph sums up, in the order in which they are shown. Throws
/// invalid_argument for an unknown metric, or one that is named twice.
std::vector<MetricColumn> metric_columns(const Network& network, const CompileOptions& compile);

/// State whose path begins so belongs to the optimizer.
inline constexpr const char* kOptimizerState = "optimizer.";
/// Updates that the weights' averages have seen: i64.
inline constexpr const char* kAverageUpdates = "optimizer.average_updates";
/// The path of a parameter's moving average, see OptimizerOptions::ema_momentum.
std::string weight_average_path(const std::string& parameter);

/// Paths of the state of one of a metric's terms: its sum, f64 (), or f32 with one for each
/// threshold, and how many values a sum f64 () has.
std::string metric_sum_path(const std::string& phase, const MetricColumn& column, std::size_t term);
std::string metric_count_path(const std::string& phase, const MetricColumn& column,
                              std::size_t term);

/// The graph input that weights are bound to.
inline constexpr const char* kSampleWeights = "weights:samples";

/// Entries of the rate table, see AdvanceStep.
inline constexpr std::int64_t kRateTableSize = 1024;

/// Throws what layers and losses throw for shapes that do not fit. `compile` may be null for
/// predict.
FOVEA_INTERNAL Graph build_step_graph(const Network& network, const CompileOptions* compile,
                                      const StepSpec& spec);

/// The loss of an output, from either form of CompileOptions. Throws invalid_argument when there is
/// none for it.
OutputLoss output_loss(const Network& network, const CompileOptions& compile, std::size_t output);

}  // namespace fovea
