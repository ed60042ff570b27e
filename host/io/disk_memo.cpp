#include "host/io/disk_memo.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fovea/error.h"
#include "host/io/atomic_file.h"

namespace fovea {
namespace {

constexpr std::uintmax_t kMaxFileBytes = 64u << 20;  // far more than we write; a foreign file

}  // namespace

std::string DiskMemo::path_of(const std::string& file) {
  const auto folder = [](const char* variable) {
    const char* value = std::getenv(variable);
    return std::filesystem::path(value != nullptr ? value : "");
  };
  std::filesystem::path root = folder("XDG_CACHE_HOME");
  if (!root.is_absolute()) root = folder("HOME").empty() ? "" : folder("HOME") / ".cache";
  return root.empty() ? "" : (root / "fovea" / file).string();
}

DiskMemo::DiskMemo(std::string path, std::string format)
    : path_(std::move(path)), format_(std::move(format)), known_(read()) {}

DiskMemo::~DiskMemo() { try_to_save(); }

DiskMemo::Answers DiskMemo::read() const {
  Answers answers;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path_, ignored) ||
      std::filesystem::file_size(path_, ignored) > kMaxFileBytes) {
    return {};
  }
  std::ifstream file(path_, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  try {
    const Json json = Json::parse(text.str(), path_);
    if (json.at("format").as_string() != format_) return {};
    for (const auto& [question, answer] : json.at("answers").as_object()) {
      answers.emplace(question, answer);
    }
  } catch (const Error&) {
    return {};
  }
  return answers;
}

std::optional<Json> DiskMemo::find(const std::string& question) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(question);
  return found == known_.end() ? std::nullopt : std::optional(found->second);
}

void DiskMemo::remember(const std::string& question, Json answer) {
  const std::lock_guard lock(mutex_);
  new_[question] = answer;
  known_[question] = std::move(answer);
}

void DiskMemo::save() {
  const std::lock_guard lock(mutex_);
  if (new_.empty() || path_.empty()) return;
  Answers all = read();  // others may have added to it
  for (const auto& [question, answer] : new_) all[question] = answer;
  const Json json =
      Json::Object{{"format", format_}, {"answers", Json::Object(all.begin(), all.end())}};
  std::error_code ignored;  // the file cannot be made then, which says more
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
  write_text_file(path_, json.to_string(1));
  new_.clear();
}

void DiskMemo::try_to_save() noexcept {
  try {
    save();
  } catch (...) {
  }
}

}  // namespace fovea
