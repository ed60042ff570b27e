// Tensors by DLPack, in both directions.
#include <array>

#include "host/c_api/dlpack_layout.h"
#include "tests/c_api/c_api_test_support.h"

namespace fovea::c_api {
namespace {

/// A tensor as another program would offer it.
template <class Managed>
struct Foreign {
  std::array<float, 6> numbers = {1, 2, 3, 4, 5, 6};
  std::array<std::int64_t, 2> shape = {2, 3};
  std::array<std::int64_t, 2> strides = {3, 1};
  int deleted = 0;
  Managed managed{};

  Foreign() {
    managed.array = {numbers.data(), dlpack::kCpu,   0, 2, {dlpack::kFloat, 32, 1},
                     shape.data(),   strides.data(), 0};
    managed.manager_context = this;
    managed.deleter = [](Managed* self) {
      ++static_cast<Foreign*>(self->manager_context)->deleted;
    };
    if constexpr (requires { managed.major; }) managed.major = 1;
  }
  Foreign(const Foreign&) = delete;
  Foreign& operator=(const Foreign&) = delete;
};

TEST(CDlpack, ComesInWithoutACopy) {
  Foreign<DLManagedTensor> foreign;
  {
    TensorHandle tensor;
    ASSERT_OK(fovea_tensor_from_dlpack(&foreign.managed, tensor.out()));
    EXPECT_EQ(fovea_tensor_data(tensor), foreign.numbers.data());
    EXPECT_EQ(fovea_tensor_rank(tensor), 2);
    EXPECT_EQ(fovea_tensor_shape(tensor)[1], 3);
    EXPECT_EQ(fovea_tensor_dtype(tensor), FOVEA_F32);
    EXPECT_EQ(foreign.deleted, 0);
  }
  EXPECT_EQ(foreign.deleted, 1);
}

TEST(CDlpack, NoStridesMeanNoGaps) {
  Foreign<DLManagedTensor> foreign;
  foreign.managed.array.strides = nullptr;
  foreign.managed.array.byte_offset = 4;
  foreign.shape = {1, 5};
  TensorHandle tensor;
  ASSERT_OK(fovea_tensor_from_dlpack(&foreign.managed, tensor.out()));
  EXPECT_EQ(fovea_tensor_data(tensor), &foreign.numbers[1]);
}

TEST(CDlpack, GapsAndTurnedAxesAreCopied) {
  Foreign<DLManagedTensor> foreign;
  foreign.shape = {3, 2};  // transposed
  foreign.strides = {1, 3};
  TensorHandle tensor;
  ASSERT_OK(fovea_tensor_from_dlpack(&foreign.managed, tensor.out()));
  EXPECT_EQ(foreign.deleted, 1);
  EXPECT_EQ(values_of(tensor), (std::vector<float>{1, 4, 2, 5, 3, 6}));

  foreign.managed.array.byte_offset = 5 * sizeof(float);  // backwards
  foreign.shape = {1, 6};
  foreign.strides = {0, -1};
  ASSERT_OK(fovea_tensor_from_dlpack(&foreign.managed, tensor.out()));
  EXPECT_EQ(values_of(tensor), (std::vector<float>{6, 5, 4, 3, 2, 1}));
}

TEST(CDlpack, AnEmptyTensorMayHaveNoMemory) {
  Foreign<DLManagedTensor> foreign;
  foreign.shape = {0, 3};
  foreign.managed.array.data = nullptr;
  TensorHandle tensor;
  ASSERT_OK(fovea_tensor_from_dlpack(&foreign.managed, tensor.out()));
  EXPECT_EQ(fovea_tensor_count(tensor), 0);
  EXPECT_EQ(foreign.deleted, 1);
}

TEST(CDlpack, WhatCannotComeInStaysTheCallers) {
  Foreign<DLManagedTensor> foreign;
  fovea_tensor* tensor = nullptr;
  const auto refused = [&] { return fovea_tensor_from_dlpack(&foreign.managed, &tensor); };
  foreign.managed.array.device_type = 2;  // CUDA
  expect_failure(refused(), FOVEA_ERROR_UNSUPPORTED, "device of type 2");
  foreign.managed.array.device_type = dlpack::kCpu;
  foreign.managed.array.dtype = {5, 64, 1};  // complex
  expect_failure(refused(), FOVEA_ERROR_UNSUPPORTED, "type code 5 with 64 bits");
  foreign.managed.array.dtype = {dlpack::kFloat, 32, 4};
  expect_failure(refused(), FOVEA_ERROR_UNSUPPORTED, "4 lanes");
  foreign.managed.array.dtype = {dlpack::kFloat, 32, 1};
  foreign.managed.array.byte_offset = 1;
  expect_failure(refused(), FOVEA_ERROR_UNSUPPORTED, "multiple of 4 bytes");
  foreign.managed.array.byte_offset = 0;
  foreign.managed.array.rank = 9;
  expect_invalid(refused(), "0 to 8 axes, not 9");
  foreign.managed.array.rank = 2;
  foreign.managed.array.data = nullptr;
  expect_invalid(refused(), "'data' is NULL");
  expect_invalid(fovea_tensor_from_dlpack(nullptr, &tensor), "'managed' is NULL");
  foreign.managed.array.data = foreign.numbers.data();
  expect_invalid(fovea_tensor_from_dlpack(&foreign.managed, nullptr), "'out' is NULL");
  EXPECT_EQ(foreign.deleted, 0);
  EXPECT_EQ(tensor, nullptr);
}

TEST(CDlpack, TheVersionedOneSaysWhatIsReadOnly) {
  Foreign<DLManagedTensorVersioned> foreign;
  foreign.managed.flags = dlpack::kReadOnly;
  {
    TensorHandle tensor;
    ASSERT_OK(fovea_tensor_from_dlpack_versioned(&foreign.managed, tensor.out()));
    EXPECT_EQ(fovea_tensor_const_data(tensor), foreign.numbers.data());
    EXPECT_EQ(fovea_tensor_data(tensor), nullptr);

    DLManagedTensor* plain = nullptr;
    expect_failure(fovea_tensor_to_dlpack(tensor, &plain), FOVEA_ERROR_UNSUPPORTED, "read-only");
    DLManagedTensorVersioned* versioned = nullptr;
    ASSERT_OK(fovea_tensor_to_dlpack_versioned(tensor, &versioned));
    EXPECT_EQ(versioned->major, 1U);
    EXPECT_EQ(versioned->flags, std::uint64_t{dlpack::kReadOnly});
    EXPECT_EQ(versioned->array.data, foreign.numbers.data());
    versioned->deleter(versioned);
  }
  EXPECT_EQ(foreign.deleted, 1);
  foreign.managed.major = 2;
  fovea_tensor* none = nullptr;
  expect_failure(fovea_tensor_from_dlpack_versioned(&foreign.managed, &none),
                 FOVEA_ERROR_UNSUPPORTED, "version 2");
  expect_invalid(fovea_tensor_from_dlpack_versioned(nullptr, &none), "'managed' is NULL");
  expect_invalid(fovea_tensor_to_dlpack_versioned(nullptr, nullptr), "'out' is NULL");
}

TEST(CDlpack, GoesOutAndKeepsTheMemoryAlive) {
  DLManagedTensor* managed = nullptr;
  {
    const TensorHandle tensor = make_tensor<float>({2, 3}, {1, 2, 3, 4, 5, 6});
    ASSERT_OK(fovea_tensor_to_dlpack(tensor, &managed));
    EXPECT_EQ(managed->array.data, fovea_tensor_data(tensor));
    expect_invalid(fovea_tensor_to_dlpack(tensor, nullptr), "'out' is NULL");
    DLManagedTensor* none = nullptr;
    expect_invalid(fovea_tensor_to_dlpack(nullptr, &none), "a fovea_tensor is NULL");
  }
  EXPECT_EQ(managed->array.device_type, dlpack::kCpu);
  EXPECT_EQ(managed->array.rank, 2);
  EXPECT_EQ(managed->array.shape[1], 3);
  EXPECT_EQ(managed->array.strides[0], 3);
  EXPECT_EQ(static_cast<const float*>(managed->array.data)[5], 6);

  TensorHandle back;
  ASSERT_OK(fovea_tensor_from_dlpack(managed, back.out()));
  EXPECT_EQ(values_of(back), (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST(CDlpack, EveryTypeComesBackAsItself) {
  constexpr std::int64_t kCount = 3;
  for (fovea_dtype dtype = FOVEA_F32; dtype <= FOVEA_U8; ++dtype) {
    TensorHandle tensor;
    ASSERT_OK(fovea_tensor_zeros(&kCount, 1, dtype, tensor.out()));
    DLManagedTensor* managed = nullptr;
    ASSERT_OK(fovea_tensor_to_dlpack(tensor, &managed));
    TensorHandle back;
    ASSERT_OK(fovea_tensor_from_dlpack(managed, back.out()));
    EXPECT_EQ(fovea_tensor_dtype(back), dtype);
  }
}

}  // namespace
}  // namespace fovea::c_api
