// The callback TensorBoard: when what is written.
#include "fovea/tensorboard.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <map>
#include <optional>

#include "fovea/error.h"
#include "fovea/image.h"
#include "fovea/model.h"
#include "host/report/tensorboard/event_file.h"
#include "host/report/tensorboard/pictures.h"
#include "host/report/tensorboard/summaries.h"

namespace fovea {
namespace {

using report::EventFile;
using report::histogram_of;
using report::histogram_summary;
using report::image_summary;
using report::scalar_summary;

constexpr std::int64_t kProbed = 64;  // samples for gradients

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::optional<std::string> validation_name(const std::string& metric) {
  if (!metric.starts_with("val_")) return std::nullopt;
  return metric.substr(4);
}

void write_histograms(EventFile& file, Model& model, const Dataset& samples, int epoch) {
  for (const std::string& path : model.weight_paths()) {
    const Tensor weight = model.weight(path);
    if (!is_floating(weight.dtype())) continue;
    file.write_summary(epoch, histogram_summary(path + "/histogram",
                                                histogram_of(weight.to(DType::f32).span<float>())));
  }
  if (!samples.x.defined() || !samples.y.defined()) return;
  const Dataset batch = samples.slice(0, std::min(samples.size(), kProbed));
  for (const auto& [path, gradient] : model.gradients({batch.x}, {batch.y}).parameters) {
    file.write_summary(epoch,
                       histogram_summary(path + "/gradient/histogram",
                                         histogram_of(gradient.to(DType::f32).span<float>())));
  }
}

/// The filters of the first convolution.
void write_filters(EventFile& file, const Model& model, int epoch) {
  for (const LayerRecord& layer : model.network().layers()) {
    for (const ParameterRecord& parameter : layer.parameters) {
      if (parameter.shape.rank() != 4) continue;
      const Tensor picture = report::filters_picture(model.weight(parameter.path));
      file.write_summary(epoch, image_summary("filters/" + layer.name, picture));
      return;
    }
  }
}

/// What the layers make of one sample.
void write_maps(EventFile& file, Model& model, const Tensor& x, int epoch) {
  std::vector<std::string> paths;
  for (const LayerRecord& layer : model.network().layers()) {
    if (layer.kind != "InputLayer" && layer.output.rank() == 3) paths.push_back(layer.name);
  }
  for (const auto& [path, maps] : model.probe({x.slice(0, 1)}, paths)) {
    file.write_summary(epoch, image_summary("maps/" + path, report::maps_picture(maps)));
  }
}

}  // namespace

// ---- Options ----

UpdateFrequency::UpdateFrequency(const char* text) {
  const std::string word = text;
  FOVEA_REQUIRE(word == "epoch" || word == "batch", invalid_argument,
                "TensorBoard's update_freq is \"epoch\", \"batch\" or a number of batches, not \"",
                word, "\"");
  batches_ = word == "batch" ? 1 : 0;
}

UpdateFrequency::UpdateFrequency(int batches) : batches_(batches) {
  FOVEA_REQUIRE(batches >= 1, invalid_argument,
                "TensorBoard's update_freq is at least 1 batch, not ", batches);
}

std::filesystem::path timestamped_folder(const std::filesystem::path& parent) {
  const std::time_t seconds = std::time(nullptr);
  std::tm local{};
  localtime_r(&seconds, &local);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y%m%d-%H%M%S", &local);
  return parent / text.data();
}

// ---- The callback ----

/// Event files by the folder below log_dir; made when something is to be written.
struct TensorBoard::Files {
  std::filesystem::path log_dir;
  std::map<std::string, EventFile> files{};
  std::int64_t steps_per_epoch = 0;
  double epoch_began = 0;  ///< 0 in an epoch that was resumed

