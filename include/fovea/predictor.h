// Predictor: a model made ready for one thing, to predict quickly inside another program.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fovea/model.h"

namespace fovea {

struct PredictorOptions {
  /// The numbers of samples to make plans for, each at least 1. A call with another number takes
  /// the largest that fit, one after another; a rest runs as part of a batch of the smallest.
  std::vector<std::int64_t> batch_sizes = {1};
  std::string device{};     ///< as ModelOptions::device; empty: the model's
  std::string precision{};  ///< as ModelOptions::precision; empty: the model's
  int threads = 0;          ///< CPU threads per call; 0: the model's
};

/// The inference network of a model with batch norm folded into the weights, the weights copied
/// into the layouts and types that the kernels want, and the memory of each call set aside: a
/// snapshot, which later training of the model does not change. Calls may come from many threads at
/// once; each takes a lane (executions and memory) of its own, made when there is none to spare.
class FOVEA_API Predictor {
 public:
  /// Throws as Model's constructor for options that cannot be had, and invalid_argument for batch
  /// sizes below 1 or none.
  explicit Predictor(const Model& model, const PredictorOptions& options = {});
  /// From a file of any format that Model::load reads.
  explicit Predictor(const std::string& path, const PredictorOptions& options = {});
  Predictor(Predictor&&) noexcept;
  Predictor& operator=(Predictor&&) noexcept;
  ~Predictor();

  const std::vector<InputSpec>& inputs() const;
  const std::vector<OutputSpec>& outputs() const;
  const std::vector<std::string>& class_names() const;
  /// The name of the device in use, such as "cpu".
  std::string device_name() const;
  /// Bytes of weights held, as prepared, and of one lane's working memory.
  std::int64_t weight_bytes() const;
  std::int64_t lane_bytes() const;

  /// The outputs for samples of the network's type, (N, ...) each, or of any type that converts;
  /// u8 pictures where the network takes them. Throws shape_mismatch as Model::predict.
  std::vector<Tensor> predict_all(const std::vector<Tensor>& inputs) const;
  /// For a network with one input and one output.
  Tensor predict(const Tensor& x) const;
  /// The same without allocating, into tensors of the caller's that must have the right shapes and
  /// types already (invalid_argument): for a steady stream of calls. `inputs` of the network's
  /// types; one of `outputs` per output.
  void run(std::span<const Tensor> inputs, std::span<Tensor> outputs) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fovea
