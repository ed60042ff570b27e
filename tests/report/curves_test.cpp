// Curves: what is drawn where, and what history cannot be drawn.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/report/markup.h"
#include "tests/support/expect_error.h"

namespace fovea {
namespace {

using test::Element;

const std::string kHostile = "</script><b>\"a\" & 'b'\x01\xff μ";

History make_history() {
  History history;
  const double loss[] = {2.0, 1.25, 0.5, 0.75};
  const double val_loss[] = {1.75, 1.5, 1.0, 1.25};
  for (int epoch = 0; epoch < 4; ++epoch) {
    history.epochs.push_back(epoch);
    history.logs.push_back({{"loss", loss[epoch]},
                            {"learning_rate", std::pow(10.0, -1 - epoch)},
                            {"accuracy", 0.1 * epoch},
                            {"val_loss", val_loss[epoch]}});
  }
  return history;
}

/// Where a panel's plot shows a value of an epoch, counted from 1.
std::pair<double, double> place(const Element& panel, double epoch, double value) {
  const auto data = [&](const char* name) { return panel.number(std::string("data-") + name); };
  const double part = data("log") == 1
                          ? std::log(value / data("low")) / std::log(data("high") / data("low"))
                          : (value - data("low")) / (data("high") - data("low"));
  return {data("left") + data("width") * (epoch - data("first")) / (data("last") - data("first")),
          data("top") + data("height") * (1 - part)};
}

std::vector<std::pair<double, double>> points_of(const Element& path) {
  std::string d = path.at("d");
  for (char& c : d) c = c == 'M' || c == 'L' ? ' ' : c;
  std::istringstream in(d);
  std::vector<std::pair<double, double>> points;
  for (double x = 0, y = 0; in >> x >> y;) points.emplace_back(x, y);
  return points;
}

TEST(DrawCurves, DrawsEveryMetricWhereItsValuesAre) {
  const History history = make_history();
  const auto elements = test::parse_svg(draw_curves(history));
  const auto panels = test::of_class(elements, "fv-panel");
  ASSERT_EQ(panels.size(), 3U);
  EXPECT_EQ(panels[0].at("data-metric"), "loss");
  EXPECT_EQ(panels[1].at("data-metric"), "accuracy");
  EXPECT_EQ(panels[2].at("data-metric"), "learning_rate");
  EXPECT_EQ(panels[2].at("data-log"), "1");
  EXPECT_EQ(panels[0].at("data-first"), "1");
  EXPECT_EQ(panels[0].at("data-last"), "4");

  const auto lines = test::of_class(elements, "fv-line");
  ASSERT_EQ(lines.size(), 4U);  // loss, val_loss, accuracy, learning_rate
  const std::vector<std::pair<std::size_t, std::string>> drawn = {
      {0, "loss"}, {0, "val_loss"}, {1, "accuracy"}, {2, "learning_rate"}};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_TRUE(lines[i].has_class(i == 1 ? "fv-val" : "fv-train"));
    const std::vector<double> values = history.metric(drawn[i].second);
    const auto points = points_of(lines[i]);
    ASSERT_EQ(points.size(), 4U) << drawn[i].second;
    for (std::size_t epoch = 0; epoch < 4; ++epoch) {
      const auto wanted =
          place(panels[drawn[i].first], static_cast<double>(epoch) + 1, values[epoch]);
      EXPECT_NEAR(points[epoch].first, wanted.first, 0.01) << drawn[i].second;
      EXPECT_NEAR(points[epoch].second, wanted.second, 0.01) << drawn[i].second;
    }
  }
  for (const char* text : {"Training", "loss", "accuracy", "learning_rate", "train", "validation",
                           "epoch", "1", "4"}) {
    EXPECT_TRUE(test::has_text(elements, text)) << text;
  }
}

TEST(DrawCurves, LeavesOutARateThatNeverChanges) {
  const auto metrics_of = [](const std::vector<double>& rates, bool loss) {
    History history;
    for (std::size_t i = 0; i < rates.size(); ++i) {
      history.epochs.push_back(static_cast<int>(i));
      history.logs.push_back({{"learning_rate", rates[i]}});
      if (loss) history.logs.back().emplace_back("loss", 0.5);
    }
    std::vector<std::string> names;
    for (const Element& panel : test::of_class(test::parse_svg(draw_curves(history)), "fv-panel")) {
      names.push_back(panel.at("data-metric"));
    }
    return names;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(metrics_of({0.1, 0.1, NAN, 0.1}, true), Names{"loss"});
  EXPECT_EQ(metrics_of({0.1}, true), Names{"loss"});
  EXPECT_EQ(metrics_of({0.1, 0.1, 0.05}, true), (Names{"loss", "learning_rate"}));
  EXPECT_EQ(metrics_of({0.1, 0.1}, false), Names{"learning_rate"}) << "there is nothing else";
}

TEST(DrawCurves, PixelsShowTheLines) {
  FOVEA_NEEDS_PIXELS();
  const History history = make_history();
  const Picture picture = draw_curves(history);
  const auto panels = test::of_class(test::parse_svg(picture), "fv-panel");
  const Tensor image = test::rasterize(picture);
  ASSERT_EQ(image.shape(), Shape({picture.height, picture.width, 3}));
  for (int epoch = 0; epoch < 4; ++epoch) {
    const auto train = place(panels[0], epoch + 1, history.metric("loss")[std::size_t(epoch)]);
    const test::Color blue = test::pixel(image, train.first, train.second);
    EXPECT_GT(blue[2], blue[0] + 80) << "epoch " << epoch;
    const auto val = place(panels[0], epoch + 1, history.metric("val_loss")[std::size_t(epoch)]);
    const test::Color red = test::pixel(image, val.first, val.second);
    EXPECT_GT(red[0], red[2] + 80) << "epoch " << epoch;
  }
  EXPECT_EQ(test::pixel(image, 2, 2), (test::Color{255, 255, 255}));
}

TEST(DrawCurves, LeavesGapsForWhatIsNotFinite) {
  History history;
  const double values[] = {1, NAN, 3, 2, INFINITY, 1};
  for (int epoch = 0; epoch < 6; ++epoch) {
    history.epochs.push_back(epoch);
    history.logs.push_back({{"loss", values[epoch]}});
    if (epoch > 3) history.logs.back().emplace_back("late", 1.0);
  }
  const auto lines = test::of_class(test::parse_svg(draw_curves(history)), "fv-line");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(std::count(lines[0].at("d").begin(), lines[0].at("d").end(), 'M'), 3);
  EXPECT_EQ(points_of(lines[0]).size(), 4U);
  EXPECT_EQ(points_of(lines[1]).size(), 2U);
}

TEST(DrawCurves, TakesAnyNumbers) {
  for (const std::vector<double>& values : {std::vector<double>{0.5},
                                            {0, 0, 0},
                                            {NAN},
                                            {1e300, -1e300},
                                            {1e17, 1e17 + 16},
                                            {5e-324, 1e-310},
                                            {-3, -3},
                                            {1e6, 1e6 + 1e-9}}) {
    History history;
    for (std::size_t i = 0; i < values.size(); ++i) {
      history.epochs.push_back(static_cast<int>(i));
      history.logs.push_back({{"loss", values[i]}, {"learning_rate", values[i]}});
    }
    const Picture picture = draw_curves(history);
    EXPECT_NO_THROW(test::parse_svg(picture)) << values[0];
    EXPECT_EQ(picture.svg.find("nan"), std::string::npos) << values[0];
    EXPECT_LT(picture.svg.size(), 20000U);
  }
}

TEST(DrawCurves, IsCompactAndAlwaysTheSame) {
  History history;
  for (int epoch = 0; epoch < 1000; ++epoch) {
    history.epochs.push_back(epoch);
    history.logs.push_back({{"loss", 1.0 / (1 + epoch)}, {"val_loss", 1.1 / (1 + epoch)}});
  }
  const Picture picture = draw_curves(history);
  EXPECT_LT(picture.svg.size(), 40000U);
  EXPECT_EQ(picture.svg, draw_curves(history).svg);
}

TEST(DrawCurves, EscapesNames) {
  History history;
  history.epochs = {0, 1};
  history.logs = {{{kHostile, 1.0}}, {{kHostile, 2.0}}};
  const Picture picture = draw_curves(history, {.title = kHostile});
  const auto elements = test::parse_svg(picture);
  EXPECT_TRUE(test::has_text(elements, "</script><b>\"a\" & 'b' \xef\xbf\xbd μ"));
  for (const Element& element : elements) EXPECT_NE(element.name, "b");
}

TEST(DrawCurves, SaysWhatIsWrong) {
  using enum ErrorCode;
  test::expect_error(invalid_argument, "no epochs to draw", [] { draw_curves(History{}); });
  test::expect_error(invalid_argument, "too small for curves",
                     [] { draw_curves(make_history(), {.panel_width = 20}); });
}

}  // namespace
}  // namespace fovea
