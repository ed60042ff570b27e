// CSV files: text to cells and back, by RFC 4180 with the liberties that files take.
#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>

#include "fovea/table.h"
#include "host/data/files.h"
#include "host/io/atomic_file.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool ends_line(char c) { return c == '\n' || c == '\r'; }

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

/// The one of , ; and tab that the first line with anything in it has most of, outside of quotes.
char find_separator(std::string_view text) {
  constexpr std::array<char, 3> kSeparators = {',', ';', '\t'};
  std::array<int, 3> counts{};
  bool quoted = false;
  bool empty = true;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (ends_line(c) && !quoted && !empty) break;
    empty = empty && (ends_line(c) || c == ' ');
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += !quoted && c == kSeparators[i];
  }
  return kSeparators[static_cast<std::size_t>(std::max_element(counts.begin(), counts.end()) -
                                              counts.begin())];
}

void check_separator(char separator) {
  FOVEA_REQUIRE(std::string_view("\" \r\n").find(separator) == std::string_view::npos,
                invalid_argument,
                "CSV: a quote, a space or a line break cannot separate cells; use , ; or tab");
}

/// Takes a text apart into rows of cells.
class CsvReader {
 public:
  CsvReader(std::string_view text, const CsvOptions& options, const std::string& source)
      : text_(text), source_(source) {
    if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
    const std::size_t zero = text_.find('\0');
    FOVEA_REQUIRE(zero == std::string_view::npos, parse, source_, ": byte ", zero,
                  " is zero, so this is no text file; save the table as CSV in UTF-8");
    separator_ = options.separator.value_or(find_separator(text_));
    check_separator(separator_);
  }

  /// The next row that is not empty; false at the end.
  bool next(std::vector<std::string>& cells) {
    skip_empty_lines();
    cells.clear();
    if (at_ == text_.size()) return false;
    row_line_ = line_;
    do {
      cells.push_back(next_cell());
    } while (take(separator_));
    take_line_end();
    return true;
  }

  /// Where the last row began, counted from 1.
  std::int64_t line() const { return row_line_; }

 private:
  bool take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void take_line_end() {
    const bool carriage_return = take('\r');
    if (take('\n') || carriage_return) ++line_;
  }

  void skip_spaces() {
    while (take(' ')) {
    }
  }

  void skip_empty_lines() {
    while (at_ < text_.size()) {
      const std::size_t begin = at_;
      skip_spaces();
      if (at_ < text_.size() && !ends_line(text_[at_])) {
        at_ = begin;
        return;
      }
      take_line_end();
    }
  }

  std::string next_cell() {
    skip_spaces();
    return take('"') ? quoted_cell() : plain_cell();
  }

  std::string plain_cell() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != separator_ && !ends_line(text_[at_])) ++at_;
    return std::string(trimmed(text_.substr(begin, at_ - begin)));
  }

  std::string quoted_cell() {
    std::string cell;
    const std::int64_t begin_line = line_;
    while (true) {
      FOVEA_REQUIRE(at_ < text_.size(), parse, source_, ", line ", begin_line,
                    ": a quoted cell begins here and does not end; close it by \" and write \"\" "
                    "for a quote in it");
      const char c = text_[at_++];
      if (c == '"' && !take('"')) break;
      cell += c;
      // The line feed of CRLF counts, its carriage return does not.
      if (c == '\n' || (c == '\r' && (at_ == text_.size() || text_[at_] != '\n'))) ++line_;
    }
    skip_spaces();
    const bool ends = at_ == text_.size() || text_[at_] == separator_ || ends_line(text_[at_]);
    FOVEA_REQUIRE(
        ends, parse, source_, ", line ", line_, ": \"", cell,
        "\" is followed by more than a separator; write \"\" for a quote in a quoted cell");
    return cell;
  }

  std::string_view text_;
  const std::string& source_;
  char separator_ = ',';
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
  std::int64_t row_line_ = 1;
};

/// A name for each of `count` columns.
std::vector<std::string> column_names(const CsvOptions& options,
                                      const std::vector<std::string>& header, std::size_t count,
                                      const std::string& source) {
  std::vector<std::string> names = options.names.empty() ? header : options.names;
  for (std::size_t i = names.size(); i < count && options.names.empty(); ++i) {
    names.push_back(std::to_string(i));
  }
  FOVEA_REQUIRE(names.size() == count, invalid_argument, source, ": ", names.size(),
                " names were given for ", count, " columns");
  return names;
}

void append_cell(std::string& text, const std::string& cell, char separator, bool alone) {
  const bool needs_quotes =
      cell.find_first_of(std::string("\"\r\n") + separator) != std::string::npos ||
      cell.size() != trimmed(cell).size() || (alone && cell.empty());
  if (!needs_quotes) {
    text += cell;
    return;
  }
  text += '"';
  for (const char c : cell) text.append(c == '"' ? 2 : 1, c);
  text += '"';
}

}  // namespace

Table parse_csv(std::string_view text, const CsvOptions& options, const std::string& source) {
  CsvReader reader(text, options, source);
  std::vector<std::string> cells;
  std::vector<std::string> header;
  std::size_t count = 0;  // of columns
  if (options.header && reader.next(cells)) {
    header = cells;
    count = header.size();
  }
  std::vector<std::string> missing;
  std::transform(options.missing.begin(), options.missing.end(), std::back_inserter(missing),
                 lower_case);
  std::vector<std::vector<std::string>> columns(count);
  std::int64_t rows = 0;
  for (; reader.next(cells); ++rows) {
    if (count == 0) {
      count = cells.size();
      columns.resize(count);
    }
    FOVEA_REQUIRE(cells.size() == count, parse, source, ", line ", reader.line(), ": ",
                  cells.size(), cells.size() == 1 ? " cell" : " cells", ", but the first row has ",
                  count, "; mend the row, or name the file's separator if it is another one");
    for (std::size_t i = 0; i < count; ++i) {
      const bool is_missing =
          std::find(missing.begin(), missing.end(), lower_case(cells[i])) != missing.end();
      columns[i].push_back(is_missing ? std::string() : std::move(cells[i]));
    }
  }
  FOVEA_REQUIRE(rows > 0, parse, source, " has no rows",
                header.empty() ? "" : " below its header; if its one row is no header, say so");
  return {column_names(options, header, count, source), std::move(columns)};
}

Table read_csv(const fs::path& path, const CsvOptions& options) {
  return parse_csv(data::read_text(path), options, path.string());
}

void write_csv(const Table& table, const fs::path& path, char separator) {
  const std::vector<std::string>& names = table.names();
  FOVEA_REQUIRE(!names.empty(), invalid_argument, "a table without columns cannot be written to ",
                path);
  check_separator(separator);
  const bool alone = names.size() == 1;
  std::vector<const std::vector<std::string>*> columns;
  std::string text;
  for (const std::string& name : names) {
    if (!columns.empty()) text += separator;
    append_cell(text, name, separator, alone);
    columns.push_back(&table.text(name));
  }
  text += '\n';
  for (std::size_t row = 0; row < columns[0]->size(); ++row) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) text += separator;
      append_cell(text, (*columns[i])[row], separator, alone);
    }
    text += '\n';
  }
  write_text_file(path.string(), text);
}

}  // namespace fovea
