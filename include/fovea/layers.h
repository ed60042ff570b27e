// The layers, with Keras's names, defaults and order of options.
//
//   Conv2D(32, 3, {.strides = 2, .padding = "same", .activation = "relu"})
//
// Every layer takes a name, last; without one it is named after its kind: "conv2d", "conv2d_1".
// Constructors throw invalid_argument for hyper-parameters out of range. Shapes in comments have
// their batch axis, N.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fovea/layer.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/conv.h"

namespace fovea {

// ---- What options are made of ----

/// The nonlinearity that ends a layer: "linear" (none), "relu", "leaky_relu" (slope 0.2), "elu",
/// "sigmoid", "tanh", "softmax" (over the last axis), "gelu", "silu" or "swish", "step", "selu",
/// "softplus", "hard_silu" or "hard_swish"; or any Activation. Throws invalid_argument for another
/// name, listing these.
class FOVEA_API LayerActivation {
 public:
  LayerActivation() = default;
  LayerActivation(const char* name)  // NOLINT(google-explicit-constructor)
      : LayerActivation(std::string_view(name)) {}
  LayerActivation(const std::string& name)  // NOLINT(google-explicit-constructor)
      : LayerActivation(std::string_view(name)) {}
  LayerActivation(std::string_view name);        // NOLINT(google-explicit-constructor)
  LayerActivation(const Activation& activation)  // NOLINT(google-explicit-constructor)
      : activation_(activation) {}

  Value apply(Builder& b, Value x) const;

 private:
  Activation activation_;
  bool softmax_ = false;
};

/// "valid" (none), "same" (output ceil(input / stride)), or Padding::cells(...). Throws
/// invalid_argument for another name.
class FOVEA_API LayerPadding {
 public:
  LayerPadding() = default;
  LayerPadding(const char* name)  // NOLINT(google-explicit-constructor)
      : LayerPadding(std::string_view(name)) {}
  LayerPadding(const std::string& name)  // NOLINT(google-explicit-constructor)
      : LayerPadding(std::string_view(name)) {}
  LayerPadding(std::string_view name);  // NOLINT(google-explicit-constructor)
  LayerPadding(const Padding& padding)  // NOLINT(google-explicit-constructor)
      : padding_(padding) {}
  const Padding& get() const { return padding_; }

 private:
  Padding padding_;
};

/// {.l1 = a, .l2 = b} adds a sum |w| + b sum w^2 to the loss.
using Regularizer = ParameterOptions;

// ---- Layers with weights ----

struct Conv2DOptions {
  Size2 strides = 1;
  LayerPadding padding = {};
  Size2 dilation = 1;
  std::int64_t groups = 1;
  LayerActivation activation = {};
  bool use_bias = true;
  Initializer kernel_initializer = glorot_uniform();
  Initializer bias_initializer = zeros();
  Regularizer kernel_regularizer = {};  ///< {.l2 = 1e-4}
  Regularizer bias_regularizer = {};
  Regularizer activity_regularizer = {};  ///< of the layer's output; see ActivityRegularization
  std::string name = {};
};

/// Convolution. (N,H,W,C) -> (N,OH,OW,filters). Parameters "weight" (filters,kh,kw,C/groups) and
/// "bias" (filters).
class FOVEA_API Conv2D : public LayerBase<Conv2D> {
 public:
  static constexpr std::string_view kKind = "Conv2D";
  Conv2D(std::int64_t filters, Size2 kernel, Conv2DOptions options = {});
  Value build(Builder& b, Value x) const override;

 private:
  std::int64_t filters_;
  Size2 kernel_;
  Conv2DOptions options_;
};

struct DenseOptions {
  LayerActivation activation = {};
  bool use_bias = true;
  Initializer kernel_initializer = glorot_uniform();
  Initializer bias_initializer = zeros();
  Regularizer kernel_regularizer = {};
  Regularizer bias_regularizer = {};
  Regularizer activity_regularizer = {};  ///< of the layer's output; see ActivityRegularization
  std::string name = {};
};

/// activation(x weight + bias). (N,in) -> (N,units). Parameters "weight" (in,units) and "bias"
/// (units).
class FOVEA_API Dense : public LayerBase<Dense> {
 public:
  static constexpr std::string_view kKind = "Dense";
  explicit Dense(std::int64_t units, DenseOptions options = {});
  Value build(Builder& b, Value x) const override;

