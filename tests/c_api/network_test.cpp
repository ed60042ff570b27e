// Networks of the C interface: from the zoo, from JSON.
#include <array>

#include "fovea/models.h"
#include "tests/c_api/c_api_test_support.h"

namespace fovea::c_api {
namespace {

TEST(CZoo, ListsItsNames) {
  const std::vector<std::string> names = network_names();
  ASSERT_EQ(fovea_zoo_count(), names.size());
  for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(fovea_zoo_name(i), names[i]);
  EXPECT_EQ(fovea_zoo_name(names.size()), nullptr);
  expect_error("out of range");
}

TEST(CNetwork, SaysWhatItTakesAndGives) {
  const NetworkHandle network = make_network("lenet5");
  EXPECT_EQ(fovea_network_parameter_count(network), 61706);
  ASSERT_EQ(fovea_network_input_count(network), 1U);
  ASSERT_EQ(fovea_network_output_count(network), 1U);
  EXPECT_STREQ(fovea_network_input_name(network, 0), "input_layer");
  EXPECT_STRNE(fovea_network_output_name(network, 0), "");
  std::array<std::int64_t, FOVEA_MAX_RANK> shape{};
  ASSERT_EQ(fovea_network_input_shape(network, 0, shape.data()), 3);
  EXPECT_EQ(shape[0], 28);
  EXPECT_EQ(shape[2], 1);
  ASSERT_EQ(fovea_network_output_shape(network, 0, shape.data()), 1);
  EXPECT_EQ(shape[0], 10);

  EXPECT_EQ(fovea_network_input_name(network, 1), nullptr);
  EXPECT_EQ(fovea_network_output_name(network, 1), nullptr);
  EXPECT_EQ(fovea_network_input_shape(network, 1, shape.data()), -1);
  EXPECT_EQ(fovea_network_output_shape(network, 1, shape.data()), -1);
  expect_error("the index 1 is out of range: there are 1");
  EXPECT_EQ(fovea_network_input_shape(network, 0, nullptr), -1);
  expect_error("'shape' is NULL");
  EXPECT_EQ(fovea_network_parameter_count(nullptr), -1);
  EXPECT_EQ(fovea_network_input_count(nullptr), 0U);
  EXPECT_EQ(fovea_network_output_count(nullptr), 0U);
  expect_error("a fovea_network is NULL");
}

TEST(CNetwork, OfAnUnknownNameIsRefusedWithTheNearest) {
  fovea_network* network = nullptr;
  expect_invalid(fovea_network_from_zoo("lenet", &network), "lenet5");
  expect_invalid(fovea_network_from_zoo(nullptr, &network), "'name' is NULL");
  expect_invalid(fovea_network_from_zoo("lenet5", nullptr), "'out' is NULL");
  EXPECT_EQ(network, nullptr);
}

TEST(CNetwork, GoesThroughJson) {
  const NetworkHandle network = make_network("resnet20");
  Text json;
  ASSERT_OK(fovea_network_to_json(network, json.out()));
  NetworkHandle again;
  ASSERT_OK(fovea_network_from_json(json, again.out()));
  EXPECT_EQ(fovea_network_parameter_count(again), fovea_network_parameter_count(network));

  fovea_network* none = nullptr;
  expect_failure(fovea_network_from_json("{\"layers\": [", &none), FOVEA_ERROR_PARSE,
                 "a network's description");
  expect_failure(fovea_network_from_json("{}", &none), FOVEA_ERROR_PARSE, "no network description");
  expect_invalid(fovea_network_from_json(nullptr, &none), "'json' is NULL");
  expect_invalid(fovea_network_to_json(nullptr, json.out()), "a fovea_network is NULL");
  expect_invalid(fovea_network_to_json(network, nullptr), "'out' is NULL");
  EXPECT_EQ(none, nullptr);
}

TEST(CNetwork, GoesThroughKerasJson) {
  const NetworkHandle network = make_network("lenet5");
  Text json;
  ASSERT_OK(fovea_network_to_keras_json(network, json.out()));
  EXPECT_NE(std::string(json).find("class_name"), std::string::npos);
  NetworkHandle again;
  ASSERT_OK(fovea_network_from_keras_json(json, again.out()));
  EXPECT_EQ(fovea_network_parameter_count(again), 61706);

  fovea_network* none = nullptr;
  expect_failure(fovea_network_from_keras_json("{", &none), FOVEA_ERROR_PARSE,
                 "Keras's description");
  expect_invalid(fovea_network_from_keras_json(nullptr, &none), "'json' is NULL");
  expect_invalid(fovea_network_to_keras_json(nullptr, json.out()), "a fovea_network is NULL");
  expect_invalid(fovea_network_to_keras_json(network, nullptr), "'out' is NULL");
}

using BuilderHandle = Owned<fovea_network_builder, fovea_network_builder_free>;

class CNetworkBuilder : public testing::Test {
 protected:
  CNetworkBuilder() {
    EXPECT_OK(fovea_network_builder_new(builder_.out()));
    EXPECT_OK(fovea_network_builder_input(builder_, kPicture.data(), 3, FOVEA_F32, "picture", &x_));
  }
  fovea_symbol layer(const char* kind, const char* config, std::vector<fovea_symbol> inputs) {
    fovea_symbol result = -1;
    EXPECT_OK(
        fovea_network_builder_layer(builder_, kind, config, inputs.data(), inputs.size(), &result));
    return result;
  }

