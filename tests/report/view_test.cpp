// Pages of networks as files: that they ask for nothing, what they hold, what is refused. What they
// do is tested in a browser: tests/browser/view_cases.py.
#include "fovea/view.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>

#include "fovea/json.h"
#include "fovea/layers.h"
#include "fovea/models.h"
#include "tests/io/io_test_support.h"
#include "tests/support/expect_error.h"

namespace fovea {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// What a page says of its network.
Json description_of(const std::string& html) {
  const std::string opening = R"(<script type="application/json" id="description">)";
  const std::size_t begin = html.find(opening) + opening.size();
  return Json::parse(html.substr(begin, html.find("</script>", begin) - begin));
}

std::string weights_of(const std::string& html) {
  const std::string opening = R"(<script type="text/plain" id="weights">)";
  const std::size_t begin = html.find(opening) + opening.size();
  return html.substr(begin, html.find("</script>", begin) - begin);
}

class View : public testing::Test {
 protected:
  void SetUp() override {
    if (!FOVEA_HAS_THREE) GTEST_SKIP() << "needs three.js";
  }
  std::string write(Model& model, const ViewOptions& options = {}) {
    const std::string path = folder_.file("view.html");
    write_view(path, model, options);
    return text_of(path);
  }
  TemporaryFolder folder_;
};

TEST_F(View, AsksForNoOtherFile) {
  Model model(lenet5());
  const std::string html = write(model);
  const std::regex reference(R"(<(script|link|img|iframe)[^>]*\s(src|href)\s*=)");
  EXPECT_FALSE(std::regex_search(html.substr(0, html.find("\"use strict\"")), reference));
  EXPECT_NE(html.find("default-src 'none'"), std::string::npos);
  EXPECT_NE(html.find("The MIT License"), std::string::npos) << "three.js comes with its licence";
  EXPECT_EQ(html.find("{{"), html.rfind("{{")) << "all parts are filled in";
}

TEST_F(View, HoldsTheNetworkItsWeightsAndSamples) {
  Model model(Sequential{Input({2}), Dense(2, {.use_bias = false, .name = "last"})});
  model.set_weight("last.weight", Tensor::from({2, 2}, {1, 2, 3, 4}));
  ViewOptions options;
  options.title = "Two & two";
  options.samples.x = Tensor::from({20, 2}, std::vector<float>(40, 0.5F));
  options.samples.y = Tensor::zeros({20}, DType::i32);
  options.class_names = {"no</script>", "yes"};
  const std::string html = write(model, options);
  EXPECT_NE(html.find("<title>Two &amp; two</title>"), std::string::npos);
  const Json page = description_of(html);
  EXPECT_EQ(page.at("class_names")[0].as_string(), "no</script>");
  EXPECT_EQ(page.at("lacking").as_string(), "");
  ASSERT_EQ(page.at("samples").size(), 12U);
  EXPECT_EQ(page.at("samples")[0].at("label").as_int(), 0);
  EXPECT_EQ(page.at("samples")[0].at("inputs")[0].at("data").as_string(), "AAAAPwAAAD8=");
  EXPECT_EQ(weights_of(html), "AACAPwAAAEAAAEBAAACAQA==") << "1, 2, 3, 4 as f32 in base64";
  const Json& layer = page.at("layers")[1];
  EXPECT_EQ(layer.at("name").as_string(), "last");
  EXPECT_EQ(layer.at("value"), page.at("outputs")[0].at("value"));
  EXPECT_FALSE(page.contains("stored"));
}

TEST_F(View, TellsWhatAWhitePixelIs) {
  Model scaling(lenet5()), plain(Sequential{Input({28, 28, 1}), Flatten(), Dense(10)});
  EXPECT_EQ(description_of(write(scaling)).at("white").as_double(), 255);
  EXPECT_EQ(description_of(write(plain)).at("white").as_double(), 1);
  EXPECT_EQ(description_of(write(plain, {.white = 16})).at("white").as_double(), 16);
  ViewOptions bytes;
  bytes.samples.x = Tensor::zeros({1, 28, 28, 1}, DType::u8);
  EXPECT_EQ(description_of(write(plain, bytes)).at("white").as_double(), 255);
}

TEST_F(View, StoresWhatTheLibraryComputesWhereWeightsAreTooMany) {
  Model model(Sequential{Input({70, 70, 1}), Conv2D(80, 1, {.name = "maps"}), Flatten(),
                         Dense(3, {.name = "numbers"})});
  const Json page = description_of(write(model, {.max_weight_bytes = 1000}));
  EXPECT_NE(page.at("lacking").as_string().find("more than the limit of"), std::string::npos);
  EXPECT_EQ(page.at("tensors").size(), 0U);
  const Json& stored = page.at("stored")[0];
  EXPECT_EQ(stored.at("maps").at("shape"), Json(Json::Array{1, 56, 56, 32}));
  EXPECT_EQ(stored.at("numbers").at("shape"), Json(Json::Array{1, 3}));
  EXPECT_EQ(stored.at("numbers").at("data").as_string().size(), 4U);
}

TEST_F(View, SaysWhatIsWrong) {
  using enum ErrorCode;
  using test::expect_error;
  Model model(lenet5());
  ViewOptions options;
  options.samples.x = Tensor::zeros({3, 32, 32, 3});
  expect_error(shape_mismatch, "input_layer", [&] { write(model, options); });
  const Tensor digit = Tensor::zeros({1, 28, 28, 1});
  expect_error(shape_mismatch, "the network has 1", [&] {
    write(model, {.inputs = {digit, digit}});
  });
  expect_error(io, "view.html", [&] { write_view(folder_.file("no/view.html"), model); });
}

}  // namespace
}  // namespace fovea
