// The report's sections about the model and its training.
#include <algorithm>
#include <cmath>
#include <map>

#include "fovea/device.h"
#include "fovea/fields.h"
#include "fovea/version.h"
#include "host/report/curves.h"
#include "host/report/html.h"
#include "host/report/svg.h"

namespace fovea::report {
namespace {

constexpr double kPanelWidth = 460;
constexpr double kPanelHeight = 290;

std::string tile(const std::string& value, const std::string& name) {
  return "<div class=\"tile\"><dt>" + escape(name) + "</dt><dd>" + escape(value) + "</dd></div>";
}

/// A share as "70.31 %", any other number as it is.
std::string metric_text(const std::string& name, double value) {
  const bool share = name.find("accuracy") != std::string::npos && value >= 0 && value <= 1;
  return share ? percent(value, 2) : readable(value, 4);
}

/// Milliseconds of a prediction by layer; steps below no layer are left out.
std::map<std::string, double> time_by_layer(const ReportContext& context) {
  std::map<std::string, double> times;
  const HtmlReportOptions& options = context.options;
  if (!options.profile) return times;
  const Profile profile = context.model.profile(options.batch_size, ProfileMode::infer, 3);
  for (const ProfileStep& step : profile.steps) {
    const LayerPlan* owner = nullptr;  // of those whose name begins the path, the longest
    for (const LayerPlan& layer : context.plan.layers) {
      const bool inside = step.path == layer.name || step.path.rfind(layer.name + ".", 0) == 0;
      if (inside && (owner == nullptr || layer.name.size() > owner->name.size())) owner = &layer;
    }
    if (owner != nullptr) times[owner->name] += step.cost.milliseconds;
  }
  return times;
}

std::string layer_table(const ReportContext& context) {
  const std::map<std::string, double> times = time_by_layer(context);
  double slowest = 0;
  for (const auto& entry : times) slowest = std::max(slowest, entry.second);
  std::string head = table_row({"Layer", "Kind", "Output", "Parameters", "FLOPs", "Bytes"}, true);
  if (!times.empty()) head.insert(head.rfind("</tr>"), "<th scope=\"col\">Time (ms)</th>");
  std::string rows;
  for (const LayerPlan& layer : context.plan.layers) {
    std::string row =
        table_row({escape(layer.name), escape(layer.kind), escape(size_text(layer.output)),
                   with_commas(layer.parameters), layer.flops > 0 ? count_text(layer.flops) : "–",
                   bytes_text(static_cast<double>(layer.activation_bytes))});
    if (!times.empty()) {
      const auto time = times.find(layer.name);
      const double ms = time == times.end() ? 0 : time->second;
      row.insert(row.rfind("</tr>"), ms == 0
                                         ? "<td>–</td>"
                                         : "<td class=\"timed\" style=\"--part:" +
                                               coordinate(slowest > 0 ? 100 * ms / slowest : 0) +
                                               "%\">" + readable(ms, 3) + "</td>");
    }
    rows += row;
  }
  const std::string batch = std::to_string(context.options.batch_size);
  std::string note =
      "Shapes and FLOPs are of one sample (a multiply-add counts as two), bytes of "
      "the output for a batch of " +
      batch + ".";
  if (!times.empty()) {
    note += " Times are of a prediction of such a batch on " + escape(context.model.device_name()) +
            ", kernel by kernel; a layer without one is part of another's kernel.";
  }
  return "<div class=\"scroll\" tabindex=\"0\"><table class=\"layers\"><thead>" + head +
         "</thead><tbody>" + rows + "</tbody></table></div><p class=\"note\">" + note + "</p>";
}

std::string setting_text(const Json& value) {
  return value.is_string() ? value.as_string() : value.to_string();
}

Json finite(double value) { return std::isfinite(value) ? Json(value) : Json(); }

}  // namespace

std::string table_row(const std::vector<std::string>& cells, bool head) {
  std::string row = "<tr>";
  for (const std::string& cell : cells) {
    row += head ? "<th scope=\"col\">" + cell + "</th>" : "<td>" + cell + "</td>";
  }
  return row + "</tr>";
}

std::string bytes_text(double bytes) {
  const char* units[] = {"B", "KB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < std::size(units); ++unit) bytes /= 1024;
  return readable(bytes, 4) + " " + units[unit];
}

std::string count_text(double count) {
  const char* units[] = {"", " k", " M", " G", " T", " P"};
  std::size_t unit = 0;
  for (; count >= 1000 && unit + 1 < std::size(units); ++unit) count /= 1000;
  return readable(count, 3) + units[unit];
}

Section overview_section(const ReportContext& context) {
  const Network& network = context.model.network();
  std::string tiles;
  for (const auto& [name, value] : context.test.metrics) {
    tiles += tile(metric_text(name, value), "test " + name);
  }
  tiles += tile(with_commas(network.parameter_count()), "parameters");
  tiles += tile(std::to_string(network.layers().size()), "layers");
  double flops = 0;
  for (const LayerPlan& layer : context.plan.layers) flops += layer.flops;
  tiles += tile(count_text(flops), "FLOPs per sample");
  if (context.options.history && !context.options.history->epochs.empty()) {
    const History& history = *context.options.history;
    tiles += tile(std::to_string(history.epochs.back() + 1), "epochs");
    if (history.samples_per_second > 0) {
      tiles += tile(readable(history.samples_per_second, 4), "samples/s in training");
    }
  }
  tiles += tile(bytes_text(static_cast<double>(context.plan.peak_bytes)),
                std::string(context.plan.training ? "training" : "prediction") + " memory, batch " +
                    std::to_string(context.options.batch_size));
  return {"overview", "Overview", "<dl class=\"tiles\">" + tiles + "</dl>"};
}

Section curves_section(const ReportContext& context) {
  Section section{"curves", "Curves", ""};
  if (!context.options.history || context.options.history->epochs.empty()) return section;
  const History& history = *context.options.history;
  std::string figures;
  for (const Curve& curve : curves_to_draw(history)) {
    Svg svg;
    draw_curve(svg, curve, history.epochs, 0, 0, kPanelWidth, kPanelHeight);
    const std::string label = "Curve of " + curve.name + " over the epochs";
    figures += "<figure class=\"card curve\" tabindex=\"0\" data-metric=\"" + escape(curve.name) +
               "\">" + inline_svg(svg.finish(kPanelWidth, kPanelHeight, label)) + "</figure>";
  }
  section.html = "<div class=\"cards\">" + figures +
                 "</div><p class=\"note\">Point at a curve, or choose it and use the arrow keys, "
                 "to read its values.</p>";
  return section;
}

Section network_section(const ReportContext& context) {
  const Network& network = context.model.network();
  struct Tab {
    std::string id, title, html;
  };
  const auto drawing = [](const Picture& picture) {
    return "<div class=\"scroll natural drawing\" tabindex=\"0\">" + inline_svg(picture) + "</div>";
  };
  const Tab tabs[] = {{"table", "Layers", layer_table(context)},
                      {"blocks", "Blocks", drawing(draw_architecture(network))},
                      {"graph", "Graph", drawing(draw_graph(network))}};
  std::string list;
  std::string panels;
  for (const Tab& tab : tabs) {
    list += "<button type=\"button\" role=\"tab\" id=\"tab-" + tab.id +
            "\" aria-controls=\"panel-" + tab.id + "\">" + tab.title + "</button>";
    panels += "<div role=\"tabpanel\" id=\"panel-" + tab.id + "\" aria-labelledby=\"tab-" + tab.id +
              "\">" + tab.html + "</div>";
  }
  return {"network", "Network",
          "<div class=\"tabs\" role=\"tablist\" aria-label=\"Views of the network\">" + list +
              "</div>" + panels};
}

Section settings_section(const ReportContext& context) {
  Section section{"settings", "Settings", ""};
  if (!context.options.settings.is_object() || context.options.settings.size() == 0) {
    return section;
  }
  std::string rows;
  for (const auto& [name, value] : context.options.settings.as_object()) {
    rows += "<tr><th scope=\"row\">" + escape(name) + "</th><td>" + escape(setting_text(value)) +
            "</td></tr>";
  }
  section.html = "<div class=\"scroll\" tabindex=\"0\"><table class=\"facts\"><tbody>" + rows +
                 "</tbody></table></div>";
  return section;
}

Section machine_section(const ReportContext& context) {
  const std::string device = context.model.device_name();
  const std::vector<std::pair<std::string, std::string>> facts = {
      {"Fovea", version()},
      {"compiler", compiler()},
      {"this model", device + ", " + context.model.options().precision},
      {device, open_device(device)->fingerprint()}};
  std::string rows;
  for (const auto& [name, value] : facts) {
    rows += "<tr><th scope=\"row\">" + escape(name) + "</th><td>" + escape(value) + "</td></tr>";
  }
  return {"machine", "Machine and versions",
          "<div class=\"scroll\" tabindex=\"0\"><table class=\"facts\"><tbody>" + rows +
              "</tbody></table></div>"};
}

Json page_data(const ReportContext& context) {
  Json data = Json::object();
  data.set("title", context.title);
  if (context.options.history) {
    const History& history = *context.options.history;
    Json epochs = Json::array();
    for (const int epoch : history.epochs) epochs.push(epoch + 1);
    Json metrics = Json::object();
    for (const Curve& curve : curves_of(history)) {
      for (const bool validation : {false, true}) {
        Json values = Json::array();
        for (const double v : validation ? curve.validation : curve.train) values.push(finite(v));
        if (values.size() > 0) metrics.set((validation ? "val_" : "") + curve.name, values);
      }
    }
    data.set("history", Json::object().set("epochs", epochs).set("metrics", metrics));
  }
  Json test = Json::object();
  for (const auto& [name, value] : context.test.metrics) test.set(name, finite(value));
  data.set("test", test);
  const Tensor counts = confusions(context.test);
  if (counts.defined()) {
    Json classes = Json::array();
    for (const std::string& name : context.test.class_names) classes.push(name);
    Json matrix = Json::array();
    const std::int64_t size = counts.shape()[0];
    for (std::int64_t row = 0; row < size; ++row) {
      Json cells = Json::array();
      for (std::int64_t i = 0; i < size; ++i)
        cells.push(counts.data<std::int64_t>()[row * size + i]);
      matrix.push(cells);
    }
    data.set("confusion", Json::object().set("classes", classes).set("matrix", matrix));
  }
  Json layers = Json::array();
  for (const LayerPlan& layer : context.plan.layers) {
    layers.push(Json::object()
                    .set("name", layer.name)
                    .set("kind", layer.kind)
                    .set("output", to_json(layer.output))
                    .set("parameters", layer.parameters)
                    .set("flops", layer.flops)
                    .set("activation_bytes", layer.activation_bytes));
  }
  data.set("layers", layers);
  return data;
}

}  // namespace fovea::report
