// Tables and numbers for people, as summaries and reports print them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fovea {

/// "122,570".
std::string with_commas(std::int64_t number);

/// "478.79 KB".
std::string memory_size(std::int64_t bytes);

struct Column {
  const char* heading;
  std::size_t width;
  bool number = false;  ///< aligned to the right
};

/// Rows of cells in a drawn frame, with as many lines as their longest cell needs.
class TextTable {
 public:
  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string str() const;

 private:
  std::string row(const std::vector<std::string>& cells, const char* edge) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace fovea
