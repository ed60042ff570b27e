// What the tests of the C interface share.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fovea/c_api.h"

namespace fovea::c_api {

/// A handle that is freed at the end of its scope.
template <class T, void (*kFree)(T*)>
class Owned {
 public:
  Owned() = default;
  ~Owned() { kFree(handle_); }
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Owned& operator=(Owned&&) = delete;
  operator T*() const { return handle_; }  // NOLINT(google-explicit-constructor)
  /// For results; what was there is freed.
  T** out() {
    kFree(std::exchange(handle_, nullptr));
    return &handle_;
  }
  /// A list of one.
  T* const* list() const { return &handle_; }

 private:
  T* handle_ = nullptr;
};

using TensorHandle = Owned<fovea_tensor, fovea_tensor_free>;
using NetworkHandle = Owned<fovea_network, fovea_network_free>;
using ModelHandle = Owned<fovea_model, fovea_model_free>;
using LogsHandle = Owned<fovea_logs, fovea_logs_free>;
using HistoryHandle = Owned<fovea_history, fovea_history_free>;
using Text = Owned<char, fovea_string_free>;

#define EXPECT_OK(call) EXPECT_EQ(call, FOVEA_OK) << fovea_last_error()
#define ASSERT_OK(call) ASSERT_EQ(call, FOVEA_OK) << fovea_last_error()

/// `message` is a part of the last error.
inline void expect_error(const char* message) {
  EXPECT_NE(std::string(fovea_last_error()).find(message), std::string::npos) << fovea_last_error();
}
inline void expect_failure(fovea_status status, fovea_status expected, const char* message) {
  EXPECT_EQ(status, expected) << fovea_status_name(status);
  expect_error(message);
}
inline void expect_invalid(fovea_status status, const char* message) {
  expect_failure(status, FOVEA_ERROR_INVALID_ARGUMENT, message);
}

/// Another type of handle, as a program might mix them up.
template <class T, class From>
T* mistaken(From* handle) {
  return reinterpret_cast<T*>(handle);  // NOLINT
}

template <class T>
constexpr fovea_dtype kDtypeOf = -1;
template <>
inline constexpr fovea_dtype kDtypeOf<float> = FOVEA_F32;
template <>
inline constexpr fovea_dtype kDtypeOf<std::int32_t> = FOVEA_I32;
template <>
inline constexpr fovea_dtype kDtypeOf<std::uint8_t> = FOVEA_U8;

template <class T>
TensorHandle make_tensor(const std::vector<std::int64_t>& shape, const std::vector<T>& values) {
  TensorHandle tensor;
  EXPECT_OK(fovea_tensor_copy(values.data(), shape.data(), static_cast<int>(shape.size()),
                              kDtypeOf<T>, tensor.out()));
  return tensor;
}

inline std::vector<float> values_of(const fovea_tensor* tensor) {
  const auto* data = static_cast<const float*>(fovea_tensor_const_data(tensor));
  return {data, data + fovea_tensor_count(tensor)};
}

/// Numbers from 0 up to 1 that look random.
inline std::vector<float> noise(std::size_t count, std::uint32_t seed = 1) {
  std::vector<float> values(count);
  for (float& value : values) {
    seed = seed * 1664525U + 1013904223U;
    value = static_cast<float>(seed >> 8) / static_cast<float>(1U << 24);
  }
  return values;
}

inline std::vector<std::int32_t> labels(std::size_t count, std::int32_t classes) {
  std::vector<std::int32_t> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<std::int32_t>(i) % classes;
  return values;
}

inline NetworkHandle make_network(const char* name) {
  NetworkHandle network;
  EXPECT_OK(fovea_network_from_zoo(name, network.out()));
  return network;
}

/// A network of the zoo on one thread of the CPU.
inline ModelHandle make_model(const char* name, std::uint64_t seed = 1) {
  const NetworkHandle network = make_network(name);
  fovea_model_options options{};
  options.struct_size = sizeof options;
  options.device = "cpu";
  options.threads = 1;
  options.seed = seed;
  ModelHandle model;
  EXPECT_OK(fovea_model_new(network, &options, model.out()));
  return model;
}

/// The same, ready to classify: iris_small takes (N, 4) and tells three classes.
inline ModelHandle make_classifier(std::uint64_t seed = 1, const char* name = "iris_small") {
  ModelHandle model = make_model(name, seed);
  const char* const metrics[] = {"accuracy"};
  fovea_compile_options options{};
  options.struct_size = sizeof options;
  options.loss = "sparse_categorical_crossentropy";
  options.learning_rate = 0.01;
  options.metrics = metrics;
  options.metric_count = 1;
  EXPECT_OK(fovea_model_compile(model, &options));
  return model;
}

struct TrainingData {
  TensorHandle x = make_tensor({60, 4}, noise(240));
  TensorHandle y = make_tensor({60}, labels(60, 3));
};

/// All weights, one after another.
inline std::vector<float> weights_of(const fovea_model* model) {
  std::vector<float> all;
  for (std::size_t i = 0; i < fovea_model_weight_count(model); ++i) {
    TensorHandle weight;
    EXPECT_OK(fovea_model_get_weight(model, fovea_model_weight_path(model, i), weight.out()));
    const std::vector<float> values = values_of(weight);
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

}  // namespace fovea::c_api
