// Status, devices, tensors and data sets of the C interface.
#include <array>
#include <cstring>
#include <filesystem>
#include <thread>

#include "fovea/error.h"
#include "fovea/version.h"
#include "tests/c_api/c_api_test_support.h"

namespace fovea::c_api {
namespace {

constexpr std::array<std::int64_t, 2> kShape = {2, 3};

TEST(CStatus, HasANameForEachCode) {
  EXPECT_STREQ(fovea_status_name(FOVEA_OK), "ok");
  for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code) {
    EXPECT_STREQ(fovea_status_name(code + 1), error_code_name(static_cast<ErrorCode>(code)));
  }
  EXPECT_STREQ(fovea_status_name(FOVEA_ERROR_INTERNAL), "internal");
  EXPECT_STREQ(fovea_status_name(99), "unknown");
  EXPECT_STREQ(fovea_status_name(-1), "unknown");
}

TEST(CStatus, VersionIsTheLibrarys) { EXPECT_EQ(fovea_version(), version()); }

TEST(CStatus, TheLastErrorIsTheThreadsOwnAndSurvivesSuccess) {
  expect_invalid(fovea_tensor_zeros(kShape.data(), 2, 77, nullptr), "there is no fovea_dtype 77");
  std::string other = "not asked";
  std::thread([&] { other = fovea_last_error(); }).join();
  EXPECT_EQ(other, "");
  TensorHandle tensor;
  EXPECT_OK(fovea_tensor_zeros(kShape.data(), 2, FOVEA_F32, tensor.out()));
  expect_error("there is no fovea_dtype 77");
}

TEST(CDevices, ListTheCpu) {
  Owned<fovea_device_list, fovea_device_list_free> list;
  ASSERT_OK(fovea_device_list_new(list.out()));
  ASSERT_GE(fovea_device_list_count(list), 1U);
  EXPECT_STREQ(fovea_device_list_name(list, 0), "cpu");
  EXPECT_STRNE(fovea_device_list_detail(list, 0), "");
  EXPECT_EQ(fovea_device_list_available(list, 0), 1);

  EXPECT_EQ(fovea_device_list_name(list, 99), nullptr);
  expect_error("the index 99 is out of range");
  EXPECT_EQ(fovea_device_list_detail(list, 99), nullptr);
  EXPECT_EQ(fovea_device_list_available(list, 99), 0);
  EXPECT_EQ(fovea_device_list_count(nullptr), 0U);
  expect_error("a fovea_device_list is NULL");
  expect_invalid(fovea_device_list_new(nullptr), "'out' is NULL");
}

TEST(CTensor, OfZerosHasShapeAndType) {
  TensorHandle tensor;
  ASSERT_OK(fovea_tensor_zeros(kShape.data(), 2, FOVEA_F64, tensor.out()));
  EXPECT_EQ(fovea_tensor_rank(tensor), 2);
  EXPECT_EQ(fovea_tensor_shape(tensor)[0], 2);
  EXPECT_EQ(fovea_tensor_shape(tensor)[1], 3);
  EXPECT_EQ(fovea_tensor_dtype(tensor), FOVEA_F64);
  EXPECT_EQ(fovea_tensor_count(tensor), 6);
  const auto* data = static_cast<const double*>(fovea_tensor_const_data(tensor));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(data[i], 0);
  EXPECT_EQ(fovea_tensor_data(tensor), data);

  TensorHandle scalar;
  ASSERT_OK(fovea_tensor_zeros(nullptr, 0, FOVEA_I64, scalar.out()));
  EXPECT_EQ(fovea_tensor_rank(scalar), 0);
  EXPECT_EQ(fovea_tensor_count(scalar), 1);
}

TEST(CTensor, RefusesImpossibleShapes) {
  fovea_tensor* tensor = nullptr;
  const std::array<std::int64_t, 2> negative = {2, -1};
  const std::array<std::int64_t, 3> huge = {1LL << 31, 1LL << 31, 4};
  expect_invalid(fovea_tensor_zeros(negative.data(), 2, FOVEA_F32, &tensor), "not -1");
  expect_invalid(fovea_tensor_zeros(huge.data(), 3, FOVEA_F32, &tensor), "more bytes");
  expect_invalid(fovea_tensor_zeros(kShape.data(), 9, FOVEA_F32, &tensor), "0 to 8 axes, not 9");
  expect_invalid(fovea_tensor_zeros(kShape.data(), -1, FOVEA_F32, &tensor), "not -1");
  expect_invalid(fovea_tensor_zeros(nullptr, 2, FOVEA_F32, &tensor), "'shape' is NULL");
  expect_invalid(fovea_tensor_zeros(kShape.data(), 2, -1, &tensor), "no fovea_dtype -1");
  expect_invalid(fovea_tensor_zeros(kShape.data(), 2, FOVEA_F32, nullptr), "'out' is NULL");
  EXPECT_EQ(tensor, nullptr);
}

TEST(CTensor, MoreThanThereIsIsOutOfMemory) {
  fovea_tensor* tensor = nullptr;
  const std::array<std::int64_t, 2> shape = {1LL << 28, 1LL << 28};
  expect_failure(fovea_tensor_zeros(shape.data(), 2, FOVEA_F32, &tensor), FOVEA_ERROR_OUT_OF_MEMORY,
                 "cannot allocate 288230376151711744 bytes");
  EXPECT_EQ(tensor, nullptr);
}

TEST(CTensor, CopiesTheCallersNumbers) {
  std::array<float, 6> numbers = {1, 2, 3, 4, 5, 6};
  TensorHandle tensor;
  ASSERT_OK(fovea_tensor_copy(numbers.data(), kShape.data(), 2, FOVEA_F32, tensor.out()));
  numbers.fill(0);
  EXPECT_EQ(values_of(tensor), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  fovea_tensor* none = nullptr;
  expect_invalid(fovea_tensor_copy(nullptr, kShape.data(), 2, FOVEA_F32, &none), "'data' is NULL");
  expect_invalid(fovea_tensor_copy(numbers.data(), kShape.data(), 2, FOVEA_F32, nullptr),
                 "'out' is NULL");
}

void count_call(void* calls) { ++*static_cast<int*>(calls); }

TEST(CTensor, WrapsTheCallersMemoryWithoutACopy) {
  std::array<float, 6> numbers = {1, 2, 3, 4, 5, 6};
  int calls = 0;
  {
    TensorHandle second;
    {
      TensorHandle tensor;
      ASSERT_OK(fovea_tensor_wrap(numbers.data(), kShape.data(), 2, FOVEA_F32, count_call, &calls,
                                  tensor.out()));
      EXPECT_EQ(fovea_tensor_data(tensor), numbers.data());
      ASSERT_OK(fovea_tensor_convert(tensor, FOVEA_F32, second.out()));
    }
    EXPECT_EQ(fovea_tensor_const_data(second), numbers.data());
    EXPECT_EQ(calls, 0);  // the second tensor still uses the memory
  }
  EXPECT_EQ(calls, 1);

  fovea_tensor* none = nullptr;
  expect_invalid(fovea_tensor_wrap(nullptr, kShape.data(), 2, FOVEA_F32, count_call, &calls, &none),
                 "'data' is NULL");
  expect_invalid(fovea_tensor_wrap(reinterpret_cast<char*>(numbers.data()) + 1,  // NOLINT
                                   kShape.data(), 2, FOVEA_F32, count_call, &calls, &none),
                 "must be aligned to 4 bytes");
  expect_invalid(
      fovea_tensor_wrap(numbers.data(), kShape.data(), 2, FOVEA_F32, count_call, &calls, nullptr),
      "'out' is NULL");
  EXPECT_EQ(calls, 1);  // not for what failed
}

TEST(CTensor, OverConstMemoryCannotBeWrittenTo) {
  const std::array<float, 6> numbers = {1, 2, 3, 4, 5, 6};
  TensorHandle tensor;
  ASSERT_OK(fovea_tensor_wrap_const(numbers.data(), kShape.data(), 2, FOVEA_F32, nullptr, nullptr,
                                    tensor.out()));
  EXPECT_EQ(fovea_tensor_const_data(tensor), numbers.data());
  EXPECT_EQ(fovea_tensor_data(tensor), nullptr);
  expect_error("read-only");
  fovea_tensor* none = nullptr;
  expect_invalid(
      fovea_tensor_wrap_const(nullptr, kShape.data(), 2, FOVEA_F32, nullptr, nullptr, &none),
      "'data' is NULL");
}

TEST(CTensor, ConvertsToOtherTypes) {
  const TensorHandle floats = make_tensor<float>({3}, {1.5F, -2, 300});
  TensorHandle integers;
  ASSERT_OK(fovea_tensor_convert(floats, FOVEA_I32, integers.out()));
  const auto* data = static_cast<const std::int32_t*>(fovea_tensor_const_data(integers));
  EXPECT_EQ((std::vector<std::int32_t>(data, data + 3)), (std::vector<std::int32_t>{1, -2, 300}));
  fovea_tensor* none = nullptr;
  expect_invalid(fovea_tensor_convert(floats, 7, &none), "no fovea_dtype 7");
  expect_invalid(fovea_tensor_convert(nullptr, FOVEA_I32, &none), "a fovea_tensor is NULL");
}

TEST(CTensor, WrongHandlesAreErrorsNotCrashes) {
  const NetworkHandle network = make_network("iris_small");
  auto* wrong = mistaken<fovea_tensor>(static_cast<fovea_network*>(network));
  for (fovea_tensor* tensor : {static_cast<fovea_tensor*>(nullptr), wrong}) {
    EXPECT_EQ(fovea_tensor_rank(tensor), -1);
    EXPECT_EQ(fovea_tensor_shape(tensor), nullptr);
    EXPECT_EQ(fovea_tensor_dtype(tensor), -1);
    EXPECT_EQ(fovea_tensor_count(tensor), -1);
    EXPECT_EQ(fovea_tensor_data(tensor), nullptr);
    EXPECT_EQ(fovea_tensor_const_data(tensor), nullptr);
  }
  expect_error("is another handle, or one that was freed");
  fovea_tensor_free(wrong);  // refused: the network lives on
  EXPECT_EQ(fovea_network_input_count(network), 1U);
}

TEST(CDataset, SyntheticPicturesAreTheSeeds) {
  fovea_dataset data{};
  ASSERT_OK(fovea_make_synthetic(3, 20, 10, &data));
  EXPECT_EQ(fovea_tensor_rank(data.train_x), 4);
  EXPECT_EQ(fovea_tensor_shape(data.train_x)[0], 20);
  EXPECT_EQ(fovea_tensor_dtype(data.train_x), FOVEA_U8);
  EXPECT_EQ(fovea_tensor_dtype(data.test_y), FOVEA_I32);
  EXPECT_EQ(fovea_tensor_count(data.test_y), 10);
  fovea_dataset_free(&data);
  EXPECT_EQ(data.train_x, nullptr);
  fovea_dataset_free(&data);
  fovea_dataset_free(nullptr);
  expect_invalid(fovea_make_synthetic(3, 0, 10, &data), "not 0 and 10");
  expect_invalid(fovea_make_synthetic(3, 20, 10, nullptr), "'out' is NULL");
}

TEST(CDataset, FilesThatAreMissingAreNamed) {
  fovea_dataset data{};
  expect_failure(fovea_load_cifar10("/no/such/folder", &data), FOVEA_ERROR_IO, "/no/such/folder");
  expect_failure(fovea_load_mnist("/no/such/folder", &data), FOVEA_ERROR_IO, "/no/such/folder");
  expect_invalid(fovea_load_cifar10(nullptr, &data), "'folder' is NULL");
  expect_invalid(fovea_load_mnist(nullptr, &data), "'folder' is NULL");
  expect_invalid(fovea_load_mnist("/no/such/folder", nullptr), "'out' is NULL");
  EXPECT_EQ(data.train_x, nullptr);
}

}  // namespace
}  // namespace fovea::c_api
