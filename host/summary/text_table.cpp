#include "host/summary/text_table.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <sstream>

#include "fovea/error.h"
#include "host/base/utf8.h"

namespace fovea {
namespace {

/// At most so many characters, the last one "…" where some are cut off.
std::string cut(const std::string& text, std::size_t characters) {
  if (utf8_characters(text) <= characters) return text;
  std::size_t seen = 0, end = 0;
  for (; end < text.size(); ++end) {
    if (starts_character(text[end]) && seen++ == characters - 1) break;
  }
  return text.substr(0, end) + "…";
}

/// Lines of at most so many characters, broken at spaces; longer words are cut.
std::vector<std::string> wrap(const std::string& text, std::size_t characters) {
  std::vector<std::string> lines = {""};
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    word = cut(word, characters);
    std::string& line = lines.back();
    if (line.empty()) {
      line = word;
    } else if (utf8_characters(line) + 1 + utf8_characters(word) <= characters) {
      line += " " + word;
    } else {
      lines.push_back(word);
    }
  }
  return lines;
}

std::string repeat(const char* text, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

/// The lines of a box: how a rule starts, fills, crosses a column's edge and ends.
struct Rule {
  const char* left;
  const char* fill;
  const char* cross;
  const char* right;
};
constexpr Rule kTop{"┏", "━", "┳", "┓"};
constexpr Rule kBelowHeader{"┡", "━", "╇", "┩"};
constexpr Rule kBetween{"├", "─", "┼", "┤"};
constexpr Rule kBottom{"└", "─", "┴", "┘"};

std::string rule(const std::vector<Column>& columns, const Rule& style) {
  std::string line = style.left;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) line += style.cross;
    line += repeat(style.fill, columns[i].width + 2);
  }
  return line + style.right + "\n";
}

}  // namespace

std::string with_commas(std::int64_t number) {
  std::string text = std::to_string(number);
  for (std::ptrdiff_t at = std::ssize(text) - 3; at > 0; at -= 3) {
    text.insert(static_cast<std::size_t>(at), ",");
  }
  return text;
}

std::string memory_size(std::int64_t bytes) {
  constexpr std::array units = {"B", "KB", "MB", "GB", "TB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (size >= 1024 && unit + 1 < units.size()) {
    size /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f %s", size, units[unit]);
  return text.data();
}

std::string TextTable::str() const {
  std::vector<std::string> headings;
  for (const Column& column : columns_) headings.emplace_back(column.heading);
  std::string text = rule(columns_, kTop) + row(headings, "┃") + rule(columns_, kBelowHeader);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (i > 0) text += rule(columns_, kBetween);
    text += row(rows_[i], "│");
  }
  return text + rule(columns_, kBottom);
}

std::string TextTable::row(const std::vector<std::string>& cells, const char* edge) const {
  std::vector<std::vector<std::string>> wrapped;
  std::size_t height = 1;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    wrapped.push_back(wrap(cells[i], columns_[i].width));
    height = std::max(height, wrapped.back().size());
  }
  std::string lines;
  for (std::size_t h = 0; h < height; ++h) {
    lines += edge;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string text = h < wrapped[i].size() ? wrapped[i][h] : "";
      const std::string space(columns_[i].width - utf8_characters(text), ' ');
      lines += detail::concat(" ", columns_[i].number ? space + text : text + space, " ", edge);
    }
    lines += "\n";
  }
  return lines;
}

}  // namespace fovea
