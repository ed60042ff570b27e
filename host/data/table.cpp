// Table: columns of text cells, looked at as numbers on demand.
#include "fovea/table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>

#include "fovea/preprocessing.h"
#include "host/data/cells.h"
#include "host/data/files.h"

namespace fovea {

namespace data {

std::optional<double> number_of(std::string_view cell) {
  if (cell.starts_with("+-")) return std::nullopt;
  if (cell.starts_with('+')) cell.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc() || end != cell.data() + cell.size()) return std::nullopt;
  return value;
}

std::string text_of(double value) {
  if (std::isnan(value)) return {};
  std::array<char, 32> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), end};
}

}  // namespace data

Table::Table(std::vector<std::string> names, std::vector<std::vector<std::string>> columns)
    : names_(std::move(names)), columns_(std::move(columns)) {
  FOVEA_REQUIRE(names_.size() == columns_.size(), invalid_argument, "a table of ", columns_.size(),
                " columns needs as many names, not ", names_.size());
  for (std::size_t i = 0; i < names_.size(); ++i) {
    FOVEA_REQUIRE(std::find(names_.begin(), names_.begin() + static_cast<std::ptrdiff_t>(i),
                            names_[i]) == names_.begin() + static_cast<std::ptrdiff_t>(i),
                  invalid_argument, "a table: two columns have the name '", names_[i],
                  "'; give each a name of its own");
    FOVEA_REQUIRE(columns_[i].size() == columns_[0].size(), shape_mismatch, "a table: column '",
                  names_[i], "' has ", columns_[i].size(), " rows, but '", names_[0], "' has ",
                  columns_[0].size());
  }
}

std::int64_t Table::rows() const { return columns_.empty() ? 0 : std::ssize(columns_[0]); }