 private:
  std::int64_t units_;
  DenseOptions options_;
};

struct MaxoutOptions {
  bool use_bias = true;
  Initializer kernel_initializer = glorot_uniform();
  Initializer bias_initializer = zeros();
  Regularizer kernel_regularizer = {};
  Regularizer bias_regularizer = {};
  std::string name = {};
};

/// The largest of several linear functions: max over p of (x weight_p + bias_p).
/// (N,in) -> (N,units). Parameters "weight" (in, pieces units), piece after piece, and "bias"
/// (pieces units). Source: Goodfellow et al., "Maxout Networks" (2013).
class FOVEA_API Maxout : public LayerBase<Maxout> {
 public:
  static constexpr std::string_view kKind = "Maxout";
  explicit Maxout(std::int64_t units, std::int64_t pieces = 2, MaxoutOptions options = {});
  Value build(Builder& b, Value x) const override;

 private:
  std::int64_t units_;
  std::int64_t pieces_;
  MaxoutOptions options_;
};

struct BatchNormOptions {
  double momentum = 0.99;  ///< the share of a running statistic that a step keeps
  double epsilon = 1e-3;
  std::string name = {};
};

/// Batch normalization over the last axis; the shape stays. Parameters "gamma" (C) and "beta" (C),
/// state "running_mean" (C) and "running_var" (C). Source: Ioffe, Szegedy 2015.
class FOVEA_API BatchNorm : public LayerBase<BatchNorm> {
 public:
  static constexpr std::string_view kKind = "BatchNormalization";
  explicit BatchNorm(BatchNormOptions options = {});
  Value build(Builder& b, Value x) const override;

 private:
  BatchNormOptions options_;
};

// ---- Pooling ----

struct PoolOptions {
  std::optional<Size2> strides = {};  ///< the pool's size when not given
  LayerPadding padding = {};
  std::string name = {};
};

/// The largest value of each window. (N,H,W,C) -> (N,OH,OW,C).
class FOVEA_API MaxPool2D : public LayerBase<MaxPool2D> {
 public:
  static constexpr std::string_view kKind = "MaxPooling2D";
  explicit MaxPool2D(Size2 pool = 2, PoolOptions options = {});
  Value build(Builder& b, Value x) const override;

 private:
  Size2 pool_;
  PoolOptions options_;
};

/// The smallest value of each window. (N,H,W,C) -> (N,OH,OW,C).
class FOVEA_API MinPool2D : public LayerBase<MinPool2D> {
 public:
  static constexpr std::string_view kKind = "MinPooling2D";
  explicit MinPool2D(Size2 pool = 2, PoolOptions options = {});
  Value build(Builder& b, Value x) const override;

 private:
  Size2 pool_;
  PoolOptions options_;
};

/// The mean of each window's cells inside the picture. (N,H,W,C) -> (N,OH,OW,C).
class FOVEA_API AvgPool2D : public LayerBase<AvgPool2D> {
 public:
  static constexpr std::string_view kKind = "AveragePooling2D";
  explicit AvgPool2D(Size2 pool = 2, PoolOptions options = {});
  Value build(Builder& b, Value x) const override;

 private:
  Size2 pool_;
  PoolOptions options_;
};

/// The mean of each picture's channel. (N,H,W,C) -> (N,C).
class FOVEA_API GlobalAvgPool2D : public LayerBase<GlobalAvgPool2D> {
 public:
  static constexpr std::string_view kKind = "GlobalAveragePooling2D";
  explicit GlobalAvgPool2D(std::string name = {}) : LayerBase(std::move(name)) {}
  Value build(Builder& b, Value x) const override;
};

/// The largest value of each picture's channel. (N,H,W,C) -> (N,C).
class FOVEA_API GlobalMaxPool2D : public LayerBase<GlobalMaxPool2D> {
 public:
  static constexpr std::string_view kKind = "GlobalMaxPooling2D";
  explicit GlobalMaxPool2D(std::string name = {}) : LayerBase(std::move(name)) {}
  Value build(Builder& b, Value x) const override;
};

/// The smallest value of each picture's channel. (N,H,W,C) -> (N,C).
class FOVEA_API GlobalMinPool2D : public LayerBase<GlobalMinPool2D> {
 public:
  static constexpr std::string_view kKind = "GlobalMinPooling2D";
  explicit GlobalMinPool2D(std::string name = {}) : LayerBase(std::move(name)) {}
  Value build(Builder& b, Value x) const override;
};

// ---- Shapes ----

/// The first layer of a Sequential: the shape of one sample, without the batch axis.
class FOVEA_API Input : public LayerBase<Input> {
 public:
  static constexpr std::string_view kKind = "InputLayer";
  explicit Input(Shape shape, std::string name = {}, DType dtype = DType::f32)
      : LayerBase(std::move(name)), shape_(shape), dtype_(dtype) {}
  Value build(Builder& b, Value x) const override;
  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }

