// The report's sections about what the layers have learned: filters, feature maps.
#include <algorithm>
#include <set>

#include "fovea/error.h"
#include "host/report/html.h"
#include "host/report/kernels.h"
#include "host/report/kinds.h"
#include "host/report/svg.h"

namespace fovea::report {
namespace {

constexpr std::size_t kMostLayers = 24;
constexpr std::size_t kManyLayers = 12;        // from here on fewer maps of each are shown
constexpr std::size_t kMostBytes = 1'500'000;  // of maps; what goes beyond is left out

/// The layers worth looking at: first all that compute, then the more important ones, then some of
/// these.
std::vector<std::string> shown_layers(const Network& network) {
  std::vector<std::string> all;
  std::vector<std::string> important;
  for (const LayerRecord& layer : network.layers()) {
    const bool same = layer.kind == "InputLayer" || layer.kind == "Flatten" ||
                      layer.kind == "Dropout" || layer.kind == "Rescaling" ||
                      layer.kind == "Normalization";  // looks as the layer before it
    if (same) continue;
    all.push_back(layer.name);
    if (!is_elementwise(layer.kind)) important.push_back(layer.name);
  }
  if (all.size() <= kMostLayers) return all;
  if (important.size() <= kMostLayers) return important;
  std::vector<std::string> some;
  for (std::size_t i = 0; i < kMostLayers; ++i) {
    some.push_back(important[i * (important.size() - 1) / (kMostLayers - 1)]);
  }
  return some;
}

/// The first samples of different classes, then others.
std::vector<std::int64_t> shown_samples(const ReportContext& context) {
  const TestResult& test = context.test;
  const std::int64_t wanted = std::min(context.options.sample_pictures, test.data.size());
  std::vector<std::int64_t> samples;
  std::set<std::int32_t> seen;
  for (std::int64_t i = 0; test.classified() && i < test.truth.numel(); ++i) {
    if (std::ssize(samples) == wanted) break;
    if (seen.insert(test.truth.data<std::int32_t>()[i]).second) samples.push_back(i);
  }
  for (std::int64_t i = 0; i < test.data.size() && std::ssize(samples) < wanted; ++i) {
    if (std::find(samples.begin(), samples.end(), i) == samples.end()) samples.push_back(i);
  }
  return samples;
}

std::string sample_name(const ReportContext& context, std::int64_t sample) {
  std::string name = "sample " + std::to_string(sample);
  if (context.test.classified()) {
    const std::int32_t label = context.test.truth.data<std::int32_t>()[sample];
    name += ", " + context.test.class_names[static_cast<std::size_t>(label)];
  }
  return name;
}

/// One layer's maps for one sample.
std::string figure(const ReportContext& context, const std::string& layer_name, const Tensor& value,
                   std::size_t layer_number, std::size_t sample_number, std::int64_t maps) {
  const Network& network = context.model.network();
  const LayerRecord& layer = layer_of(network, layer_name);
  const bool last = layer_name == network.layers().back().name;
  Svg svg(true);
  double width = 600;
  const double height = draw_output(
      svg, value, last ? context.test.class_names : std::vector<std::string>{}, maps, 0, 0, width);
  std::string about = layer.name + " (" + layer.kind + "), " + size_text(layer.output);
  if (layer.output.rank() == 3 && layer.output.c() > maps) {
    about += ", the first " + std::to_string(maps) + " maps";
  }
  const bool first = layer_number == 0 && sample_number == 0;
  return "<figure class=\"map natural\" data-layer=\"" + std::to_string(layer_number) +
         "\" data-sample=\"" + std::to_string(sample_number) + "\"" + (first ? "" : " hidden") +
         ">" + inline_svg(svg.finish(width, height, "What is given by " + about)) + "<figcaption>" +
         escape(about) + "</figcaption></figure>";
}

std::string layer_choice(const std::vector<std::string>& layers) {
  std::string options;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    options += "<option value=\"" + std::to_string(i) + "\">" + escape(layers[i]) + "</option>";
  }
  return "<div class=\"choice\"><label for=\"map-layer\">Layer</label><select id=\"map-layer\">" +
         options +
         "</select><button type=\"button\" id=\"map-before\" aria-label=\"Layer before\">"
         "&#8592;</button><button type=\"button\" id=\"map-after\" aria-label=\"Next layer\">"
         "&#8594;</button></div>";
}

std::string sample_choice(const ReportContext& context, std::size_t number, std::int64_t sample) {
  const std::string name = sample_name(context, sample);
  std::string label = "<label><input type=\"radio\" name=\"map-sample\" value=\"" +
                      std::to_string(number) + "\"" + (number == 0 ? " checked" : "") + ">";
  if (has_pictures(context)) label += picture_tag(sample_of(context.test.data, sample), "");
  return label + "<span>" + escape(name) + "</span></label>";
}

std::string maps_html(const ReportContext& context) {
  const std::vector<std::string> layers = shown_layers(context.model.network());
  const std::int64_t maps = layers.size() > kManyLayers ? 16 : 24;
  std::string figures;
  std::string choices;
  std::size_t number = 0;
  for (const std::int64_t sample : shown_samples(context)) {
    if (figures.size() > kMostBytes) break;
    const Tensor batch = context.test.data.x.slice(sample, sample + 1);
    const auto values = context.model.probe({batch}, layers);
    choices += sample_choice(context, number, sample);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      figures += figure(context, layers[i], values.at(layers[i]), i, number, maps);
    }
    ++number;
  }
  if (number == 0 || layers.empty()) return {};
  return "<div class=\"card maps\"><fieldset class=\"samples\"><legend>Sample</legend>" + choices +
         "</fieldset>" + layer_choice(layers) + "<div class=\"map-view\">" + figures +
         "</div></div><p class=\"note\">Each map is drawn from its least value, black, to its "
         "largest, white.</p>";
}

/// What `make` gives, or why it cannot be: pictures need a plug-in.
template <class Make>
std::string or_reason(const Make& make) {
  try {
    return make();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported) throw;
    return "<p class=\"note\">" + escape(error.what()) + "</p>";
  }
}

}  // namespace

Section filters_section(const ReportContext& context) {
  Section section{"filters", "Filters", ""};
  const Network& network = context.model.network();
  const auto first =
      std::find_if(network.layers().begin(), network.layers().end(),
                   [&](const LayerRecord& layer) { return has_kernels(network, layer); });
  if (first == network.layers().end()) return section;
  section.html = or_reason([&] {
    return "<figure class=\"card natural\">" +
           inline_svg(filters_picture(context.model, first->name, {}, true)) + "</figure>";
  });
  return section;
}

Section maps_section(const ReportContext& context) {
  Section section{"maps", "Feature maps", ""};
  const bool possible = context.test.data.x.defined() &&
                        context.model.network().inputs().size() == 1 &&
                        context.options.sample_pictures > 0;
  if (possible) section.html = or_reason([&] { return maps_html(context); });
  return section;
}

}  // namespace fovea::report
