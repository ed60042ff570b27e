// Pooling over (N, H, W, C) pictures.
#pragma once

#include "fovea/op.h"
#include "fovea/ops/conv.h"

namespace fovea::ops {

struct PoolAttributes {
  Size2 kernel = 2;
  Size2 stride = 2;
  Padding padding;
  friend bool operator==(const PoolAttributes&, const PoolAttributes&) = default;
  template <class Self, class Visitor>
  static void pool_fields(Self& self, Visitor&& visit) {
    visit("kernel", self.kernel);
    visit("stride", self.stride);
    visit("padding", self.padding);
  }
  FOVEA_API WindowGeometry geometry(Size2 input) const;
};

/// (x) -> (y, argmax): the first largest cell of each window (padding never wins) and its index
/// r * kernel.w + s inside the window, u8 where the window has at most 256 cells, else i32.
struct FOVEA_API MaxPool2d : OpBase<MaxPool2d>, PoolAttributes {
  static constexpr std::string_view kName = "max_pool2d";
  static constexpr double kFlopsPerElement = 1;
  MaxPool2d() = default;
  explicit MaxPool2d(const PoolAttributes& attributes) : PoolAttributes(attributes) {}
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    pool_fields(self, visit);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// (x) -> (y, argmin): MaxPool2d with the first smallest cell. MaxPool2dBackward is its backward,
/// too: all that it needs to know is where each window's cell came from.
struct FOVEA_API MinPool2d : OpBase<MinPool2d>, PoolAttributes {
  static constexpr std::string_view kName = "min_pool2d";
  static constexpr double kFlopsPerElement = 1;
  MinPool2d() = default;
  explicit MinPool2d(const PoolAttributes& attributes) : PoolAttributes(attributes) {}
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    pool_fields(self, visit);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// (dy, index of max or min) -> (dx (N, input_size, C)).
struct FOVEA_API MaxPool2dBackward : OpBase<MaxPool2dBackward>, PoolAttributes {
  static constexpr std::string_view kName = "max_pool2d_backward";
  Size2 input_size;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    pool_fields(self, visit);
    visit("input_size", self.input_size);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

/// (x) -> (y): the mean of each window's cells inside the picture (padding is not counted).
struct FOVEA_API AvgPool2d : OpBase<AvgPool2d>, PoolAttributes {
  static constexpr std::string_view kName = "avg_pool2d";
  static constexpr double kFlopsPerElement = 1;
  AvgPool2d() = default;
  explicit AvgPool2d(const PoolAttributes& attributes) : PoolAttributes(attributes) {}
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    pool_fields(self, visit);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// (dy) -> (dx (N, input_size, C)).
struct FOVEA_API AvgPool2dBackward : OpBase<AvgPool2dBackward>, PoolAttributes {
  static constexpr std::string_view kName = "avg_pool2d_backward";
  static constexpr double kFlopsPerElement = 1;
  Size2 input_size;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    pool_fields(self, visit);
    visit("input_size", self.input_size);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

/// (x (N,H,W,C)) -> (y (N,C)): the mean over each picture. (Global max pooling is MaxPool2d with a
/// window of the picture's size.)
struct FOVEA_API GlobalAvgPool : OpBase<GlobalAvgPool> {
  static constexpr std::string_view kName = "global_avg_pool";
  static constexpr double kFlopsPerElement = 1;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// (dy (N,C)) -> (dx (N, input_size, C)).
struct FOVEA_API GlobalAvgPoolBackward : OpBase<GlobalAvgPoolBackward> {
  static constexpr std::string_view kName = "global_avg_pool_backward";
  static constexpr double kFlopsPerElement = 1;
  Size2 input_size;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("input_size", self.input_size);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

}  // namespace fovea::ops