 private:
  Shape shape_;
  DType dtype_;
};

/// (N, ...) -> (N, product of the rest).
class FOVEA_API Flatten : public LayerBase<Flatten> {
 public:
  static constexpr std::string_view kKind = "Flatten";
  explicit Flatten(std::string name = {}) : LayerBase(std::move(name)) {}
  Value build(Builder& b, Value x) const override;
};

/// (N, ...) -> (N, sizes); one of the sizes may be -1: what is left.
class FOVEA_API Reshape : public LayerBase<Reshape> {
 public:
  static constexpr std::string_view kKind = "Reshape";
  explicit Reshape(std::vector<std::int64_t> sizes, std::string name = {});
  Value build(Builder& b, Value x) const override;

 private:
  std::vector<std::int64_t> sizes_;
};

/// Zeros around pictures. (N,H,W,C) -> (N, H + top + bottom, W + left + right, C).
class FOVEA_API ZeroPadding2D : public LayerBase<ZeroPadding2D> {
 public:
  static constexpr std::string_view kKind = "ZeroPadding2D";
  /// Padding::cells(1), or one number of cells per side.
  explicit ZeroPadding2D(const Padding& cells, std::string name = {});
  Value build(Builder& b, Value x) const override;

 private:
  Padding cells_;
};

// ---- Several inputs ----

/// Inputs one after another along an axis, counted with the batch axis as 0; negative axes count
/// from the end.
class FOVEA_API Concatenate : public LayerBase<Concatenate> {
 public:
  static constexpr std::string_view kKind = "Concatenate";
  explicit Concatenate(int axis = -1, std::string name = {})
      : LayerBase(std::move(name)), axis_(axis) {}
  Value build_many(Builder& b, std::span<const Value> inputs) const override;

 private:
  int axis_;
};

/// Inputs of one shape side by side along a new axis, counted with the batch axis as 0; negative
/// axes count from the end of the result. Two inputs (N,3) give (N,2,3) along axis 1, (N,3,2) along
/// axis 2.
class FOVEA_API Stack : public LayerBase<Stack> {
 public:
  static constexpr std::string_view kKind = "Stack";
  explicit Stack(int axis = 1, std::string name = {}) : LayerBase(std::move(name)), axis_(axis) {}
  Value build_many(Builder& b, std::span<const Value> inputs) const override;

 private:
  int axis_;
};

/// The sum of two or more inputs of one shape.
class FOVEA_API Add : public LayerBase<Add> {
 public:
  static constexpr std::string_view kKind = "Add";
  explicit Add(std::string name = {}) : LayerBase(std::move(name)) {}
  Value build_many(Builder& b, std::span<const Value> inputs) const override;
};

/// The elementwise product of two or more inputs of one shape.
class FOVEA_API Multiply : public LayerBase<Multiply> {
 public:
  static constexpr std::string_view kKind = "Multiply";
  explicit Multiply(std::string name = {}) : LayerBase(std::move(name)) {}
  Value build_many(Builder& b, std::span<const Value> inputs) const override;
};

// ---- Activations and regularization ----

/// Any activation by name: ActivationLayer("tanh").
class FOVEA_API ActivationLayer : public LayerBase<ActivationLayer> {
 public:
  static constexpr std::string_view kKind = "Activation";
  explicit ActivationLayer(LayerActivation activation, std::string name = {})
      : LayerBase(std::move(name)), activation_(activation) {}
  Value build(Builder& b, Value x) const override;

 private:
  LayerActivation activation_;
};

/// max(x, 0).
class FOVEA_API Relu : public LayerBase<Relu> {
 public:
  static constexpr std::string_view kKind = "ReLU";
  explicit Relu(std::string name = {}) : LayerBase(std::move(name)) {}
  Value build(Builder& b, Value x) const override;
};

