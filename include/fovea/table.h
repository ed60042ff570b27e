// Tables of named columns, read from and written to CSV files; what becomes of them are tensors and
// data sets.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/data.h"
#include "fovea/export.h"
#include "fovea/tensor.h"

namespace fovea {

/// Named columns of equal length. Cells are kept as the text that was read; an empty cell is a
/// missing value. Rows are counted from 0.
class FOVEA_API Table {
 public:
  /// No rows and no columns.
  Table() = default;
  /// Throws invalid_argument for a name that comes twice or columns that differ in number from
  /// names, shape_mismatch for columns that differ in length.
  Table(std::vector<std::string> names, std::vector<std::vector<std::string>> columns);

  std::int64_t rows() const;
  const std::vector<std::string>& names() const { return names_; }
  bool contains(const std::string& name) const;

  /// A column's cells. This and all that take a column's name throw invalid_argument, naming the
  /// columns there are, for an unknown one.
  const std::vector<std::string>& text(const std::string& name) const;
  /// Whether all cells of a column that are not missing are numbers, and there is one.
  bool is_numeric(const std::string& name) const;
  /// A column as numbers; a missing one is NaN. Throws parse, naming column, row and cell.
  std::vector<double> numbers(const std::string& name) const;
  /// Missing values of a column.
  std::int64_t count_missing(const std::string& name) const;

  /// These columns, in this order.
  Table select(const std::vector<std::string>& names) const;
  /// All columns but these.
  Table drop(const std::vector<std::string>& names) const;
  /// The rows at these indices, in their order. Throws invalid_argument when out of range.
  Table take(std::span<const std::int64_t> indices) const;
  /// Rows [first, last). Throws invalid_argument when out of range.
  Table slice(std::int64_t first, std::int64_t last) const;

  /// Replaces the column of that name, or appends one. Throws shape_mismatch unless there are as
  /// many values as rows (a table without columns takes any number).
  void set_column(const std::string& name, std::vector<std::string> values);
  /// Numbers are kept as the shortest text that reads back as the same double; NaN is missing.
  void set_column(const std::string& name, std::span<const double> values);
  /// Throws invalid_argument where there is a column `to` already.
  void rename(const std::string& from, const std::string& to);
  /// Gives the missing cells of a column a value; without one, the column's most frequent (the
  /// first in order of text where several are). Throws invalid_argument where all are missing.
  void fill_missing(const std::string& name, const std::optional<std::string>& value = {});

  /// The columns as f32 (rows, columns); missing values are NaN. Throws as numbers(), and
  /// invalid_argument for a table without rows or columns.
  Tensor to_tensor() const;

 private:
  std::size_t index_of(const std::string& name) const;

  std::vector<std::string> names_;
  std::vector<std::vector<std::string>> columns_;
};

/// The rows of all tables below each other, with the columns of the first. Throws invalid_argument
/// for no tables, or tables whose columns are not the same (their order may differ).
FOVEA_API Table concatenate(const std::vector<Table>& tables);

struct CsvOptions {
  /// Between cells; not given, the one of , ; and tab that the first line has most of.
  std::optional<char> separator{};
  bool header = true;                ///< whether the first line names the columns
  std::vector<std::string> names{};  ///< of the columns, instead of the header's; without either,
                                     ///< columns are "0", "1", …
  /// Cells that stand for a missing value, besides empty ones; upper and lower case are the same.
  std::vector<std::string> missing = {"NA", "N/A", "nan", "null", "?"};
};

/// Reads a CSV file (RFC 4180), plain or .gz: cells may be quoted by ", then they may contain
/// separators, line breaks and, doubled, quotes. Lines end in LF or CRLF; empty ones are skipped,
/// as is a UTF-8 byte order mark. Spaces around cells that are not quoted are dropped. Throws io
/// for what cannot be read; parse, naming file and line, for a row with more or fewer cells than
/// the first, a quote that does not end or ends in mid-cell, and a file without rows;
/// invalid_argument for names that do not fit the columns, and a separator that cannot be one.
FOVEA_API Table read_csv(const std::filesystem::path& path, const CsvOptions& options = {});
/// The same of a text in memory; `source` stands for the file's name in messages.
FOVEA_API Table parse_csv(std::string_view text, const CsvOptions& options = {},
                          const std::string& source = "CSV");

/// Writes a header and the rows, replacing a file atomically; cells that need it are quoted. Throws
/// io, and invalid_argument for a table without columns or a separator that cannot be one.
FOVEA_API void write_csv(const Table& table, const std::filesystem::path& path,
                         char separator = ',');

/// A data set to classify: the numbers of all columns but `target` as f32 (N, columns), and the
/// target's values, sorted, as class names of i32 labels. Throws as Table::numbers, and
/// invalid_argument for a target that is missing somewhere.
FOVEA_API Dataset classification_data(const Table& table, const std::string& target,
                                      const std::string& name = {});
/// A data set for regression: the same with the target's numbers as f32 (N, 1).
FOVEA_API Dataset regression_data(const Table& table, const std::string& target,
                                  const std::string& name = {});

}  // namespace fovea