  static constexpr std::array<std::int64_t, 3> kPicture = {8, 8, 2};
  BuilderHandle builder_;
  fovea_symbol x_ = -1;
};

TEST_F(CNetworkBuilder, WritesDownBranches) {
  const fovea_symbol left =
      layer("Conv2D", R"({"filters": 4, "kernel_size": 3, "padding": "same"})", {x_});
  const fovea_symbol right = layer("Conv2D", R"({"filters": 4, "kernel_size": 1})", {x_});
  const fovea_symbol sum = layer("Add", nullptr, {left, right});
  const fovea_symbol flat = layer("Flatten", nullptr, {sum});
  const fovea_symbol y =
      layer("Dense", R"({"units": 3, "activation": "softmax", "name": "answer"})", {flat});
  NetworkHandle network;
  ASSERT_OK(fovea_network_builder_finish(builder_, &x_, 1, &y, 1, network.out()));
  EXPECT_STREQ(fovea_network_input_name(network, 0), "picture");
  EXPECT_STREQ(fovea_network_output_name(network, 0), "answer");
  EXPECT_EQ(fovea_network_parameter_count(network),
            (9 * 2 * 4 + 4) + (2 * 4 + 4) + (8 * 8 * 4 * 3 + 3));
  ModelHandle model;
  ASSERT_OK(fovea_model_new(network, nullptr, model.out()));
  const TensorHandle pictures = make_tensor({2, 8, 8, 2}, noise(256));
  TensorHandle output;
  ASSERT_OK(fovea_model_predict(model, pictures.list(), 1, 0, output.out(), 1));
  EXPECT_EQ(fovea_tensor_count(output), 6);
}

TEST_F(CNetworkBuilder, SeveralInputsAndOutputsHaveTheirOrder) {
  fovea_symbol extra = -1;
  const std::int64_t numbers = 5;
  ASSERT_OK(fovea_network_builder_input(builder_, &numbers, 1, FOVEA_F32, "numbers", &extra));
  const fovea_symbol flat = layer("Flatten", nullptr, {x_});
  const fovea_symbol both = layer("Concatenate", nullptr, {flat, extra});
  const std::array<fovea_symbol, 2> inputs = {extra, x_};
  const std::array<fovea_symbol, 2> outputs = {
      layer("Dense", R"({"units": 1, "name": "how_many"})", {both}),
      layer("Dense", R"({"units": 2, "name": "which"})", {both})};
  NetworkHandle network;
  ASSERT_OK(
      fovea_network_builder_finish(builder_, inputs.data(), 2, outputs.data(), 2, network.out()));
  EXPECT_STREQ(fovea_network_input_name(network, 0), "numbers");
  EXPECT_STREQ(fovea_network_output_name(network, 1), "which");

  ModelHandle model;
  ASSERT_OK(fovea_model_new(network, nullptr, model.out()));
  const TensorHandle x0 = make_tensor({4, 5}, noise(20));
  const TensorHandle x1 = make_tensor({4, 8, 8, 2}, noise(512));
  const TensorHandle y0 = make_tensor({4, 1}, noise(4));
  const TensorHandle y1 = make_tensor({4, 2}, noise(8));
  const std::array<fovea_tensor*, 2> x = {x0, x1};
  const std::array<fovea_tensor*, 2> y = {y0, y1};
  std::array<fovea_output_loss, 2> losses{};
  for (fovea_output_loss& loss : losses) {
    loss.struct_size = sizeof loss;
    loss.loss = "mean_squared_error";
  }
  losses[0].output = "how_many";
  losses[1].output = "which";
  losses[1].weight = 0.5;
  fovea_compile_options options{};
  options.struct_size = sizeof options;
  options.outputs = losses.data();
  options.output_count = 2;
  ASSERT_OK(fovea_model_compile(model, &options));
  EXPECT_OK(fovea_model_fit(model, x.data(), 2, y.data(), 2, nullptr, nullptr));
  std::array<fovea_tensor*, 2> answers{};
  ASSERT_OK(fovea_model_predict(model, x.data(), 2, 0, answers.data(), 2));
  EXPECT_EQ(fovea_tensor_count(answers[0]), 4);
  EXPECT_EQ(fovea_tensor_count(answers[1]), 8);
  for (fovea_tensor* answer : answers) fovea_tensor_free(answer);
}

TEST_F(CNetworkBuilder, FindsMistakesWhereTheyAreMade) {
  fovea_symbol y = -1;
  const auto layer_fails = [&](const char* kind, const char* config, fovea_symbol input) {
    return fovea_network_builder_layer(builder_, kind, config, &input, 1, &y);
  };
  expect_invalid(layer_fails("Convolution", "{}", x_), "Convolution");
  expect_invalid(layer_fails("Dense", R"({"unit": 3})", x_), "unit");
  expect_failure(layer_fails("Dense", "{", x_), FOVEA_ERROR_PARSE, "configuration of Dense");
  expect_failure(layer_fails("Conv2D", R"({"filters": 4, "kernel_size": 9})", x_),
                 FOVEA_ERROR_SHAPE_MISMATCH, "window");
  expect_invalid(layer_fails("Flatten", nullptr, 7), "no symbol 7");
  expect_invalid(layer_fails("Flatten", nullptr, -1), "no symbol -1");
  expect_invalid(layer_fails(nullptr, nullptr, x_), "'class_name' is NULL");
  expect_invalid(fovea_network_builder_layer(builder_, "Flatten", nullptr, nullptr, 1, &y),
                 "'inputs' is NULL");
  expect_invalid(fovea_network_builder_layer(builder_, "Flatten", nullptr, &x_, 1, nullptr),
                 "'out' is NULL");
  expect_invalid(fovea_network_builder_layer(nullptr, "Flatten", nullptr, &x_, 1, &y),
                 "a fovea_network_builder is NULL");
  EXPECT_EQ(fovea_network_builder_layer(builder_, "Flatten", nullptr, nullptr, 0, &y),
            FOVEA_ERROR_INVALID_ARGUMENT);
  expect_invalid(fovea_network_builder_input(builder_, kPicture.data(), 3, 42, nullptr, &y),
                 "no fovea_dtype 42");
  expect_invalid(fovea_network_builder_input(nullptr, kPicture.data(), 3, FOVEA_F32, nullptr, &y),
                 "a fovea_network_builder is NULL");
  EXPECT_EQ(y, -1);
  fovea_network* network = nullptr;
  expect_invalid(fovea_network_builder_finish(builder_, &x_, 1, nullptr, 0, &network),
                 "at least one input and one output");
  expect_invalid(fovea_network_builder_finish(builder_, nullptr, 1, &x_, 1, &network),
                 "'inputs' is NULL");
  expect_invalid(fovea_network_builder_finish(nullptr, &x_, 1, &x_, 1, &network),
                 "a fovea_network_builder is NULL");
  expect_invalid(fovea_network_builder_new(nullptr), "'out' is NULL");
  EXPECT_EQ(network, nullptr);
}

TEST(CNetwork, AnotherHandleInItsPlaceIsRefused) {
  const TensorHandle tensor = make_tensor<float>({1}, {1});
  auto* wrong = mistaken<fovea_network>(static_cast<fovea_tensor*>(tensor));
  EXPECT_EQ(fovea_network_parameter_count(wrong), -1);
  expect_error("what was given for a fovea_network is another handle");
  fovea_network_free(wrong);
  EXPECT_EQ(fovea_tensor_count(tensor), 1);
}

}  // namespace
}  // namespace fovea::c_api
