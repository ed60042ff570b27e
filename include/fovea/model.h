// Model: a network with parameters, that can be trained, evaluated, asked, saved and loaded.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fovea/callback.h"
#include "fovea/data.h"
#include "fovea/device.h"
#include "fovea/loss.h"
#include "fovea/network.h"
#include "fovea/optimizer.h"
#include "fovea/profile.h"
#include "fovea/tensor.h"

namespace fovea {

/// Where and how a model computes.
struct ModelOptions {
  std::string device = "auto";  ///< see open_device
  /// f32 (strict); on CUDA tf32, or bf16 and f16 (mixed precision: 16-bit activations and products,
  /// f32 parameters, statistics and losses; f16 with dynamic loss scaling); on the CPU f64, the
  /// oracle (plain kernels).
  std::string precision = "f32";
  int threads = 0;  ///< CPU threads per step; 0: all the machine offers
  /// Measures the kernels that can compute each layer and takes the fastest: the first step of each
  /// shape takes seconds longer, and what was measured is remembered on disk for later processes.
  /// Bits of the results depend on the choice. FOVEA_AUTOTUNE=1 does the same. Not on the CPU.
  bool autotune = false;
  std::uint64_t seed = 0;                  ///< of initial weights, shuffling, dropout, augmentation
  std::vector<std::string> class_names{};  ///< saved with the model
};

/// The loss of one of a model's outputs.
struct OutputLoss {
  Loss loss{};
  double weight = 1;
  std::vector<std::string> metrics{};           ///< see metric_names()
  std::vector<std::string> weighted_metrics{};  ///< likewise, weighted as the samples' losses are
};

struct CompileOptions {
  AnyOptimizer optimizer = "adam";
  Loss loss{};                                  ///< of a model with one output
  std::vector<std::string> metrics{};           ///< of a model with one output
  std::map<std::string, OutputLoss> outputs{};  ///< by name, for models with several
  std::vector<std::string> weighted_metrics{};  ///< of a model with one output
};

/// Checkpoints that fit() writes on its way; each replaces the one before, atomically.
struct CheckpointOptions {
  std::string path{};            ///< empty: none
  std::int64_t every_steps = 0;  ///< as well as after each epoch; 0: not
  double every_minutes = 0;      ///< as well as after each epoch; 0: not
};

struct FitOptions {
  int epochs = 1;
  std::int64_t batch_size = 32;
  double validation_split = 0;               ///< the last fraction of the data, before shuffling
  std::optional<Dataset> validation_data{};  ///< instead of a split
  bool shuffle = true;
  /// A weight >= 0 for each sample, (N,): its loss counts so much in the mean over the batch (which
  /// divides by the number of samples), and weighted_metrics are weighted by it; other metrics are
  /// not. A validation_split takes its part of them.
  Tensor sample_weight{};
  /// Instead, the weight of every sample of a class, 1 for those left out, such as
  /// balanced_class_weight(). Validation has none.
  std::map<int, double> class_weight{};
  Tensor validation_sample_weight{};  ///< of validation_data
  Augmentation augmentation{};
  /// Whether a GPU may keep u8 pictures with labels in its memory, where they take up to half of
  /// what is free, and shuffle and augment them there; else batches are uploaded step by step.
  /// Either way the batches are the same.
  bool data_on_device = true;
  int accumulate_steps = 1;              ///< batches whose gradients are averaged into one update
  int verbose = 1;                       ///< 0 silent, 1 progress bar, 2 one line per epoch
  std::vector<AnyCallback> callbacks{};  ///< see callbacks.h
  CheckpointOptions checkpoint{};
  /// Set by another thread or a signal handler to stop after the current step (with a checkpoint,
  /// if they are asked for); fit() then throws `interrupted`.
  const std::atomic<bool>* interrupt = nullptr;
};

struct EvaluateOptions {
  std::int64_t batch_size = 32;
  int verbose = 0;         ///< as in FitOptions
  Tensor sample_weight{};  ///< as in FitOptions
};

/// Inputs and targets of a model with several, in the order of the network's lists.
struct Arrays {
  std::vector<Tensor> inputs;
  std::vector<Tensor> targets;
};

struct PlanReport;
struct SelfCheckOptions;
struct SelfCheckReport;

/// A network at work. fit(), evaluate() and train_on_batch() are for one thread at a time;
/// predict() may be called from many threads at once while none of the others runs.
class FOVEA_API Model {
 public:
  explicit Model(Network network, ModelOptions options = {});
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  const Network& network() const;
  const ModelOptions& options() const;
  /// The name of the device in use, such as "cpu".
  std::string device_name() const;
  /// Why a step runs kernel by kernel, although the device could capture it as one graph; empty
  /// where nothing went wrong with that. fit() says it, too, unless it is to be silent.
  std::string capture_problem() const;

  /// Sets optimizer, loss and metrics; keeps the weights. Not needed for predict().
  void compile(CompileOptions options);
  bool compiled() const;

