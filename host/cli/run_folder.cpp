#include "host/cli/run_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <vector>

#include "fovea/error.h"
#include "fovea/model.h"
#include "fovea/version.h"
#include "host/cli/terminal.h"

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfigName = "config.json";
constexpr const char* kHistoryName = "history.json";

std::string time_text(const char* format, bool local) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  if (local) {
    localtime_r(&now, &parts);
  } else {
    gmtime_r(&now, &parts);
  }
  char text[32] = {};
  std::strftime(text, sizeof text, format, &parts);
  return text;
}

double now_in_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// A file under a temporary name, which goes with this object unless it was put in place.
class TemporaryFile {
 public:
  explicit TemporaryFile(const fs::path& target)
      : target_(target),
        path_(target.string() + ".tmp-" + std::to_string(getpid())),
        descriptor_(open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) fail_write();
  }
  ~TemporaryFile() {
    if (descriptor_ >= 0) close(descriptor_);
    if (!in_place_) unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write_all(std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = write(descriptor_, text.data(), text.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) fail_write();
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  void put_in_place() {
    if (fsync(descriptor_) != 0 || std::rename(path_.c_str(), target_.c_str()) != 0) fail_write();
    in_place_ = true;
  }

 private:
  [[noreturn]] void fail_write() const {
    const int error = errno;
    fail(ErrorCode::io, "cannot write ", target_.string(), ": ", std::strerror(error));
  }

  fs::path target_;
  std::string path_;
  int descriptor_;
  bool in_place_ = false;
};

void check_format(const Json& config, const fs::path& path) {
  const Json* format = config.is_object() ? config.find("format") : nullptr;
  FOVEA_REQUIRE(format != nullptr && format->is_integer(), parse, path.string(),
                " is not as fovea train writes it: it has no number \"format\"");
  FOVEA_REQUIRE(format->as_int() <= RunFolder::kFormat, unsupported, path.string(), " has format ",
                format->as_int(), ", and this is Fovea ", version(), ", which knows formats up to ",
                RunFolder::kFormat, "; use the version that wrote it, or a newer one");
}

}  // namespace

// ---- Files ----

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  FOVEA_REQUIRE(!error, io, "cannot make the folder ", path.string(), ": ", error.message());
}

void write_file_atomically(const fs::path& path, std::string_view text) {
  TemporaryFile file(path);
  file.write_all(text);
  file.put_in_place();
}

Json read_json_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  FOVEA_REQUIRE(file && !file.bad(), io, "cannot read ", path.string(), ": ", std::strerror(errno));
  return Json::parse(text, path.string());
}

std::string timestamp() { return time_text("%Y-%m-%dT%H:%M:%SZ", false); }

// ---- The folder ----

fs::path default_run_path(const std::string& model, const std::string& data) {
  const std::string name = model + "-" + data + time_text("-%Y%m%d-%H%M%S", true);
  fs::path path = fs::path("runs") / name;
  for (int i = 2; fs::exists(path); ++i) {
    path = fs::path("runs") / (name + "-" + std::to_string(i));
  }
  return path;
}

void RunFolder::require_new(const fs::path& path) {
  std::error_code ignored;
  const bool there = fs::exists(path, ignored);
  const bool run = fs::exists(path / kConfigName, ignored);
  FOVEA_REQUIRE(
      !there || (fs::is_directory(path, ignored) && fs::is_empty(path, ignored)), invalid_argument,
      path.string(), " exists already; name another --out",
      run ? ", or go on with that run: fovea train --resume " + shell_word(path.string()) : "");
}

RunFolder RunFolder::create(const fs::path& path, const Json& config) {
  require_new(path);
  make_folder(path);
  write_file_atomically(path / kConfigName, config.to_string(2) + "\n");
  return {path, config};
}

