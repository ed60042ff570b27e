// StepState: the scalars that a training step reads and advances on the device, held as named state
// like any other, so that checkpoints, captured graphs and diagnostics treat them alike.
#pragma once

namespace fovea::step_state {

inline constexpr const char* kSeed = "step.seed";             ///< i64: keys every random stream
inline constexpr const char* kAttempted = "step.attempted";   ///< i64: steps begun (data, random)
inline constexpr const char* kLossScale = "step.loss_scale";  ///< f32: of f16 training
inline constexpr const char* kGoodSteps = "step.good_steps";  ///< i64: since the scale changed
inline constexpr const char* kHeldAt = "step.held_at";        ///< i64: see ops::HoldStep
inline constexpr const char* kApplied = "step.applied";       ///< i64: updates made (optimizer)
inline constexpr const char* kRateTable = "step.rate_table";  ///< f32: upcoming learning rates
inline constexpr const char* kRateTableStart = "step.rate_table_start";  ///< i64: first `applied`
inline constexpr const char* kRate = "step.rate";                        ///< f32: this step's rate
inline constexpr const char* kDataEpoch = "data.epoch";  ///< i64: which order the batches follow
inline constexpr const char* kDataStart = "data.start";  ///< i64: `attempted` in its first batch
inline constexpr const char* kEvaluated = "data.evaluated";  ///< i64: batches evaluated so far

}  // namespace fovea::step_state