  /// Trains. Throws numeric when the loss or a gradient is NaN or infinite, naming the step and the
  /// first layer that produced it; weights and checkpoint are then those before that step.
  History fit(const Dataset& data, const FitOptions& options = {});
  History fit(const Arrays& data, const FitOptions& options = {});
  void stop_training();  ///< for callbacks: ends fit() after the current step

  /// The rate of the next update.
  double learning_rate() const;
  /// Holds it at this rate until the next compile(); saved with the model. Throws invalid_argument
  /// for a rate that is negative or not finite, or where the optimizer has a schedule of its own.
  void set_learning_rate(double rate);

  /// One update on one batch; returns the batch's loss and metrics (from before the update).
  /// `sample_weight` as in FitOptions.
  Logs train_on_batch(const std::vector<Tensor>& inputs, const std::vector<Tensor>& targets,
                      const Tensor& sample_weight = {});
  /// Loss and metrics over all samples, weighted by sample.
  Logs evaluate(const Dataset& data, const EvaluateOptions& options = {});
  Logs evaluate(const Arrays& data, const EvaluateOptions& options = {});
  /// The outputs for a batch of any size, (N, ...) each; one for a network with one output.
  /// `verbose` as in FitOptions.
  Tensor predict(const Tensor& x, std::int64_t batch_size = 256, int verbose = 0);
  std::vector<Tensor> predict_all(const std::vector<Tensor>& inputs, std::int64_t batch_size = 256,
                                  int verbose = 0);
  /// Gradients of the (compiled) loss: with respect to each input, then each trainable parameter by
  /// path. Nothing is updated; dropout is off and batch norm uses its running statistics.
  struct Gradients {
    double loss = 0;
    std::vector<Tensor> inputs;  ///< undefined for inputs that are not floating
    std::map<std::string, Tensor> parameters;
  };
  Gradients gradients(const std::vector<Tensor>& inputs, const std::vector<Tensor>& targets);
  /// Values in mid-network for a batch, by the path of a layer such as "stage2.conv1" (its last
  /// value), computed as predict() computes. Throws invalid_argument for an unknown path.
  std::map<std::string, Tensor> probe(const std::vector<Tensor>& inputs,
                                      const std::vector<std::string>& paths);

  /// Parameters and running statistics by path, such as "conv2d.weight".
  std::vector<std::string> weight_paths() const;
  Tensor weight(const std::string& path) const;
  /// Throws shape_mismatch unless shape and type agree, invalid_argument for an unknown path.
  void set_weight(const std::string& path, const Tensor& values);

  /// Frozen layers keep their parameters, and their batch norms run in inference mode. By layer
  /// name (or the first parts of a path); throws invalid_argument for one that names no layer.
  void freeze(const std::string& layer);
  void unfreeze(const std::string& layer);
  bool frozen(const std::string& path) const;

  /// Keras's table of layers, shapes and parameters.
  std::string summary() const;
  /// Bytes of the training step's arena for a batch size as planned, and without sharing memory.
  struct MemoryReport {
    std::int64_t planned_bytes = 0;
    std::int64_t naive_bytes = 0;
  };
  MemoryReport training_memory(std::int64_t batch_size);
  /// What training (or, before compile(), prediction) with batches of this size takes, and the
  /// largest batch that fits; see plan_report.h. Computes nothing.
  PlanReport plan_report(std::int64_t batch_size, std::int64_t memory_bytes = 0);
  /// The time of every kernel of a training step or a prediction, the median of so many runs on a
  /// random batch. Weights and all other state are put back afterwards. Training needs compile().
  Profile profile(std::int64_t batch_size, ProfileMode mode = ProfileMode::train, int repeats = 20);

  /// Network, weights, optimizer with its state, random state, class names, in one safetensors
  /// file; where the name ends in .keras, .h5 or .onnx, what that format can hold, for Keras or
  /// ONNX. Written atomically: on any failure an existing file stays as it was (`io`). Throws
  /// unsupported, naming the layer, for what the format cannot express.
  void save(const std::string& path) const;
  /// Parameters and running statistics alone, for load_weights(); written as save() writes. Names
  /// ending in .weights.h5 give Keras's files.
  void save_weights(const std::string& path) const;
  /// The model of a file of any of those formats, told by its contents. Throws io or parse for what
  /// is missing, truncated or corrupt.
  static Model load(const std::string& path, ModelOptions options = {});
  /// Weights alone from a file into this model, whose architecture must agree: throws
  /// shape_mismatch naming the first difference, and then changes nothing.
  void load_weights(const std::string& path);
  /// Takes up training where a checkpoint of fit() was written, in mid-epoch if need be: weights,
  /// optimizer, random streams, position, metrics so far, history. The next fit() with the same
  /// data and options goes on bit-identically on the same device and number of threads. Returns a
  /// sentence for people: where it resumes, and what differs from the run that wrote it, if
  /// anything.
  std::string resume(const std::string& path);

  struct Impl;

 private:
  friend class Predictor;
  friend FOVEA_API SelfCheckReport selfcheck(const Model& model, const std::string& device,
                                             const SelfCheckOptions& options);

  std::unique_ptr<Impl> impl_;
};

}  // namespace fovea
