// The summary table, drawn as Keras draws its own.
#include "fovea/summary.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <sstream>

#include "fovea/layers.h"
#include "host/base/utf8.h"
#include "host/layers/symbol.h"

namespace fovea {
namespace {

constexpr std::int64_t kBytesPerNumber = 4;

/// "122,570".
std::string with_commas(std::int64_t number) {
  std::string text = std::to_string(number);
  for (std::ptrdiff_t at = std::ssize(text) - 3; at > 0; at -= 3) {
    text.insert(static_cast<std::size_t>(at), ",");
  }
  return text;
}

/// "478.79 KB".
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

std::string total_line(const char* what, std::int64_t count) {
  return detail::concat(" ", what, ": ", with_commas(count), " (",
                        memory_size(count * kBytesPerNumber), ")\n");
}

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

struct Column {
  const char* heading;
  std::size_t width;
  bool number = false;  ///< aligned to the right
};

/// Rows of cells, drawn with as many lines as their longest cell needs.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  std::string str() const {
    std::vector<std::string> headings;
    for (const Column& column : columns_) headings.emplace_back(column.heading);
    std::string text = rule(kTop) + row(headings, "┃") + rule(kBelowHeader);
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (i > 0) text += rule(kBetween);
      text += row(rows_[i], "│");
    }
    return text + rule(kBottom);
  }

 private:
  std::string rule(const Rule& style) const {
    std::string line = style.left;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) line += style.cross;
      line += repeat(style.fill, columns_[i].width + 2);
    }
    return line + style.right + "\n";
  }

  std::string row(const std::vector<std::string>& cells, const char* edge) const {
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

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// Whether every layer reads the one before it and nothing else, which needs no column to say so.
bool is_chain(const std::vector<LayerRecord>& layers) {
  for (std::size_t i = 1; i < layers.size(); ++i) {
    if (layers[i].connected_to != std::vector<std::string>{layers[i - 1].name}) return false;
  }
  return true;
}

bool is_frozen(const std::string& path, const std::vector<std::string>& frozen) {
  return std::any_of(frozen.begin(), frozen.end(), [&](const std::string& prefix) {
    return path == prefix || path.starts_with(prefix + ".");
  });
}

/// "conv2d[0][0]": a layer, which of its calls, and which of that call's outputs.
std::vector<std::string> connections(const LayerRecord& layer) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < layer.connected_to.size(); ++i) {
    texts.push_back(detail::concat(layer.connected_to[i], "[", layer.connected_calls[i], "][0]"));
  }
  return texts;
}

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "-" : text;
}

/// Keras's widths. Where Keras would cut a layer's name, the column is wider: the name is what
/// freeze(), probe() and weight() take.
std::vector<Column> columns_for(const std::vector<LayerRecord>& layers, bool chain) {
  constexpr std::size_t kWidestName = 60;
  std::vector<Column> columns = {{"Layer (type)", chain ? 31u : 19u},
                                 {"Output Shape", chain ? 22u : 17u},
                                 {"Param #", chain ? 13u : 10u, true}};
  if (!chain) columns.push_back({"Connected to", 17});
  const auto widen = [&](std::size_t column, const std::string& text, std::size_t limit) {
    columns[column].width = std::max(columns[column].width, std::min(utf8_characters(text), limit));
  };
  for (const LayerRecord& layer : layers) {
    widen(0, layer.name, kWidestName);
    widen(2, with_commas(layer.parameter_count()), kWidestName);
    if (chain) continue;
    for (const std::string& connection : connections(layer)) {
      widen(3, connection + ",", kWidestName);
    }
  }
  return columns;
}

Table layer_table(const std::vector<LayerRecord>& layers) {
  const bool chain = is_chain(layers);
  Table table(columns_for(layers, chain));
  for (const LayerRecord& layer : layers) {
    if (chain && layer.kind == Input::kKind) continue;
    std::vector<std::string> cells = {layer.name + " (" + layer.kind + ")",
                                      detail::batch_shape_text(layer.output),
                                      with_commas(layer.parameter_count())};
    if (!chain) cells.push_back(join(connections(layer)));
    table.add(std::move(cells));
  }
  return table;
}

}  // namespace

std::string summary(const Network& network, const std::vector<std::string>& frozen) {
  std::int64_t trainable = 0;
  for (const ParameterRecord& parameter : network.parameters()) {
    if (parameter.trainable && !is_frozen(parameter.path, frozen)) {
      trainable += parameter.shape.numel();
    }
  }
  const std::int64_t total = network.parameter_count();
  return detail::concat("Model: \"", network.name(), "\"\n", layer_table(network.layers()).str(),
                        total_line("Total params", total),
                        total_line("Trainable params", trainable),
                        total_line("Non-trainable params", total - trainable));
}

}  // namespace fovea
