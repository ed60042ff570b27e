// Weights between Keras's order of axes and the network's, and initializers, regularizers and
// activations in Keras's words.
#include <utility>

#include "host/io/keras/config_reader.h"
#include "host/io/keras/network_writer.h"

namespace fovea::keras {
namespace {

/// (rows, columns) as (columns, rows), f32.
Tensor transpose(const Tensor& from, std::int64_t rows, std::int64_t columns, Shape shape) {
  Tensor to(shape, DType::f32);
  const float* source = from.data<float>();
  float* target = to.data<float>();
  for (std::int64_t column = 0; column < columns; ++column) {
    for (std::int64_t row = 0; row < rows; ++row) *target++ = source[row * columns + column];
  }
  return to;
}

}  // namespace

Tensor from_keras(const Weight& weight, const Tensor& stored) {
  Tensor tensor = stored.to(DType::f32);
  if (weight.layout == Layout::same) return tensor;
  const Shape& shape = tensor.shape();
  const int rank = shape.rank();
  FOVEA_REQUIRE(rank == 4 || (rank == 2 && weight.layout == Layout::conv), shape_mismatch, "'",
                weight.path, "' is stored with shape ", shape, ", which is no kernel's");
  std::int64_t columns = shape.c();
  if (weight.layout == Layout::depthwise) columns *= shape[2];
  Shape turned{columns};
  const int kept = weight.layout == Layout::depthwise ? 2 : rank - 1;
  for (int axis = 0; axis < kept; ++axis) turned = turned.append(shape[axis]);
  if (weight.layout == Layout::depthwise) turned = turned.append(1);
  if (columns == 0) return Tensor(turned, DType::f32);
  return transpose(tensor, tensor.numel() / columns, columns, turned);
}

Tensor to_keras(const Weight& weight, const Tensor& own) {
  Tensor tensor = own.to(DType::f32);
  if (weight.layout == Layout::same) return tensor;
  const Shape& shape = tensor.shape();
  const std::int64_t rows = shape[0];
  Shape turned;
  if (weight.layout == Layout::depthwise) {
    turned = {shape[1], shape[2], rows / weight.multiplier, weight.multiplier};
  } else {
    turned = shape.drop_front().append(rows);
  }
  return transpose(tensor, rows, tensor.numel() / rows, turned);
}

Json initializer_to_json(const Initializer& initializer) {
  using Kind = Initializer::Kind;
  Json config = Json::object();
  std::string name;
  switch (initializer.kind) {
    case Kind::constant:
      if (initializer.scale == 0) return object_to_json("keras.initializers", "Zeros", config);
      if (initializer.scale == 1) return object_to_json("keras.initializers", "Ones", config);
      config.set("value", initializer.scale);
      return object_to_json("keras.initializers", "Constant", config);
    case Kind::uniform:
      name = "RandomUniform";
      config.set("minval", initializer.mean - initializer.scale);
      config.set("maxval", initializer.mean + initializer.scale);
      break;
    case Kind::normal:
    case Kind::truncated_normal:
      name = initializer.kind == Kind::normal ? "RandomNormal" : "TruncatedNormal";
      config.set("mean", initializer.mean);
      config.set("stddev", initializer.scale);
      break;
    case Kind::orthogonal:
      name = "Orthogonal";
      config.set("gain", initializer.scale);
      break;
    case Kind::variance_scaling: {
      name = "VarianceScaling";
      using Distribution = Initializer::Distribution;
      constexpr const char* kModes[] = {"fan_in", "fan_out", "fan_avg"};
      config.set("scale", initializer.scale);
      config.set("mode", kModes[static_cast<std::size_t>(initializer.fan)]);
      config.set("distribution", initializer.distribution == Distribution::normal
                                     ? Json("untruncated_normal")
                                     : to_json(initializer.distribution));
      break;
    }
    case Kind::glorot_uniform:
      name = "GlorotUniform";
      break;
    case Kind::glorot_normal:
      name = "GlorotNormal";
      break;
    case Kind::he_uniform:
      name = "HeUniform";
      break;
    case Kind::he_normal:
      name = "HeNormal";
      break;
    case Kind::lecun_uniform:
      name = "LecunUniform";
      break;
    case Kind::lecun_normal:
      name = "LecunNormal";
      break;
  }
  config.set("seed", nullptr);
  return object_to_json("keras.initializers", name, config);
}

Json regularizer_to_json(double l1, double l2) {
  if (l1 == 0 && l2 == 0) return nullptr;
  Json config = Json::object();
  if (l1 != 0) config.set("l1", l1);
  if (l2 != 0) config.set("l2", l2);
  const char* name = l1 == 0 ? "L2" : l2 == 0 ? "L1" : "L1L2";
  return object_to_json("keras.regularizers", name, config);
}

std::string activation_name(const Activation& activation) {
  using Kind = Activation::Kind;
  switch (activation.kind) {
    case Kind::identity:
      return "linear";
    case Kind::leaky_relu:
      return activation.alpha == 0.2 ? "leaky_relu" : "";
    case Kind::elu:
      return activation.alpha == 1 ? "elu" : "";
    case Kind::step:
      return "";
    case Kind::hard_swish:
      return "hard_silu";
    default:
      return to_json(activation.kind).as_string();
  }
}

}  // namespace fovea::keras
