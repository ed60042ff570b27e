// The HTML report: one file that tells the truth, whatever it is about.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <regex>

#include "fovea/datasets.h"
#include "fovea/layers.h"
#include "fovea/metrics.h"
#include "fovea/models.h"
#include "fovea/preprocessing.h"
#include "tests/report/markup.h"
#include "tests/support/expect_error.h"

namespace fovea {
namespace {

using test::Element;

struct Page {
  std::string html;
  std::vector<Element> elements;
  Json data;

  bool has_section(const std::string& id) const {
    for (const Element& element : elements) {
      const auto found = element.attributes.find("id");
      if (element.name == "section" && found != element.attributes.end() && found->second == id) {
        return true;
      }
    }
    return false;
  }
  std::vector<Element> named(const std::string& name) const {
    std::vector<Element> result;
    for (const Element& element : elements) {
      if (element.name == name) result.push_back(element);
    }
    return result;
  }
};

Page make_page(Model& model, const HtmlReportOptions& options) {
  const TemporaryFolder folder;
  write_report(folder.file("report.html"), model, options);
  std::ifstream in(folder.file("report.html"));
  Page page{std::string(std::istreambuf_iterator<char>(in), {}), {}, {}};
  page.elements = test::MarkupParser(page.html, true).parse();
  for (const Element& element : page.elements) {
    const auto id = element.attributes.find("id");
    if (id != element.attributes.end() && id->second == "report-data") {
      page.data = Json::parse(element.text);
    }
  }
  // Nothing comes from elsewhere.
  for (const Element& element : page.elements) {
    for (const char* name : {"src", "href", "action", "poster", "data"}) {
      const auto link = element.attributes.find(name);
      if (link == element.attributes.end()) continue;
      EXPECT_TRUE(link->second[0] == '#' || link->second.rfind("data:", 0) == 0) << link->second;
    }
    if (element.name == "style") {
      EXPECT_EQ(element.text.find("url("), std::string::npos);
    }
  }
  const std::regex address("https?://[a-z0-9.]*");
  for (std::sregex_iterator it(page.html.begin(), page.html.end(), address), end; it != end; ++it) {
    EXPECT_EQ(it->str(), "http://www.w3.org");  // the name of SVG's elements
  }
  // Ids are unique; what refers to one finds it.
  std::set<std::string> ids;
  for (const Element& element : page.elements) {
    const auto id = element.attributes.find("id");
    if (id != element.attributes.end()) {
      EXPECT_TRUE(ids.insert(id->second).second) << id->second;
    }
  }
  for (const Element& element : page.elements) {
    for (const char* name : {"aria-labelledby", "aria-controls", "for"}) {
      const auto reference = element.attributes.find(name);
      if (reference != element.attributes.end()) {
        EXPECT_EQ(ids.count(reference->second), 1U);
      }
    }
    if (element.name == "img") {
      EXPECT_EQ(element.attributes.count("alt"), 1U);
    }
  }
  return page;
}

/// A small trained classifier of the built-in pictures.
struct Trained {
  TrainTest data = make_synthetic(1, 320, 120);
  Model model;
  History history;

