#include "host/cli/terminal.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <vector>

#include "fovea/error.h"

namespace fovea::cli {
namespace {

/// Whether a terminal is there that understands control sequences.
bool is_terminal(int descriptor) {
  const char* term = std::getenv("TERM");
  return isatty(descriptor) == 1 && std::string_view(term != nullptr ? term : "") != "dumb";
}

/// As https://no-color.org asks: any NO_COLOR that is not empty.
bool styles_wanted(int descriptor) {
  const char* no_color = std::getenv("NO_COLOR");
  return is_terminal(descriptor) && (no_color == nullptr || *no_color == '\0');
}

std::string styled(const char* code, std::string_view text) {
  return "\033[" + std::string(code) + "m" + std::string(text) + "\033[0m";
}

std::ostream& nowhere() {
  static std::ostream stream(nullptr);
  return stream;
}

template <class... Arguments>
std::string print(const char* format, Arguments... arguments) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, arguments...);
  return text.data();
}

/// Characters of UTF-8 text.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace

Terminal::~Terminal() {
  if (json_descriptor_ >= 0) close(json_descriptor_);
}

void Terminal::set_up(bool json, bool quiet) {
  quiet_ = quiet;
  if (!json) return;
  json_descriptor_ = dup(STDOUT_FILENO);
  FOVEA_REQUIRE(json_descriptor_ >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0, io,
                "cannot write to standard output: ", std::strerror(errno));
}

bool Terminal::interactive() const { return is_terminal(STDOUT_FILENO); }

std::ostream& Terminal::info() { return quiet_ ? nowhere() : std::cout; }

std::ostream& Terminal::result() { return json() ? nowhere() : std::cout; }

void Terminal::document(const Json& json) {
  if (json_descriptor_ < 0) return;
  std::cout << std::flush;
  const std::string text = json.to_string(2) + "\n";
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = write(json_descriptor_, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    FOVEA_REQUIRE(count > 0, io, "cannot write to standard output: ", std::strerror(errno));
    done += static_cast<std::size_t>(count);
  }
}

void Terminal::error(const std::string& who, const std::string& message) {
  std::cout << std::flush;
  const bool style = styles_wanted(STDERR_FILENO);
  std::cerr << (style ? styled("1;31", who + ":") : who + ":") << ' ' << message << std::endl;
}

std::string Terminal::bold(std::string_view text) const {
  return styles_wanted(STDOUT_FILENO) ? styled("1", text) : std::string(text);
}

Json finite_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

std::string format_bytes(double bytes) {
  const char* const units[] = {"kB", "MB", "GB", "TB"};
  if (bytes < 1000) return print("%.0f B", bytes);
  std::size_t unit = 0;
  for (bytes /= 1000; bytes >= 999.5 && unit + 1 < std::size(units); bytes /= 1000) ++unit;
  return print(bytes < 9.995 ? "%.2f " : bytes < 99.95 ? "%.1f " : "%.0f ", bytes) + units[unit];
}

std::string format_count(std::int64_t count) {
  std::string text = std::to_string(count);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) {
    text.insert(text.begin() + at, ',');
  }
  return text;
}

std::string format_number(double value) {
  return print(value != 0 && std::abs(value) <= 1e-3 ? "%.4e" : "%.4f", value);
}

std::string shell_word(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width_of(row[c]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      line += row[c];
      if (c + 1 < row.size()) line += std::string(widths[c] + 2 - width_of(row[c]), ' ');
    }
    text += line + "\n";
  }
  return text;
}

}  // namespace fovea::cli
