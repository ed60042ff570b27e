// The layered view and the graph, of every network of the zoo and of branching ones.
#include <gtest/gtest.h>

#include <cmath>

#include "fovea/layers.h"
#include "fovea/models.h"
#include "tests/report/markup.h"

namespace fovea {
namespace {

using test::Element;

struct Box {
  std::string layer;
  double x, y, width, height;
};

std::vector<Box> boxes_of(const std::vector<Element>& elements) {
  std::vector<Box> boxes;
  std::string layer;
  for (const Element& element : elements) {
    if (element.has_class("fv-box")) layer = element.at("data-layer");
    if (!element.has_class("fv-card")) continue;
    boxes.push_back({layer, element.number("x"), element.number("y"), element.number("width"),
                     element.number("height")});
  }
  return boxes;
}

/// Points along a path of M, L and C commands.
std::vector<std::pair<double, double>> points_along(const std::string& d) {
  std::istringstream in(d);
  std::vector<std::pair<double, double>> points;
  double x = 0;
  double y = 0;
  for (char command = 0; in >> command;) {
    double p[6] = {};
    const int numbers = command == 'C' ? 6 : 2;
    for (int i = 0; i < numbers; ++i) in >> p[i];
    const double end_x = p[numbers - 2];
    const double end_y = p[numbers - 1];
    for (int step = 0; command != 'M' && step <= 20; ++step) {
      const double t = step / 20.0;
      const double s = 1 - t;
      if (command == 'L') {
        points.emplace_back(s * x + t * end_x, s * y + t * end_y);
      } else {
        points.emplace_back(
            s * s * s * x + 3 * s * s * t * p[0] + 3 * s * t * t * p[2] + t * t * t * end_x,
            s * s * s * y + 3 * s * s * t * p[1] + 3 * s * t * t * p[3] + t * t * t * end_y);
      }
    }
    x = end_x;
    y = end_y;
  }
  return points;
}

void check_graph(const Network& network, std::size_t edges) {
  const Picture picture = draw_graph(network);
  const std::vector<Element> elements = test::parse_svg(picture);
  const std::vector<Box> boxes = boxes_of(elements);
  ASSERT_EQ(boxes.size(), network.layers().size());
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const Box& a = boxes[i];
    EXPECT_EQ(a.layer, network.layers()[i].name);
    EXPECT_GE(a.x, 0);
    EXPECT_LE(a.x + a.width, picture.width);
    EXPECT_LE(a.y + a.height, picture.height);
    for (std::size_t k = 0; k < i; ++k) {
      const Box& b = boxes[k];
      const bool apart = a.x >= b.x + b.width + 5 || b.x >= a.x + a.width + 5 ||
                         a.y >= b.y + b.height + 5 || b.y >= a.y + a.height + 5;
      EXPECT_TRUE(apart) << a.layer << " overlaps " << b.layer;
    }
  }
  const std::vector<Element> lines = test::of_class(elements, "fv-edge");
  ASSERT_EQ(lines.size(), 1U);
  const std::string& d = lines[0].at("d");
  EXPECT_EQ(static_cast<std::size_t>(std::count(d.begin(), d.end(), 'M')), edges);
  for (const auto& [x, y] : points_along(d)) {
    for (const Box& box : boxes) {
      const bool inside =
          x > box.x + 1 && x < box.x + box.width - 1 && y > box.y + 1 && y < box.y + box.height - 1;
      EXPECT_FALSE(inside) << "an edge crosses " << box.layer;
    }
  }
}

std::size_t edge_count(const Network& network) {
  std::size_t count = 0;
  for (const LayerRecord& layer : network.layers()) {
    count += std::set<std::string>(layer.connected_to.begin(), layer.connected_to.end()).size();
  }
  return count;
}

class ZooPictures : public testing::TestWithParam<std::string> {};

TEST_P(ZooPictures, GraphHasNoOverlaps) {
  const Network network = make_network(GetParam());
  check_graph(network, edge_count(network));
}

TEST_P(ZooPictures, ArchitectureIsLabelledAndFits) {
  const Network network = make_network(GetParam());
  const Picture picture = draw_architecture(network);
  const std::vector<Element> elements = test::parse_svg(picture);
  EXPECT_TRUE(test::has_text(elements, GetParam()));
  EXPECT_GE(test::of_class(elements, "fv-block").size(), 3U);
  EXPECT_LE(test::of_class(elements, "fv-block").size(), 40U);
  EXPECT_LE(picture.width, 1100);
  EXPECT_LE(picture.height, 1200);
  EXPECT_LT(picture.svg.size(), 60000U);
  const std::string last = std::to_string(network.outputs()[0].shape.numel());
  EXPECT_TRUE(test::has_text(elements, last)) << "the last layer's size " << last;
}

INSTANTIATE_TEST_SUITE_P(All, ZooPictures, testing::ValuesIn(network_names()),
                         [](const auto& param) { return param.param; });

/// Two inputs, four branches of different lengths, a long skip, two outputs.
Network branching() {
  const Symbol a = input({16, 16, 8}, "a");
  const Symbol b = input({16, 16, 8}, "b");
  const Symbol x = Concatenate(-1, "join")({a, b});
  const Conv2DOptions same{.padding = "same"};
  Symbol one = Conv2D(8, 1, same)(x);
  Symbol three = Conv2D(8, 3, same)(Conv2D(4, 1, same)(x));
  Symbol five = Conv2D(8, 3, same)(Conv2D(8, 3, same)(Conv2D(4, 1, same)(x)));
  Symbol pooled = Conv2D(8, 1, same)(MaxPool2D(3, {.strides = 1, .padding = "same"})(x));
  const Symbol y = Concatenate(-1, "mixed")({one, three, five, pooled, a});
  const Symbol z = Dense(3, {.name = "first"})(Flatten()(y));
  const Symbol w = Dense(2, {.name = "second"})(GlobalAvgPool2D()(y));
  return Network({a, b}, {{"first", z}, {"second", w}}, "branching");
}

TEST(DrawGraph, LaysOutBranches) {
  const Network network = branching();
  check_graph(network, edge_count(network));
  const auto elements = test::parse_svg(draw_graph(network, {.title = "My net"}));
  for (const char* text : {"My net", "mixed", "Concatenate", "16 × 16 × 40", "Dense"}) {
    EXPECT_TRUE(test::has_text(elements, text)) << text;
  }
}

TEST(DrawGraph, ShowsASharedLayerOnce) {
  const Symbol a = input({4}, "a");
  const Symbol b = input({4}, "b");
  const Dense shared(3, {.name = "shared"});
  const Symbol sum = Add("sum")({shared(a), shared(b)});
  const Network network({a, b}, {sum}, "twins");
  EXPECT_NO_THROW(test::parse_svg(draw_graph(network)));
  EXPECT_EQ(boxes_of(test::parse_svg(draw_graph(network))).size(), network.layers().size());
}

TEST(DrawGraph, EscapesNames) {
  const std::string hostile = "<b>\"&' \xf0\x9f\x98\x80";
  const Sequential layers{Input({4}), Dense(3, {.name = hostile})};
  const Network network(layers, hostile);
  for (const Picture& picture : {draw_graph(network), draw_architecture(network)}) {
    EXPECT_TRUE(test::has_text(test::parse_svg(picture), hostile));
  }
}

TEST(DrawArchitecture, SizesFollowShapes) {
  const Sequential layers{Input({64, 64, 1}), Conv2D(4, 3, {.padding = "same"}), MaxPool2D(4),
                          Flatten(), Dense(10)};
  const auto elements = test::parse_svg(draw_architecture(Network(layers)));
  std::vector<double> heights;  // of the fronts: the path's first "v"
  for (std::size_t i = 0; i + 1 < elements.size(); ++i) {
    if (!elements[i].has_class("fv-block")) continue;
    const std::string& d = elements[i + 1].at("d");
    heights.push_back(-std::stod(d.substr(d.find('v') + 1)));
  }
  ASSERT_EQ(heights.size(), 4U);  // Flatten is a part of the block before it
  EXPECT_DOUBLE_EQ(heights[0], heights[1]);
  EXPECT_NEAR(heights[2], heights[1] / 2, 0.01);  // the root of a quarter
}

TEST(DrawArchitecture, IsDrawn) {
  FOVEA_NEEDS_PIXELS();
  for (const Picture& picture :
       {draw_architecture(make_network("resnet20")), draw_graph(make_network("lenet5"))}) {
    const Tensor image = test::rasterize(picture);
    EXPECT_EQ(image.shape(), Shape({picture.height, picture.width, 3}));
    EXPECT_GT(test::color_count(image), 20U);
  }
}

}  // namespace
}  // namespace fovea
