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
