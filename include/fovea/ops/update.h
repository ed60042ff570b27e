// The update phase: everything that a step writes for good. Each op here overwrites the inputs that
// its effects() names, and all but AdvanceStep do so only where `finite` is 1, so a step with a NaN
// or an infinity in it changes nothing.
#pragma once

#include "fovea/op.h"

namespace fovea::ops {

/// The first node of a training step: attempted += 1; rate = table[applied - table_start], clamped
/// to the table. (attempted i64 (), applied i64 (), table f32 (K,), table_start i64 (), rate f32
/// ())
/// -> (). Overwrites attempted and rate.
struct FOVEA_API AdvanceStep : OpBase<AdvanceStep> {
  static constexpr std::string_view kName = "advance_step";
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<int> effects() const override { return {0, 4}; }
};

/// (loss (), g0, g1, ...) -> (sum of squares of all gradients f64 (), finite i32 ()).
/// Deterministic: the order of the sum depends on the shapes alone.
struct FOVEA_API GradientCheck : OpBase<GradientCheck> {
  static constexpr std::string_view kName = "gradient_check";
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

/// Holds training at the first step that is not finite, so that the host may look later: go =
/// finite while held_at is 0, else 0; a step that is not finite sets held_at = attempted. (held_at
/// i64 (), attempted i64 (), finite i32 ()) -> (go i32 ()). Overwrites held_at.
struct FOVEA_API HoldStep : OpBase<HoldStep> {
  static constexpr std::string_view kName = "hold_step";
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<int> effects() const override { return {0}; }
};

/// applied += finite. (applied i64 (), finite) -> (). Overwrites applied; the last node of a step.
struct FOVEA_API CommitStep : OpBase<CommitStep> {
  static constexpr std::string_view kName = "commit_step";
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<int> effects() const override { return {0}; }
};

/// average = momentum average + (1 - momentum) value, for many at once; with `counted` average =
/// value while count is 0. Inputs: finite, then average and value of each, all floating of one
/// type, then with `counted` count i64 (). -> (). Overwrites every average.
struct FOVEA_API UpdateAverages : OpBase<UpdateAverages> {
  static constexpr std::string_view kName = "update_averages";
  double momentum = 0.99;
  std::int64_t averages = 1;  ///< how many
  bool counted = false;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("momentum", self.momentum);
    visit("averages", self.averages);
    visit("counted", self.counted);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
  std::vector<int> effects() const override;
};

/// sum += sum of values, count += number of values. (sum f64 (), count f64 (), values (N,), finite)
/// -> ().
struct FOVEA_API AccumulateMetric : OpBase<AccumulateMetric> {
  static constexpr std::string_view kName = "accumulate_metric";
  static constexpr double kFlopsPerElement = 1;
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<int> effects() const override { return {0, 1}; }
};

/// sum = sum + value, or 0 with `clear`, for many at once: gradients of several batches. Inputs:
/// finite, then sum and value of each, or with `clear` the sums alone, all floating of one type.
/// -> (). Overwrites every sum.
struct FOVEA_API AccumulateGradient : OpBase<AccumulateGradient> {
  static constexpr std::string_view kName = "accumulate_gradient";
  std::int64_t gradients = 1;  ///< how many
  bool clear = false;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("gradients", self.gradients);
    visit("clear", self.clear);
  }
  /// Inputs for each gradient.
  int stride() const { return clear ? 1 : 2; }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
  std::vector<int> effects() const override;
};

/// (sum + value) factor, for many at once: what an update averages of several batches. Inputs: sum
/// and value of each, all floating of one type. -> a result for each.
struct FOVEA_API AverageGradients : OpBase<AverageGradients> {
  static constexpr std::string_view kName = "average_gradients";
  double factor = 1;  ///< 1 / batches
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("factor", self.factor);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

/// What all optimizers share. Order, as Keras: clip, decay (w -= rate weight_decay w), update.
/// Zero means "not used".
struct UpdateAttributes {
  double weight_decay = 0;      ///< decoupled
  double clip_value = 0;        ///< each gradient element into [-clip_value, clip_value]
  double clip_norm = 0;         ///< each parameter's gradient to at most this L2 norm
  double global_clip_norm = 0;  ///< all gradients together to at most this L2 norm
  template <class Self, class Visitor>
  static void update_fields(Self& self, Visitor&& visit) {
    visit("weight_decay", self.weight_decay);
    visit("clip_value", self.clip_value);
    visit("clip_norm", self.clip_norm);
    visit("global_clip_norm", self.global_clip_norm);
  }
};

/// momentum 0: w -= rate g. Else v = momentum v - rate g; w += v, or with nesterov
/// w += momentum v - rate g. Inputs: finite, sum_squares, rate, applied, then for each parameter
/// w, g and, with momentum, v. -> (). Overwrites every w and v.
struct FOVEA_API SgdUpdate : OpBase<SgdUpdate>, UpdateAttributes {
  static constexpr std::string_view kName = "sgd_update";
  double momentum = 0;
  bool nesterov = false;
  std::int64_t parameters = 0;  ///< how many
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    update_fields(self, visit);
    visit("momentum", self.momentum);
    visit("nesterov", self.nesterov);
    visit("parameters", self.parameters);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
  std::vector<int> effects() const override;
};

/// t = applied + 1; m += (g - m)(1 - beta1); v += (g^2 - v)(1 - beta2);
/// w -= rate sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon).
/// Inputs: finite, sum_squares, rate, applied, then for each parameter w, g, m, v. -> ().
/// Source: Kingma, Ba 2015, as Keras computes it; with weight_decay, Loshchilov, Hutter 2019.
struct FOVEA_API AdamUpdate : OpBase<AdamUpdate>, UpdateAttributes {
  static constexpr std::string_view kName = "adam_update";
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-7;
  std::int64_t parameters = 0;  ///< how many
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    update_fields(self, visit);
    visit("beta1", self.beta1);
    visit("beta2", self.beta2);
    visit("epsilon", self.epsilon);
    visit("parameters", self.parameters);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
  std::vector<int> effects() const override;
};

/// s += g^2; w -= rate g / sqrt(s + epsilon). Inputs: as above, for each parameter w, g, s. -> ().
/// Source: Duchi, Hazan, Singer 2011, as Keras computes it.
struct FOVEA_API AdagradUpdate : OpBase<AdagradUpdate>, UpdateAttributes {
  static constexpr std::string_view kName = "adagrad_update";
  double epsilon = 1e-7;
  std::int64_t parameters = 0;  ///< how many
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    update_fields(self, visit);
    visit("epsilon", self.epsilon);
    visit("parameters", self.parameters);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<int> effects() const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

/// v = rho v + (1 - rho) g^2, and, centered, a = rho a + (1 - rho) g, d = v - a^2, else d = v;
/// step = rate g / sqrt(d + epsilon); with momentum m = momentum m + step, w -= m, else w -= step.
/// Inputs: as above, for each parameter w, g, v, then a if centered, then m with momentum. -> ().
/// Source: Tieleman, Hinton 2012, as Keras computes it.
struct FOVEA_API RmsPropUpdate : OpBase<RmsPropUpdate>, UpdateAttributes {
  static constexpr std::string_view kName = "rmsprop_update";
  double rho = 0.9;
  double momentum = 0;
  double epsilon = 1e-7;
  bool centered = false;
  std::int64_t parameters = 0;  ///< how many
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    update_fields(self, visit);
    visit("rho", self.rho);
    visit("momentum", self.momentum);
    visit("epsilon", self.epsilon);
    visit("centered", self.centered);
    visit("parameters", self.parameters);
  }
  /// State tensors for each parameter.
  int states() const { return 1 + (centered ? 1 : 0) + (momentum > 0 ? 1 : 0); }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<int> effects() const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

/// t = applied + 1; m += (g - m)(1 - beta1); u = max(beta2 u, |g|);
/// w -= rate / (1 - beta1^t) m / (u + epsilon).
/// Inputs: as above, for each parameter w, g, m, u. -> (). Source: Kingma, Ba 2015, section 7.1.
struct FOVEA_API AdamaxUpdate : OpBase<AdamaxUpdate>, UpdateAttributes {
  static constexpr std::string_view kName = "adamax_update";
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-7;
  std::int64_t parameters = 0;  ///< how many
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    update_fields(self, visit);
    visit("beta1", self.beta1);
    visit("beta2", self.beta2);
    visit("epsilon", self.epsilon);
    visit("parameters", self.parameters);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<int> effects() const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

/// t = applied + 1; k(i) = beta1 (1 - 0.96^i / 2); K(t) = k(1) ... k(t);
/// m += (g - m)(1 - beta1); v += (g^2 - v)(1 - beta2);
/// n = k(t + 1) m / (1 - K(t + 1)) + (1 - k(t)) g / (1 - K(t));
/// w -= rate n / (sqrt(v / (1 - beta2^t)) + epsilon).
/// Inputs: as above, for each parameter w, g, m, v. -> (). Source: Dozat 2016, as Keras computes
/// it.
struct FOVEA_API NadamUpdate : OpBase<NadamUpdate>, UpdateAttributes {
  static constexpr std::string_view kName = "nadam_update";
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-7;
  std::int64_t parameters = 0;  ///< how many
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    update_fields(self, visit);
    visit("beta1", self.beta1);
    visit("beta2", self.beta2);
    visit("epsilon", self.epsilon);
    visit("parameters", self.parameters);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override;
  std::vector<int> effects() const override;
  double flops(std::span<const ValueType>, std::span<const ValueType>) const override;
};

}  // namespace fovea::ops