  EventFile& in(const std::string& folder) {
    const auto found = files.find(folder);
    if (found != files.end()) return found->second;
    return files.emplace(folder, EventFile((log_dir / folder).string())).first->second;
  }
};

TensorBoard::TensorBoard(std::filesystem::path log_dir, TensorBoardOptions options)
    : log_dir_(std::move(log_dir)), options_(std::move(options)) {
  FOVEA_REQUIRE(options_.histogram_freq >= 0, invalid_argument,
                "TensorBoard's histogram_freq is 0 or a number of epochs, not ",
                options_.histogram_freq);
  if (options_.hparams.is_null()) return;
  FOVEA_REQUIRE(options_.hparams.is_object(), invalid_argument,
                "TensorBoard's hparams are an object of names and values");
  for (const auto& [name, value] : options_.hparams.as_object()) {
    FOVEA_REQUIRE(value.is_bool() || value.is_number() || value.is_string(), invalid_argument,
                  "TensorBoard's hparams are numbers, texts and booleans, but '", name, "' is ",
                  value.to_string());
  }
}

void TensorBoard::on_train_begin(Model& model, const FitPlan& plan) {
  if (options_.write_images) encode_image(".png", Tensor::zeros({1, 1, 1}, DType::u8));
  if (!plan.restored) files_ = std::make_shared<Files>(Files{log_dir_});
  files_->steps_per_epoch = plan.steps_per_epoch;
  if (!files_->files.contains("train")) {
    EventFile& train = files_->in("train");
    if (options_.write_graph) train.write(0, 4, report::graph_def(model.network().layers()));
  }
  if (!options_.hparams.is_null() && !files_->files.contains("")) {
    files_->in("").write_summary(0, report::session_start(options_.hparams, now()));
  }
}

void TensorBoard::on_epoch_begin(Model&, int) { files_->epoch_began = now(); }

void TensorBoard::on_step_end(Model&, int epoch, std::int64_t step, const Logs& logs) {
  const std::int64_t batch = epoch * files_->steps_per_epoch + step + 1;
  const std::int64_t every = options_.update_freq.batches();
  if (every == 0 || batch % every != 0) return;
  for (const auto& [name, value] : logs) {
    files_->in("train").write_summary(batch, scalar_summary("batch_" + name, value));
  }
}

void TensorBoard::on_epoch_end(Model& model, int epoch, const Logs& logs) {
  EventFile& train = files_->in("train");
  const std::int64_t batches = (epoch + 1) * files_->steps_per_epoch;
  for (const auto& [metric, value] : logs) {
    if (const auto name = validation_name(metric)) {
      EventFile& validation = files_->in("validation");
      validation.write_summary(epoch, scalar_summary("epoch_" + *name, value));
      validation.write_summary(batches,
                               scalar_summary("evaluation_" + *name + "_vs_iterations", value));
    } else {
      train.write_summary(epoch, scalar_summary("epoch_" + metric, value));
    }
  }
  if (find_log(logs, "learning_rate") == nullptr) {
    train.write_summary(epoch, scalar_summary("epoch_learning_rate", model.learning_rate()));
  }
  if (options_.write_steps_per_second && files_->epoch_began > 0) {
    const double seconds = std::max(now() - files_->epoch_began, 1e-9);
    train.write_summary(epoch,
                        scalar_summary("epoch_steps_per_second",
                                       static_cast<double>(files_->steps_per_epoch) / seconds));
  }

  const int every = options_.histogram_freq;
  if (every > 0 && epoch % every == 0) write_histograms(train, model, options_.samples, epoch);
  if (!options_.write_images || epoch % std::max(every, 1) != 0) return;
  write_filters(train, model, epoch);
  if (options_.samples.x.defined()) write_maps(train, model, options_.samples.x, epoch);
  if (!options_.mistakes_in.x.defined()) return;
  if (const auto mistakes = report::worst_mistakes(model, options_.mistakes_in)) {
    train.write_summary(epoch, image_summary("mistakes", mistakes->picture));
    train.write_summary(epoch, report::text_summary("mistakes/table", mistakes->text));
  }
}

void TensorBoard::on_train_end(Model&) {
  if (!options_.hparams.is_null()) files_->in("").write_summary(0, report::session_end(now()));
}

CallbackState TensorBoard::state() const {
  CallbackState state;
  Json files = Json::array();
  if (files_ != nullptr) {
    for (const auto& [folder, file] : files_->files) {
      files.push(Json::Object{{"folder", folder}, {"path", file.path()}, {"bytes", file.bytes()}});
    }
  }
  state.values.set("files", std::move(files));
  return state;
}

void TensorBoard::restore(const CallbackState& state) {
  files_ = std::make_shared<Files>(Files{log_dir_});
  for (const Json& file : state.values.at("files").as_array()) {
    const std::string& path = file.at("path").as_string();
    if (!std::filesystem::exists(path)) continue;  // somebody tidied up: a new one will be made
    files_->files.emplace(file.at("folder").as_string(),
                          EventFile(path, file.at("bytes").as_int()));
  }
}

}  // namespace fovea
