// TensorBoard: a callback that writes what TensorBoard shows. Link with fovea::report
// (find_package) or fovea-report (pkg-config).
//
//   model.fit(train, {.epochs = 10, .validation_data = test, .callbacks = {
//       TensorBoard(timestamped_folder("logs"), {.histogram_freq = 1})}});
//
// and then, in a shell, tensorboard --logdir logs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "fovea/callback.h"
#include "fovea/data.h"
#include "fovea/json.h"

namespace fovea {

/// How often metrics are written: after each epoch alone, or also after every batch, or every so
/// many batches.
class FOVEA_API UpdateFrequency {
 public:
  /// "epoch" or "batch"; throws invalid_argument for another text.
  UpdateFrequency(const char* text);  // NOLINT(google-explicit-constructor)
  /// Throws invalid_argument for less than 1.
  UpdateFrequency(int batches);  // NOLINT(google-explicit-constructor)
  /// 0: after each epoch alone.
  std::int64_t batches() const { return batches_; }

 private:
  std::int64_t batches_ = 0;
};

struct TensorBoardOptions {
  /// Epochs between histograms of the weights (and gradients); 0: none.
  int histogram_freq = 0;
  bool write_graph = true;
  /// Pictures of the first convolution's filters, what each layer makes of the first of `samples`,
  /// and the most confident mistakes in `mistakes_in`; every histogram_freq epochs, or where that
  /// is 0 every epoch. Needs libpng.
  bool write_images = false;
  bool write_steps_per_second = false;
  UpdateFrequency update_freq = "epoch";
  /// A few samples, of which up to 64 are used: with targets, for histograms of the gradients;
  /// without, for pictures of feature maps alone. For networks with one input and one output.
  Dataset samples{};
  /// Pictures with labels: those that the model gets wrong with the highest probability.
  Dataset mistakes_in{};
  /// An object of numbers, texts and booleans, for TensorBoard's table of hyperparameters.
  Json hparams{};
};

/// Writes event files into log_dir as Keras's callback of that name lays them out; steps are epochs
/// from 0, or batches since the beginning, counted from 1:
///
///   train/       epoch_<metric>, epoch_learning_rate; batch_<metric> at every update_freq batches,
///                with running averages of the epoch; epoch_steps_per_second;
///                <path>/histogram and <path>/gradient/histogram; filters/<layer>, maps/<layer>,
///                mistakes; the graph of layers
///   validation/  epoch_<metric>; evaluation_<metric>_vs_iterations by batches
///   ./           hyperparameters
///
/// A run that is resumed from a checkpoint (Model::resume) first cuts its files back to where the
/// checkpoint was written, so no step shows twice. A TensorBoard that was reading them then must be
/// started again.
class FOVEA_API TensorBoard final : public Callback {
 public:
  /// Throws invalid_argument for a negative histogram_freq, and hyperparameters of other kinds.
  explicit TensorBoard(std::filesystem::path log_dir = "logs", TensorBoardOptions options = {});
  /// Makes the folders and files. Throws io, as all that follow, where that cannot be; unsupported
  /// for write_images without libpng.
  void on_train_begin(Model& model, const FitPlan& plan) override;
  void on_epoch_begin(Model& model, int epoch) override;
  void on_step_end(Model& model, int epoch, std::int64_t step, const Logs& logs) override;
  void on_epoch_end(Model& model, int epoch, const Logs& logs) override;
  void on_train_end(Model& model) override;
  bool observes_steps() const override { return options_.update_freq.batches() > 0; }
  std::string name() const override { return "tensorboard"; }
  CallbackState state() const override;
  void restore(const CallbackState& state) override;

 private:
  struct Files;

  std::filesystem::path log_dir_;
  TensorBoardOptions options_;
  std::shared_ptr<Files> files_;  // of this run of fit()
};

/// "<parent>/20261121-214500", by the local time: a folder for a run of its own. Makes nothing.
FOVEA_API std::filesystem::path timestamped_folder(const std::filesystem::path& parent);

}  // namespace fovea
