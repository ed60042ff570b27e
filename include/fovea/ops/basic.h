// Arithmetic, shapes, reductions and random masks.
#pragma once

#include "fovea/op.h"

namespace fovea::ops {

/// y = a + b, equal shapes. (a, b) -> (y).
struct FOVEA_API Add : OpBase<Add> {
  static constexpr std::string_view kName = "add";
  static constexpr double kFlopsPerElement = 1;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// y = a b, elementwise, equal shapes. (a, b) -> (y).
struct FOVEA_API Multiply : OpBase<Multiply> {
  static constexpr std::string_view kName = "multiply";
  static constexpr double kFlopsPerElement = 1;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// y = factor x. (x) -> (y).
struct FOVEA_API Scale : OpBase<Scale> {
  static constexpr std::string_view kName = "scale";
  static constexpr double kFlopsPerElement = 1;
  double factor = 1;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("factor", self.factor);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// y = x scale[c] + offset[c] along the last axis (or one number for all), converting u8 pictures
/// to floating point. (x u8 or floating) -> (y dtype).
struct FOVEA_API Rescale : OpBase<Rescale> {
  static constexpr std::string_view kName = "rescale";
  static constexpr double kFlopsPerElement = 2;
  std::vector<double> scale = {1};   ///< one number, or one per channel
  std::vector<double> offset = {0};  ///< as many as `scale`
  DType dtype = DType::f32;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("scale", self.scale);
    visit("offset", self.offset);
    visit("dtype", self.dtype);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// y = x as `dtype`, rounded to the nearest; from f64 to 16 bits it is rounded to f32 first. Its
/// backward pass casts the gradient to x's type. (x floating) -> (y dtype).
struct FOVEA_API Cast : OpBase<Cast> {
  static constexpr std::string_view kName = "cast";
  DType dtype = DType::f32;
  Cast() = default;
  explicit Cast(DType to) : dtype(to) {}
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("dtype", self.dtype);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// Same elements, another shape after the first axis. (x (N, ...)) -> (y (N, tail)). Shares memory.
struct FOVEA_API Reshape : OpBase<Reshape> {
  static constexpr std::string_view kName = "reshape";
  Shape tail;
  Reshape() = default;
  explicit Reshape(Shape shape) : tail(shape) {}
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("tail", self.tail);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// Inputs one after another along an axis >= 1. (x0, x1, ...) -> (y).
struct FOVEA_API Concat : OpBase<Concat> {
  static constexpr std::string_view kName = "concat";
  int axis = 1;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("axis", self.axis);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// Cells [begin, begin + size) along an axis >= 1. (x) -> (y).
struct FOVEA_API Slice : OpBase<Slice> {
  static constexpr std::string_view kName = "slice";
  int axis = 1;
  std::int64_t begin = 0;
  std::int64_t size = 1;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("axis", self.axis);
    visit("begin", self.begin);
    visit("size", self.size);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// Zeros before and after along an axis >= 1. (x) -> (y).
struct FOVEA_API Pad : OpBase<Pad> {
  static constexpr std::string_view kName = "pad";
  int axis = 1;
  std::int64_t before = 0;
  std::int64_t after = 0;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("axis", self.axis);
    visit("before", self.before);
    visit("after", self.after);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// Inverted dropout: y = x mask / (1 - rate), the mask a pure function of (seed, stream, step,
/// element index): element i is kept when uniform01(word i % 4 of philox4x32(mix_key(seed, stream),
/// step, i / 4)) >= rate. (x, seed i64 (), step i64 ()) -> (y). Its backward pass is the same op on
/// dy. A pass removes it where the model is not training.
/// Source: Srivastava et al. 2014.
struct FOVEA_API Dropout : OpBase<Dropout> {
  static constexpr std::string_view kName = "dropout";
  static constexpr double kFlopsPerElement = 1;
  double rate = 0.5;
  std::uint64_t stream = 0;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("rate", self.rate);
    visit("stream", self.stream);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// The mean of all elements. (x) -> (y ()).
struct FOVEA_API Mean : OpBase<Mean> {
  static constexpr std::string_view kName = "mean";
  static constexpr double kFlopsPerElement = 1;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// Every element the scalar times a factor: the backward pass of Mean and of sums. (s ()) -> (y).
/// `shape` includes the first axis.
struct FOVEA_API Broadcast : OpBase<Broadcast> {
  static constexpr std::string_view kName = "broadcast";
  Shape shape;
  double factor = 1;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("shape", self.shape);
    visit("factor", self.factor);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

/// l1 sum |w| + l2 sum w^2. (w) -> (penalty ()).
struct FOVEA_API WeightPenalty : OpBase<WeightPenalty> {
  static constexpr std::string_view kName = "weight_penalty";
  static constexpr double kFlopsPerElement = 3;
  double l1 = 0;
  double l2 = 0;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("l1", self.l1);
    visit("l2", self.l2);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<Value> backward(const BackwardContext& context) const override;
};

/// dw = dy (l1 sign(w) + 2 l2 w). (dy (), w) -> (dw).
struct FOVEA_API WeightPenaltyBackward : OpBase<WeightPenaltyBackward> {
  static constexpr std::string_view kName = "weight_penalty_backward";
  static constexpr double kFlopsPerElement = 3;
  double l1 = 0;
  double l2 = 0;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("l1", self.l1);
    visit("l2", self.l2);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

/// Copies a value into another layout. Inserted by the layout pass; (x) -> (y).
struct FOVEA_API Reorder : OpBase<Reorder> {
  static constexpr std::string_view kName = "reorder";
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

}  // namespace fovea::ops
