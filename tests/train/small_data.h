// Small problems for tests of training.
#pragma once

#include <cmath>
#include <cstdint>

#include "fovea/detail/philox.h"
#include "fovea/layers.h"
#include "fovea/model.h"

namespace fovea::test {

/// Pictures (N, 8, 8, 3) u8 of three classes: the class's channel is brighter.
inline Dataset bright_channel(std::int64_t count, std::uint64_t seed = 1) {
  Dataset data;
  data.name = "bright channel";
  data.x = Tensor({count, 8, 8, 3}, DType::u8);
  data.y = Tensor({count}, DType::i32);
  for (std::int64_t n = 0; n < count; ++n) {
    const auto label = static_cast<std::int32_t>(n % 3);
    data.y.data<std::int32_t>()[n] = label;
    for (std::int64_t i = 0; i < 192; ++i) {
      const auto word =
          detail::philox4x32(seed, static_cast<std::uint64_t>(n), static_cast<std::uint64_t>(i))
              .word[0];
      const std::uint32_t noise = word % 150;
      data.x.data<std::uint8_t>()[n * 192 + i] =
          static_cast<std::uint8_t>(noise + (i % 3 == label ? 60 : 0));
    }
  }
  return data;
}

/// Every kind of op that training meets: convolution, batch norm, pooling, dropout, dense, softmax.
inline Network small_cnn() {
  return Sequential{Input({8, 8, 3}),
                    Rescaling(1.0 / 255),
                    Conv2D(8, 3, {.padding = "same", .use_bias = false}),
                    BatchNorm(),
                    Relu(),
                    MaxPool2D(2),
                    Conv2D(8, 3, {.activation = "relu"}),
                    Flatten(),
                    Dropout(0.2),
                    Dense(3, {.activation = "softmax"})};
}

inline Model compiled_model(Network network, const ModelOptions& options) {
  Model model(std::move(network), options);
  CompileOptions compile;
  compile.optimizer = Adam(0.01);
  compile.loss = "sparse_categorical_crossentropy";
  compile.metrics = {"accuracy"};
  model.compile(compile);
  return model;
}

inline Model compiled_model(Network network, std::uint64_t seed = 3, int threads = 1,
                            const std::string& precision = "f32",
                            const std::string& device = "cpu") {
  ModelOptions options;
  options.device = device;
  options.seed = seed;
  options.threads = threads;
  options.precision = precision;
  return compiled_model(std::move(network), options);
}

inline FitOptions quiet(int epochs, std::int64_t batch_size = 16) {
  FitOptions options;
  options.epochs = epochs;
  options.batch_size = batch_size;
  options.verbose = 0;
  return options;
}

/// Whether all weights and running statistics of two models are the same bits.
inline bool same_weights(const Model& a, const Model& b) {
  for (const std::string& path : a.weight_paths()) {
    const Tensor left = a.weight(path);
    const Tensor right = b.weight(path);
    for (std::int64_t i = 0; i < left.numel(); ++i) {
      if (left.item(i) != right.item(i)) return false;
    }
  }
  return true;
}

}  // namespace fovea::test