RunFolder RunFolder::open(const fs::path& path) {
  std::error_code ignored;
  FOVEA_REQUIRE(fs::is_directory(path, ignored), io, "there is no run folder ", path.string());
  FOVEA_REQUIRE(fs::exists(path / kConfigName, ignored), io, path.string(),
                " is no run folder of fovea train: it has no ", kConfigName);
  Json config = read_json_file(path / kConfigName);
  check_format(config, path / kConfigName);
  return {path, std::move(config)};
}

bool RunFolder::has(const char* name) const {
  std::error_code ignored;
  return fs::exists(path_ / name, ignored);
}

std::string RunFolder::checkpoint() const {
  if (has("best.fov")) return best();
  FOVEA_REQUIRE(has("last.fov"), io, "the run ", path_.string(),
                " has no checkpoint yet, neither best.fov nor last.fov; go on with it: "
                "fovea train --resume ",
                shell_word(path_.string()));
  return last();
}

// ---- The history ----

void RunHistory::on_train_begin(Model& /*model*/, const FitPlan& plan) {
  rows_.clear();
  if (plan.initial_epoch == 0) return;
  const Json columns = read_json_file(folder_.file(kHistoryName));
  for (std::size_t row = 0; row < static_cast<std::size_t>(plan.initial_epoch); ++row) {
    Logs logs;
    for (const auto& [name, values] : columns.as_object()) {
      const Json& value = values[row];
      logs.emplace_back(name, value.is_null() ? std::nan("") : value.as_double());
    }
    rows_.push_back(std::move(logs));
  }
}

void RunHistory::on_epoch_begin(Model& /*model*/, int /*epoch*/) {
  epoch_began_ = now_in_seconds();
}

void RunHistory::on_epoch_end(Model& model, int epoch, const Logs& logs) {
  Logs row = {{"epoch", epoch + 1}};
  row.insert(row.end(), logs.begin(), logs.end());
  if (find_log(row, "learning_rate") == nullptr) {
    row.emplace_back("learning_rate", model.learning_rate());
  }
  // An epoch that was resumed in its middle has no beginning here.
  row.emplace_back("seconds", epoch_began_ > 0 ? now_in_seconds() - epoch_began_ : std::nan(""));
  epoch_began_ = 0;
  rows_.push_back(std::move(row));
  write();
}

void RunHistory::write() const {
  std::string csv;
  Json columns = Json::object();
  for (std::size_t c = 0; c < rows_.front().size(); ++c) {
    const std::string& name = rows_.front()[c].first;
    csv += (c == 0 ? "" : ",") + name;
    Json values = Json::array();
    for (const Logs& row : rows_) {
      const double value = row.at(name);
      values.push(!std::isfinite(value) ? Json()
                  : name == "epoch"     ? Json(static_cast<std::int64_t>(value))
                                        : Json(value));
    }
    columns.set(name, std::move(values));
  }
  csv += "\n";
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    for (std::size_t c = 0; c < rows_[r].size(); ++c) {
      const Json& value = columns.as_object()[c].second[r];
      csv += (c == 0 ? "" : ",") + (value.is_null() ? std::string() : value.to_string());
    }
    csv += "\n";
  }
  write_file_atomically(folder_.file("history.csv"), csv);
  write_file_atomically(folder_.file(kHistoryName), columns.to_string(2) + "\n");
}

History read_history(const RunFolder& run) {
  const Json columns = read_json_file(run.file(kHistoryName));
  History history;
  for (std::size_t row = 0; row < columns.at("epoch").size(); ++row) {
    history.epochs.push_back(static_cast<int>(columns.at("epoch")[row].as_int()) - 1);
    Logs logs;
    for (const auto& [name, values] : columns.as_object()) {
      if (name == "epoch" || name == "seconds") continue;
      logs.emplace_back(name, values[row].is_null() ? std::nan("") : values[row].as_double());
    }
    history.logs.push_back(std::move(logs));
  }
  return history;
}

}  // namespace fovea::cli