  Trained() : model(make_network("cifar10_cnn"), {.device = "cpu"}) {
    model.compile({.optimizer = "adam",
                   .loss = {"sparse_categorical_crossentropy"},
                   .metrics = {"accuracy"}});
    history = model.fit(data.train, {.epochs = 2, .validation_data = data.test, .verbose = 0});
  }
};

Trained& trained() {
  static Trained run;
  return run;
}

TEST(WriteReport, HoldsTheHistoryAndTheTestsResult) {
  if (!FOVEA_HAS_PNG) GTEST_SKIP() << "needs libpng";
  Trained& r = trained();
  const Page page = make_page(r.model, {.title = "A run",
                                        .history = r.history,
                                        .test = r.data.test,
                                        .settings = Json::parse(R"({"epochs": 2, "lr": 0.001})")});
  for (const char* id : {"overview", "curves", "confusion", "scores", "mistakes", "network",
                         "filters", "maps", "settings", "machine"}) {
    EXPECT_TRUE(page.has_section(id)) << id;
  }
  const Json& metrics = page.data.at("history").at("metrics");
  EXPECT_EQ(metrics.size(), r.history.logs[0].size());
  for (const auto& entry : r.history.logs[0]) {
    const std::vector<double> wanted = r.history.metric(entry.first);
    ASSERT_EQ(metrics.at(entry.first).size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_EQ(metrics.at(entry.first)[i].as_double(), wanted[i]) << entry.first;
    }
  }
  EXPECT_EQ(page.data.at("history").at("epochs"), Json::parse("[1, 2]"));
  const Logs evaluated = r.model.evaluate(r.data.test);
  EXPECT_EQ(page.data.at("test").at("accuracy").as_double(), evaluated.at("accuracy"));

  const Tensor predicted = predicted_labels(r.model.predict(r.data.test.x));
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < predicted.numel(); ++i) {
    wrong += predicted.item(i) == r.data.test.y.item(i) ? 0 : 1;
  }
  std::int64_t off_diagonal = 0;
  const Json& matrix = page.data.at("confusion").at("matrix");
  for (std::size_t row = 0; row < 10; ++row) {
    for (std::size_t i = 0; i < 10; ++i) off_diagonal += row == i ? 0 : matrix[row][i].as_int();
  }
  EXPECT_EQ(off_diagonal, wrong);
  EXPECT_LT(page.html.size(), 3'000'000U);
  EXPECT_TRUE(test::has_text(page.elements, "0.001"));
}

TEST(WriteReport, TellsARateThatNeverChangesAsDataAlone) {
  Model model(make_network("iris_small"), {.device = "cpu"});
  History history;
  history.epochs = {0, 1};
  history.logs = {{{"loss", 1.0}, {"learning_rate", 0.1}}, {{"loss", 0.5}, {"learning_rate", 0.1}}};
  const Page page = make_page(model, {.history = history, .profile = false});
  const auto panels = test::of_class(page.elements, "fv-panel");
  ASSERT_EQ(panels.size(), 1U);
  EXPECT_EQ(panels[0].at("data-metric"), "loss");
  EXPECT_EQ(page.data.at("history").at("metrics").at("learning_rate"), Json::parse("[0.1, 0.1]"));
}

TEST(WriteReport, ShowsTheMostConfidentMistakes) {
  if (!FOVEA_HAS_PNG) GTEST_SKIP() << "needs libpng";
  Trained& r = trained();
  const Page page = make_page(r.model, {.test = r.data.test, .mistakes = 4, .profile = false});
  const Tensor probabilities = r.model.predict(r.data.test.x);
  const Tensor predicted = predicted_labels(probabilities);
  std::vector<std::pair<double, std::int64_t>> mistakes;
  for (std::int64_t i = 0; i < predicted.numel(); ++i) {
    const auto label = static_cast<std::int64_t>(predicted.item(i));
    if (predicted.item(i) == r.data.test.y.item(i)) continue;
    mistakes.emplace_back(-probabilities.item(10 * i + label), i);
  }
  std::sort(mistakes.begin(), mistakes.end());
  ASSERT_GE(mistakes.size(), 4U);
  std::vector<std::string> shown;
  std::vector<Element> pictures;
  for (std::size_t e = 0; e + 1 < page.elements.size(); ++e) {
    if (page.elements[e].name != "li" || page.elements[e].attributes.count("data-sample") == 0) {
      continue;
    }
    shown.push_back(page.elements[e].at("data-sample"));
    pictures.push_back(page.elements[e + 1]);
  }
  ASSERT_EQ(shown.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    const std::int64_t sample = mistakes[i].second;
    EXPECT_EQ(shown[i], std::to_string(sample));
    const Tensor picture = test::decode_uri(pictures[i].at("src"));
    ASSERT_EQ(picture.shape(), Shape({32, 32, 3}));
    const Tensor wanted = r.data.test.x.slice(sample, sample + 1);
    EXPECT_TRUE(std::equal(picture.data<std::uint8_t>(),
                           picture.data<std::uint8_t>() + picture.numel(),
                           wanted.data<std::uint8_t>()));
  }
}

TEST(WriteReport, IsTheSameForTheSameModel) {
  Trained& r = trained();
  const HtmlReportOptions options{.history = r.history, .test = r.data.test, .profile = false};
  EXPECT_EQ(make_page(r.model, options).html, make_page(r.model, options).html);
}

TEST(WriteReport, NamesCannotBecomeMarkup) {
  const std::string hostile = "</script><b onclick=\"x\">'&amp; \xff μ {{script}}";
  const Sequential layers{Input({8, 8, 3}), Conv2D(2, 3, {.name = "<i>conv"}), Flatten(),
                          Dense(2, {.activation = "softmax", .name = hostile})};
  Model model(Network(layers, hostile), {.device = "cpu"});
  Dataset test{Tensor::zeros({4, 8, 8, 3}, DType::u8),
               Tensor::from<std::int32_t>({4}, {0, 1, 0, 1}),
               {hostile, "<b>"},
               hostile};
  History history;
  history.epochs = {0};
  history.logs = {{{hostile, 0.5}, {"val_" + hostile, NAN}}};
  const Page page = make_page(model, {.title = hostile,
                                      .history = history,
                                      .test = test,
                                      .settings = Json::object().set(hostile, hostile)});
  for (const Element& element : page.elements) {
    EXPECT_NE(element.name, "b onclick");
    EXPECT_EQ(element.attributes.count("onclick"), 0U);
  }
  EXPECT_EQ(page.named("i").size(), 0U);
  EXPECT_EQ(page.named("script").size(), 2U);
  const std::string readable = "</script><b onclick=\"x\">'&amp; \xef\xbf\xbd μ {{script}}";
  EXPECT_EQ(page.data.at("title").as_string(), readable);
  EXPECT_TRUE(test::has_text(page.elements, readable));
  EXPECT_TRUE(page.data.at("history").at("metrics").at("val_" + readable)[0].is_null());
}

TEST(WriteReport, LeavesOutWhatCannotBe) {
  Model model(make_network("iris_small"), {.device = "cpu"});
  const Page alone = make_page(model, {});
  for (const char* id :
       {"curves", "confusion", "scores", "mistakes", "filters", "maps", "settings"}) {
    EXPECT_FALSE(alone.has_section(id)) << id;
  }
  EXPECT_TRUE(alone.has_section("overview"));
  EXPECT_TRUE(alone.has_section("network"));
  EXPECT_TRUE(alone.has_section("machine"));

  // A table: no pictures, but all else.
  const Dataset table = make_classification({.n_samples = 30, .n_features = 4, .n_classes = 2});
  const Page page = make_page(model, {.test = table});
  EXPECT_TRUE(page.has_section("confusion"));
  EXPECT_TRUE(page.has_section("maps"));
  EXPECT_EQ(page.named("img").size(), 0U);
  EXPECT_EQ(page.data.at("confusion").at("classes").size(), 3U);
}

TEST(WriteReport, TakesOtherTargets) {
  // Numbers.
  Model boston(make_network("boston"), {.device = "cpu"});
  boston.compile({.loss = {"mse"}, .metrics = {"mae"}});
  const Dataset numbers{Tensor::full({6, 13}, 0.5), Tensor::from({6, 1}, {1, 2, 3, 4, 5, 6})};
  const Page regression = make_page(boston, {.test = numbers});
  EXPECT_TRUE(regression.has_section("predictions"));
  EXPECT_FALSE(regression.has_section("confusion"));
  const auto points = test::of_class(regression.elements, "fv-points");
  ASSERT_EQ(points.size(), 1U);
  EXPECT_EQ(std::count(points[0].at("d").begin(), points[0].at("d").end(), 'M'), 6);
  EXPECT_TRUE(regression.data.at("test").contains("mae"));
  EXPECT_FALSE(regression.data.contains("confusion"));

  // One-hot rows.
  Model iris(make_network("iris_small"), {.device = "cpu"});
  const Dataset rows{Tensor::full({3, 4}, 0.5),
                     one_hot(Tensor::from<std::int32_t>({3}, {0, 1, 2}))};
  EXPECT_TRUE(make_page(iris, {.test = rows}).data.contains("confusion"));

  // One probability, and the same as a logit.
  for (const char* activation : {"sigmoid", "linear"}) {
    const Sequential layers{Input({1}), Dense(1, {.activation = activation, .name = "p"})};
    Model binary(Network(layers), {.device = "cpu"});
    binary.set_weight("p.weight", Tensor::from({1, 1}, {1}));
    const Dataset sides{Tensor::from({4, 1}, {-3, 3, -2, 2}),
                        Tensor::from<std::int32_t>({4}, {0, 1, 1, 1})};
    const Page page = make_page(binary, {.test = sides});
    EXPECT_EQ(page.data.at("confusion").at("matrix"), Json::parse("[[1, 0], [1, 2]]"))
        << activation;
  }
}

TEST(WriteReport, TakesAThousandClasses) {
  const Sequential layers{Input({4}), Dense(1000, {.activation = "softmax"})};
  Model model(Network(layers), {.device = "cpu"});
  const Dataset test{Tensor::full({3, 4}, 0.5), Tensor::from<std::int32_t>({3}, {0, 500, 999})};
  const Page page = make_page(model, {.test = test});
  EXPECT_NE(page.html.find("1,000 classes is too large"), std::string::npos);
  EXPECT_TRUE(page.has_section("scores"));
  EXPECT_FALSE(page.data.contains("confusion"));
  EXPECT_LT(page.html.size(), 200'000U);
}

TEST(WriteReport, TakesSeveralInputs) {
  const Symbol a = input({4}, "a");
  const Symbol b = input({4}, "b");
  Model model(Network({a, b}, {{"sum", Add()({a, b})}, {"product", Multiply()({a, b})}}),
              {.device = "cpu"});
  const Page page =
      make_page(model, {.test = Dataset{Tensor::zeros({2, 4}), Tensor::zeros({2, 4})}});
  EXPECT_NE(page.html.find("several inputs or outputs"), std::string::npos);
  EXPECT_FALSE(page.has_section("maps"));
}

TEST(WriteReport, SaysWhatIsWrong) {
  using enum ErrorCode;
  Trained& r = trained();
  const TemporaryFolder folder;
  const std::string path = folder.file("report.html");
  test::expect_error(invalid_argument, "batch_size is at least 1, not 0",
                     [&] { write_report(path, r.model, {.batch_size = 0}); });
  test::expect_error(invalid_argument, "settings are a JSON object",
                     [&] { write_report(path, r.model, {.settings = Json::array()}); });
  test::expect_error(invalid_argument, "2 class names for 10 classes", [&] {
    write_report(path, r.model, {.test = r.data.test, .class_names = {"a", "b"}});
  });
  Dataset other = r.data.test;
  other.class_names = {};
  other.y = Tensor::full({other.size()}, 10, DType::i32);
  test::expect_error(invalid_argument, "label 10",
                     [&] { write_report(path, r.model, {.test = other}); });
  const Dataset wrong{Tensor::zeros({2, 5}), Tensor::zeros({2}, DType::i32)};
  test::expect_error(shape_mismatch, "32, 32, 3), not (2, 5)",
                     [&] { write_report(path, r.model, {.test = wrong}); });
  test::expect_error(io, "report.html", [&] {
    write_report(folder.file("none/report.html"), r.model, {.profile = false});
  });
  EXPECT_TRUE(folder.names().empty());
}

}  // namespace
}  // namespace fovea
