// The summary table, drawn as Keras draws its own.
#include "fovea/summary.h"

#include <algorithm>

#include "fovea/layers.h"
#include "host/base/utf8.h"
#include "host/layers/symbol.h"
#include "host/summary/text_table.h"

namespace fovea {
namespace {

constexpr std::int64_t kBytesPerNumber = 4;

std::string total_line(const char* what, std::int64_t count) {
  return detail::concat(" ", what, ": ", with_commas(count), " (",
                        memory_size(count * kBytesPerNumber), ")\n");
}

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

TextTable layer_table(const std::vector<LayerRecord>& layers) {
  const bool chain = is_chain(layers);
  TextTable table(columns_for(layers, chain));
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
