// CSVLogger: a line of numbers per epoch.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "fovea/callbacks.h"
#include "fovea/error.h"

namespace fovea {

namespace fs = std::filesystem;

CSVLogger::CSVLogger(std::string path, CSVLoggerOptions options)
    : path_(std::move(path)), options_(std::move(options)) {
  FOVEA_REQUIRE(!options_.separator.empty(), invalid_argument,
                "CSVLogger needs a separator, such as \",\"");
}

std::int64_t CSVLogger::size() const {
  std::error_code missing;
  const std::uintmax_t bytes = fs::file_size(path_, missing);
  return missing ? 0 : static_cast<std::int64_t>(bytes);
}

void CSVLogger::write(const std::string& text, std::ios::openmode mode) const {
  std::ofstream file(path_, mode);
  file << text << std::flush;
  FOVEA_REQUIRE(file.good(), io, path_,
                " cannot be written; does its folder exist, and is there space on the disk?");
}

void CSVLogger::on_train_begin(Model&, const FitPlan& plan) {
  write("", options_.append || plan.restored ? std::ios::app : std::ios::trunc);
}

void CSVLogger::on_epoch_end(Model&, int epoch, const Logs& logs) {
  Logs columns = logs;
  std::sort(columns.begin(), columns.end());
  std::string header = "epoch";
  std::string line = std::to_string(epoch);
  for (const auto& [name, value] : columns) {
    header += options_.separator + name;
    line += options_.separator + Json(value).to_string();
  }
  write((size() == 0 ? header + "\n" : "") + line + "\n", std::ios::app);
}

CallbackState CSVLogger::state() const {
  CallbackState state;
  state.values.set("bytes", size());
  return state;
}

void CSVLogger::restore(const CallbackState& state) {
  const std::int64_t bytes = state.values.at("bytes").as_int();
  if (size() <= bytes) return;
  std::error_code error;
  fs::resize_file(path_, static_cast<std::uintmax_t>(bytes), error);
  FOVEA_REQUIRE(!error, io, "cannot cut ", path_,
                " back to where the run is resumed: ", error.message());
}

}  // namespace fovea
