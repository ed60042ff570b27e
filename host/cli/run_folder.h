// Run folders: all that is kept of a training.
//
//   config.json    what was asked for, to repeat it; versions, machine, command line
//   model.json     the network
//   history.csv    a line per epoch
//   history.json   the same in columns
//   best.fov       the model of the best epoch so far
//   last.fov       the state to go on from
//   result.json    what came out, once training ended
//   report.html    a page about it; events/ is TensorBoard's
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fovea/callback.h"
#include "fovea/json.h"

namespace fovea::cli {

class RunFolder {
 public:
  /// Of config.json, as its "format": raised when older versions could no longer read it.
  static constexpr int kFormat = 1;

  /// Throws invalid_argument where there is something already; an empty folder will do.
  static void require_new(const std::filesystem::path& path);
  /// A new folder with a config.json. Throws as require_new, and io where it cannot be made.
  static RunFolder create(const std::filesystem::path& path, const Json& config);
  /// Throws io for what is no run folder, parse for a damaged config.json, unsupported for one of a
  /// newer format.
  static RunFolder open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const Json& config() const { return config_; }
  std::string file(const char* name) const { return (path_ / name).string(); }
  bool has(const char* name) const;

  std::string best() const { return file("best.fov"); }
  std::string last() const { return file("last.fov"); }
  /// The best checkpoint, or the last where there is no best. Throws io where there is none.
  std::string checkpoint() const;

 private:
  RunFolder(std::filesystem::path path, Json config)
      : path_(std::move(path)), config_(std::move(config)) {}

  std::filesystem::path path_;
  Json config_;
};

/// A name for a run that does not exist yet: runs/lenet5-mnist-20260131-235959.
std::filesystem::path default_run_path(const std::string& model, const std::string& data);

/// With the folders that it lies in. Throws io.
void make_folder(const std::filesystem::path& path);
/// Replaces a file as a whole or not at all. Throws io.
void write_file_atomically(const std::filesystem::path& path, std::string_view text);
/// Throws io where it cannot be read, parse where it is no JSON.
Json read_json_file(const std::filesystem::path& path);

/// "2026-01-31T23:59:59Z".
std::string timestamp();

/// Writes history.csv and history.json after each epoch: epochs count from 1; besides the metrics
/// there are the learning rate of the next update and the seconds that the epoch took. A resumed
/// run keeps the epochs that it does not repeat.
class RunHistory final : public Callback {
 public:
  explicit RunHistory(RunFolder folder) : folder_(std::move(folder)) {}
  void on_train_begin(Model& model, const FitPlan& plan) override;
  void on_epoch_begin(Model& model, int epoch) override;
  void on_epoch_end(Model& model, int epoch, const Logs& logs) override;
  bool observes_steps() const override { return false; }

 private:
  void write() const;

  RunFolder folder_;
  std::vector<Logs> rows_;  // the epoch among them
  double epoch_began_ = 0;
};

/// The history of a run as fit() returns it. Throws io where there is none yet.
History read_history(const RunFolder& run);

}  // namespace fovea::cli
