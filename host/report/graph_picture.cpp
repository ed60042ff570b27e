// The graph of a network: a box for each layer, an arrow for what it reads.
#include <algorithm>
#include <map>
#include <set>

#include "fovea/error.h"
#include "host/report/graph_layout.h"
#include "host/report/kinds.h"
#include "host/report/svg.h"

namespace fovea {
namespace report {
namespace {

constexpr double kMargin = 16;
constexpr double kHeading = 46;
constexpr std::int64_t kNameLength = 27;

std::vector<GraphEdge> edges_of(const Network& network) {
  std::map<std::string, int> numbers;
  std::vector<GraphEdge> edges;
  std::set<std::pair<int, int>> known;
  int number = 0;
  for (const LayerRecord& layer : network.layers()) {
    for (const std::string& source : layer.connected_to) {
      const auto from = numbers.find(source);
      // A layer that is called twice stands once, where it is called first: what it reads at its
      // second call may come behind it, and is left out.
      if (from == numbers.end() || !known.insert({from->second, number}).second) continue;
      edges.push_back({from->second, number});
    }
    numbers[layer.name] = number++;
  }
  return edges;
}

/// Straight down past boxes, and in a curve from rank to rank.
std::string route_path(const std::vector<Point>& route) {
  const auto text = [](double x, double y) {
    return coordinate(x + kMargin) + " " + coordinate(y + kHeading);
  };
  std::string d = "M" + text(route[0].x, route[0].y);
  for (std::size_t i = 1; i < route.size(); ++i) {
    const Point& a = route[i - 1];
    Point b = route[i];
    if (i + 1 == route.size()) b.y -= 5;  // room for the arrow's head
    const double middle = (a.y + b.y) / 2;
    d += std::abs(a.x - b.x) < 0.01
             ? "L" + text(b.x, b.y)
             : "C" + text(a.x, middle) + " " + text(b.x, middle) + " " + text(b.x, b.y);
  }
  return d;
}

void draw_box(Svg& svg, const LayerRecord& layer, Point corner, const LayoutOptions& sizes) {
  const double x = corner.x + kMargin;
  const double y = corner.y + kHeading;
  svg.open("g", "class=\"fv-box\" data-layer=\"" + escape(layer.name) + "\"");
  svg.rect(x, y, sizes.box_width, sizes.box_height, "rx=\"7\" class=\"fv-card\"");
  svg.rect(x, y + 6, 4, sizes.box_height - 12,
           "rx=\"2\" class=\"" + std::string(look_of(layer.kind).look) + "\"");
  const std::string parameters =
      layer.parameter_count() > 0 ? with_commas(layer.parameter_count()) + " parameters" : "";
  const double right = x + sizes.box_width - 10;
  svg.text(x + 13, y + 18, shorten(layer.name, kNameLength), {.look = "fv-ink", .bold = true});
  svg.text(x + 13, y + 33, shorten(layer.kind, 20), {.size = 11});
  svg.text(right, y + 33, size_text(layer.output), {.anchor = "end", .size = 11});
  if (!parameters.empty()) svg.text(x + 13, y + 47, parameters, {.look = "fv-faint", .size = 10.5});
  svg.close("g");
}

}  // namespace
}  // namespace report

Picture draw_graph(const Network& network, const NetworkPictureOptions& options) {
  using namespace report;  // NOLINT(google-build-using-namespace)
  const std::vector<LayerRecord>& layers = network.layers();
  FOVEA_REQUIRE(!layers.empty(), invalid_argument, "the network '", network.name(),
                "' has no layers to draw");
  const LayoutOptions sizes{.box_width = 236, .box_height = 55, .gap_x = 26, .gap_y = 28};
  const GraphLayout layout = lay_out(static_cast<int>(layers.size()), edges_of(network), sizes);
  const std::string title = options.title.empty() ? network.name() : options.title;
  Svg svg;
  svg.text(kMargin, 28, shorten(title, 60), {.look = "fv-ink", .size = 17, .bold = true});
  std::string edges;
  std::string tips;
  for (const std::vector<Point>& route : layout.routes) {
    edges += route_path(route);
    const Point end = route.back();
    tips += "M" + coordinate(end.x + kMargin) + " " + coordinate(end.y + kHeading) + "l-4.5 -8h9z";
  }
  if (!edges.empty()) {
    svg.path(edges, "class=\"fv-edge\" stroke-width=\"1.5\"");
    svg.path(tips, "class=\"fv-tip\"");
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    draw_box(svg, layers[i], layout.boxes[i], sizes);
  }
  const double heading = 2 * kMargin + text_width(shorten(title, 60), 18);
  return svg.finish(std::max(layout.width + 2 * kMargin, heading),
                    layout.height + kHeading + kMargin,
                    "Graph of the layers of " + title + ", from the input at the top");
}

}  // namespace fovea