bool Table::contains(const std::string& name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

std::size_t Table::index_of(const std::string& name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  FOVEA_REQUIRE(found != names_.end(), invalid_argument, "there is no column '", name,
                "'; there are ", data::join(names_));
  return static_cast<std::size_t>(found - names_.begin());
}

const std::vector<std::string>& Table::text(const std::string& name) const {
  return columns_[index_of(name)];
}

bool Table::is_numeric(const std::string& name) const {
  const std::vector<std::string>& cells = text(name);
  return count_missing(name) < rows() &&
         std::all_of(cells.begin(), cells.end(),
                     [](const std::string& cell) { return cell.empty() || data::number_of(cell); });
}

std::vector<double> Table::numbers(const std::string& name) const {
  const std::vector<std::string>& cells = text(name);
  std::vector<double> values;
  for (std::size_t row = 0; row < cells.size(); ++row) {
    const std::optional<double> value =
        cells[row].empty() ? std::numeric_limits<double>::quiet_NaN() : data::number_of(cells[row]);
    FOVEA_REQUIRE(value, parse, "column '", name, "', row ", row, " (counted from 0): \"",
                  cells[row],
                  "\" is no number; drop the column, or make it numbers with encode_column or "
                  "OneHotEncoder");
    values.push_back(*value);
  }
  return values;
}

std::int64_t Table::count_missing(const std::string& name) const {
  const std::vector<std::string>& cells = text(name);
  return std::count(cells.begin(), cells.end(), std::string());
}

Table Table::select(const std::vector<std::string>& names) const {
  std::vector<std::vector<std::string>> columns;
  columns.reserve(names.size());
  for (const std::string& name : names) columns.push_back(text(name));
  return {names, std::move(columns)};
}

Table Table::drop(const std::vector<std::string>& names) const {
  for (const std::string& name : names) index_of(name);  // must be there
  std::vector<std::string> kept;
  std::copy_if(names_.begin(), names_.end(), std::back_inserter(kept),
               [&](const std::string& name) {
                 return std::find(names.begin(), names.end(), name) == names.end();
               });
  return select(kept);
}

Table Table::take(std::span<const std::int64_t> indices) const {
  std::vector<std::vector<std::string>> columns(columns_.size());
  for (const std::int64_t row : indices) {
    FOVEA_REQUIRE(row >= 0 && row < rows(), invalid_argument, "row ", row,
                  " is out of range: there are ", rows(), ", counted from 0");
    for (std::size_t i = 0; i < columns.size(); ++i) {
      columns[i].push_back(columns_[i][static_cast<std::size_t>(row)]);
    }
  }
  return {names_, std::move(columns)};
}

Table Table::slice(std::int64_t first, std::int64_t last) const {
  FOVEA_REQUIRE(0 <= first && first <= last && last <= rows(), invalid_argument, "rows [", first,
                ", ", last, ") are out of range: there are ", rows());
  Table part;
  part.names_ = names_;
  for (const std::vector<std::string>& column : columns_) {
    part.columns_.emplace_back(column.begin() + first, column.begin() + last);
  }
  return part;
}

void Table::set_column(const std::string& name, std::vector<std::string> values) {
  FOVEA_REQUIRE(columns_.empty() || std::ssize(values) == rows(), shape_mismatch, "column '", name,
                "': ", values.size(), " values were given for ", rows(), " rows");
  if (contains(name)) {
    columns_[index_of(name)] = std::move(values);
  } else {
    names_.push_back(name);
    columns_.push_back(std::move(values));
  }
}

void Table::set_column(const std::string& name, std::span<const double> values) {
  std::vector<std::string> cells;
  for (const double value : values) cells.push_back(data::text_of(value));
  set_column(name, std::move(cells));
}

void Table::rename(const std::string& from, const std::string& to) {
  const std::size_t index = index_of(from);
  FOVEA_REQUIRE(from == to || !contains(to), invalid_argument, "column '", from,
                "' cannot be renamed: there is a column '", to, "' already");
  names_[index] = to;
}

void Table::fill_missing(const std::string& name, const std::optional<std::string>& value) {
  std::vector<std::string>& cells = columns_[index_of(name)];
  std::string replacement = value.value_or("");
  if (!value) {
    std::map<std::string, int> counts;
    for (const std::string& cell : cells) counts[cell] += !cell.empty();
    const auto by_count = [](const auto& a, const auto& b) { return a.second < b.second; };
    const auto most = std::max_element(counts.begin(), counts.end(), by_count);
    FOVEA_REQUIRE(most != counts.end() && most->second > 0, invalid_argument, "column '", name,
                  "' has no value that could stand for the missing ones; name one, or drop it");
    replacement = most->first;
  }
  std::replace(cells.begin(), cells.end(), std::string(), replacement);
}

Tensor Table::to_tensor() const {
  FOVEA_REQUIRE(rows() > 0, invalid_argument,
                "a table without rows and columns cannot become a tensor");
  Tensor tensor({rows(), std::ssize(names_)}, DType::f32);
  const auto cells = tensor.span<float>();
  for (std::size_t i = 0; i < names_.size(); ++i) {
    std::size_t at = i;
    for (const double value : numbers(names_[i])) {
      cells[at] = static_cast<float>(value);
      at += names_.size();
    }
  }
  return tensor;
}

Table concatenate(const std::vector<Table>& tables) {
  FOVEA_REQUIRE(!tables.empty(), invalid_argument, "there are no tables to concatenate");
  const std::vector<std::string>& names = tables[0].names();
  std::vector<std::vector<std::string>> columns(names.size());
  for (std::size_t t = 0; t < tables.size(); ++t) {
    FOVEA_REQUIRE(
        std::is_permutation(names.begin(), names.end(), tables[t].names().begin(),
                            tables[t].names().end()),
        invalid_argument, "tables to concatenate must have the same columns: the first has ",
        data::join(names), "; table ", t, " (counted from 0) has ", data::join(tables[t].names()));
    for (std::size_t i = 0; i < names.size(); ++i) {
      const std::vector<std::string>& cells = tables[t].text(names[i]);
      columns[i].insert(columns[i].end(), cells.begin(), cells.end());
    }
  }
  return {names, std::move(columns)};
}

Dataset classification_data(const Table& table, const std::string& target,
                            const std::string& name) {
  Dataset data;
  LabelEncoder encoder;
  data.y = encoder.fit_transform(table.text(target));
  data.x = table.drop({target}).to_tensor();
  data.class_names = encoder.classes();
  data.name = name;
  return data;
}

Dataset regression_data(const Table& table, const std::string& target, const std::string& name) {
  FOVEA_REQUIRE(table.count_missing(target) == 0, invalid_argument, "column '", target,
                "' is the target, but it is missing in ", table.count_missing(target), " of ",
                table.rows(), " rows; leave these rows out");
  Dataset data;
  data.y = table.select({target}).to_tensor();
  data.x = table.drop({target}).to_tensor();
  data.name = name;
  return data;
}

}  // namespace fovea
