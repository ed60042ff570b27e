#include "host/train/path_fields.h"

#include <array>
#include <cstdio>
#include <regex>

#include "fovea/error.h"

namespace fovea {
namespace {

/// The value under a checked format such as ".4f" or "02d".
std::string formatted(const std::string& format, double value) {
  if (format.empty()) return Json(value).to_string();
  std::array<char, 512> text;
  // The format was matched against digits, a point and one of d, e, f and g before it came here.
  const std::string full =
      "%" + (format.back() == 'd' ? format.substr(0, format.size() - 1) + ".0f" : format);
  std::snprintf(text.data(), text.size(), full.c_str(), value);  // NOLINT
  return text.data();
}

/// What a field such as "val_loss:.4f" stands for.
std::string field_value(const std::string& path, const std::string& field, int epoch,
                        const Logs& logs) {
  const std::size_t colon = field.find(':');
  const std::string name = field.substr(0, colon);
  const std::string format = colon == std::string::npos ? "" : field.substr(colon + 1);
  const bool is_epoch = name == "epoch";
  const double* metric = find_log(logs, name);
  if (!is_epoch && metric == nullptr) {
    std::string known = "epoch";
    for (const auto& entry : logs) known += ", " + entry.first;
    fail(ErrorCode::invalid_argument, "the path \"", path, "\" has a field {", field,
         "}, but the fields are: ", known);
  }
  static const std::regex kNumber("[0-9]{0,2}(\\.[0-9]{1,2})?[efg]");
  static const std::regex kInteger("[0-9]{0,2}d");
  const bool valid = format.empty() || std::regex_match(format, kNumber) ||
                     (is_epoch && std::regex_match(format, kInteger));
  FOVEA_REQUIRE(valid, invalid_argument, "the path \"", path, "\" has a field {", field,
                "} of an unknown format; write {epoch:02d} or {val_loss:.4f}");
  if (!is_epoch) return formatted(format, *metric);
  return format.empty() ? std::to_string(epoch) : formatted(format, epoch);
}

}  // namespace

std::string fill_path_fields(const std::string& path, int epoch, const Logs& logs) {
  std::string filled;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    const bool doubled = (c == '{' || c == '}') && i + 1 < path.size() && path[i + 1] == c;
    if (doubled) ++i;
    if (c != '{' || doubled) {
      filled += c;
      continue;
    }
    const std::size_t end = path.find('}', i);
    FOVEA_REQUIRE(end != std::string::npos, invalid_argument, "the path \"", path,
                  "\" has a field that does not end: '}' is missing");
    filled += field_value(path, path.substr(i + 1, end - i - 1), epoch, logs);
    i = end;
  }
  return filled;
}

}  // namespace fovea