/// x > 0 ? x : slope x.
class FOVEA_API LeakyRelu : public LayerBase<LeakyRelu> {
 public:
  static constexpr std::string_view kKind = "LeakyReLU";
  explicit LeakyRelu(double slope = 0.3, std::string name = {})
      : LayerBase(std::move(name)), slope_(slope) {}
  Value build(Builder& b, Value x) const override;

 private:
  double slope_;
};

/// x > 0 ? x : alpha (e^x - 1).
class FOVEA_API Elu : public LayerBase<Elu> {
 public:
  static constexpr std::string_view kKind = "ELU";
  explicit Elu(double alpha = 1, std::string name = {})
      : LayerBase(std::move(name)), alpha_(alpha) {}
  Value build(Builder& b, Value x) const override;

 private:
  double alpha_;
};

/// 1 / (1 + e^-x).
class FOVEA_API Sigmoid : public LayerBase<Sigmoid> {
 public:
  static constexpr std::string_view kKind = "Sigmoid";
  explicit Sigmoid(std::string name = {}) : LayerBase(std::move(name)) {}
  Value build(Builder& b, Value x) const override;
};

class FOVEA_API Tanh : public LayerBase<Tanh> {
 public:
  static constexpr std::string_view kKind = "Tanh";
  explicit Tanh(std::string name = {}) : LayerBase(std::move(name)) {}
  Value build(Builder& b, Value x) const override;
};

/// x Phi(x), exact.
class FOVEA_API Gelu : public LayerBase<Gelu> {
 public:
  static constexpr std::string_view kKind = "Gelu";
  explicit Gelu(std::string name = {}) : LayerBase(std::move(name)) {}
  Value build(Builder& b, Value x) const override;
};

/// x sigmoid(x).
class FOVEA_API Silu : public LayerBase<Silu> {
 public:
  static constexpr std::string_view kKind = "Silu";
  explicit Silu(std::string name = {}) : LayerBase(std::move(name)) {}
  Value build(Builder& b, Value x) const override;
};

/// Probabilities over the last axis.
class FOVEA_API Softmax : public LayerBase<Softmax> {
 public:
  static constexpr std::string_view kKind = "Softmax";
  explicit Softmax(std::string name = {}) : LayerBase(std::move(name)) {}
  Value build(Builder& b, Value x) const override;
};

/// Passes its input on, and adds l1 sum |x| + l2 sum x^2, over a batch's samples divided by their
/// number, to the loss.
class FOVEA_API ActivityRegularization : public LayerBase<ActivityRegularization> {
 public:
  static constexpr std::string_view kKind = "ActivityRegularization";
  /// Throws invalid_argument for negative factors.
  explicit ActivityRegularization(Regularizer regularizer, std::string name = {});
  Value build(Builder& b, Value x) const override;

 private:
  Regularizer regularizer_;
};

/// In training, zeroes a share `rate` (in [0, 1)) of the values and scales the others by
/// 1 / (1 - rate); otherwise nothing. Source: Srivastava et al. 2014.
class FOVEA_API Dropout : public LayerBase<Dropout> {
 public:
  static constexpr std::string_view kKind = "Dropout";
  explicit Dropout(double rate, std::string name = {});
  Value build(Builder& b, Value x) const override;

 private:
  double rate_;
};

// ---- Preprocessing; both also take u8 pictures and give floating point ----

/// scale x + offset.
class FOVEA_API Rescaling : public LayerBase<Rescaling> {
 public:
  static constexpr std::string_view kKind = "Rescaling";
  explicit Rescaling(double scale, double offset = 0, std::string name = {})
      : LayerBase(std::move(name)), scale_(scale), offset_(offset) {}
  Value build(Builder& b, Value x) const override;

 private:
  double scale_;
  double offset_;
};

/// (x - mean) / sqrt(variance), each one number per channel or one for all.
class FOVEA_API Normalization : public LayerBase<Normalization> {
 public:
  static constexpr std::string_view kKind = "Normalization";
  Normalization(std::vector<double> mean, std::vector<double> variance, std::string name = {});
  Value build(Builder& b, Value x) const override;

 private:
  std::vector<double> mean_;
  std::vector<double> variance_;
};

}  // namespace fovea
