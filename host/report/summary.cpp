// The summary table, drawn as Keras draws its own.
#include "fovea/summary.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "fovea/layers.h"
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

/// Characters, not bytes: names are UTF-8.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
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

/// Rows of cells, the first row being the header; numbers are aligned to the right.
class Table {
 public:
  Table(std::vector<std::size_t> minimum_widths, std::size_t number_column)
      : widths_(std::move(minimum_widths)), number_column_(number_column) {}

  void add(std::vector<std::string> cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      widths_[i] = std::max(widths_[i], width(cells[i]));
    }
    rows_.push_back(std::move(cells));
  }

  std::string str() const {
    std::string text = rule(kTop) + row(rows_.front(), "┃") + rule(kBelowHeader);
    for (std::size_t i = 1; i < rows_.size(); ++i) {
      if (i > 1) text += rule(kBetween);
      text += row(rows_[i], "│");
    }
    return text + rule(kBottom);
  }

 private:
  std::string rule(const Rule& style) const {
    std::string line = style.left;
    for (std::size_t i = 0; i < widths_.size(); ++i) {
      if (i > 0) line += style.cross;
      line += repeat(style.fill, widths_[i] + 2);
    }
    return line + style.right + "\n";
  }

  std::string row(const std::vector<std::string>& cells, const char* edge) const {
    std::string line = edge;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string space(widths_[i] - width(cells[i]), ' ');
      const bool is_number = i == number_column_;
      line += detail::concat(" ", is_number ? space : cells[i], is_number ? cells[i] : space, " ",
                             edge);
    }
    return line + "\n";
  }

  std::vector<std::size_t> widths_;
  std::size_t number_column_;
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

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "-" : text;
}

Table layer_table(const std::vector<LayerRecord>& layers) {
  const bool chain = is_chain(layers);
  Table table(
      chain ? std::vector<std::size_t>{36, 27, 15} : std::vector<std::size_t>{29, 19, 11, 22}, 2);
  std::vector<std::string> header = {"Layer (type)", "Output Shape", "Param #"};
  if (!chain) header.emplace_back("Connected to");
  table.add(header);
  for (const LayerRecord& layer : layers) {
    if (chain && layer.kind == Input::kKind) continue;
    std::vector<std::string> cells = {layer.name + " (" + layer.kind + ")",
                                      detail::batch_shape_text(layer.output),
                                      with_commas(layer.parameter_count())};
    if (!chain) cells.push_back(join(layer.connected_to));
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
