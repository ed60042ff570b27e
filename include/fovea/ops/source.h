// Where values come from: outside data, parameters, state, constants. These nodes run no kernel.
#pragma once

#include "fovea/graph.h"
#include "fovea/op.h"

namespace fovea::ops {

/// Data bound for each run. () -> (value of the given type).
struct FOVEA_API Input : OpBase<Input> {
  static constexpr std::string_view kName = "input";
  std::string key;  ///< the name to bind by
  Shape shape;
  DType dtype = DType::f32;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("key", self.key);
    visit("shape", self.shape);
    visit("dtype", self.dtype);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

/// A trainable tensor; its path is the node's path. () -> (value).
struct FOVEA_API Parameter : OpBase<Parameter> {
  static constexpr std::string_view kName = "parameter";
  Shape shape;
  DType dtype = DType::f32;
  Initializer initializer;
  double l1 = 0;
  double l2 = 0;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("shape", self.shape);
    visit("dtype", self.dtype);
    visit("initializer", self.initializer);
    visit("l1", self.l1);
    visit("l2", self.l2);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

/// A tensor that lives from run to run; its path is the node's path. () -> (value).
struct FOVEA_API State : OpBase<State> {
  static constexpr std::string_view kName = "state";
  Shape shape;
  DType dtype = DType::f32;
  double initial_value = 0;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("shape", self.shape);
    visit("dtype", self.dtype);
    visit("initial_value", self.initial_value);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

/// A tensor filled with one number, written once when a plan is made. () -> (value).
struct FOVEA_API Constant : OpBase<Constant> {
  static constexpr std::string_view kName = "constant";
  Shape shape;
  DType dtype = DType::f32;
  double value = 0;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("shape", self.shape);
    visit("dtype", self.dtype);
    visit("value", self.value);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
};

}  // namespace fovea::ops
