// Optimizers and learning-rate schedules.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fovea/graph.h"
#include "fovea/json.h"

namespace fovea {

/// The learning rate as a function of the number of updates made so far. Converts from a number.
///
///   Schedule::cosine(0.1, 10 * steps_per_epoch).warm_up(500)
class FOVEA_API Schedule {
 public:
  /// Here and below: throws invalid_argument for rates that are negative or not finite, and for
  /// numbers of steps below 1 (of warm_up: below 0, where 0 means none).
  Schedule(double rate);  // NOLINT(google-explicit-constructor)

  static Schedule constant(double rate) { return Schedule(rate); }
  /// rate * factor^floor(step / every).
  static Schedule step(double rate, std::int64_t every, double factor);
  /// Half a cosine from `rate` to `end` over `steps`, then `end`. Source: Loshchilov, Hutter 2017.
  static Schedule cosine(double rate, std::int64_t steps, double end = 0);
  /// A straight line from `rate` to `end` over `steps`, then `end`.
  static Schedule linear(double rate, std::int64_t steps, double end = 0);
  /// The same schedule, its first `steps` multiplied by (step + 1) / steps.
  Schedule warm_up(std::int64_t steps) const;

  /// `step` counts the updates made so far, from 0.
  double at(std::int64_t step) const;
  /// Whether it is one rate for all steps.
  bool is_constant() const { return kind_ == Kind::constant && warm_up_steps_ == 0; }
  Json to_json() const;
  /// Throws parse for what is not a schedule.
  static Schedule from_json(const Json& json);

 private:
  enum class Kind { constant, step, cosine, linear };

  Kind kind_ = Kind::constant;
  double rate_;
  std::int64_t steps_ = 1;          // until the end, or between two drops
  double end_ = 0;                  // of cosine and linear
  double factor_ = 1;               // of step
  std::int64_t warm_up_steps_ = 0;  // 0: none
};

/// What every optimizer has. Zero means "not used"; at most one of the three ways to clip is.
struct OptimizerOptions {
  double weight_decay = 0;      ///< decoupled: w -= rate * weight_decay * w
  double clip_value = 0;        ///< bounds each element of a gradient
  double clip_norm = 0;         ///< bounds the L2 norm of each parameter's gradient
  double global_clip_norm = 0;  ///< bounds the L2 norm of all gradients together
  /// Keeps a moving average of each trained parameter, a = ema_momentum a + (1 - ema_momentum) w
  /// after each update, which takes the parameter's place where fit() ends: Keras's use_ema.
  double ema_momentum = 0;
};

/// One parameter on its way through the update phase.
struct UpdateTarget {
  std::string path;
  Value parameter;
  Value gradient;
};

/// What the update phase offers to optimizers, all scalars.
struct UpdateScalars {
  Value finite;       ///< i32: 1 when loss and gradients are finite
  Value sum_squares;  ///< f64: of all gradients
  Value rate;         ///< f32
  Value applied;      ///< i64: updates made so far
};

/// Appends update ops to a training step's graph. Derive to add one; its state tensors are named
/// "optimizer.<slot>.<parameter path>" and are saved with the model.
class FOVEA_API Optimizer {
 public:
  /// Throws invalid_argument for options that are negative, not finite, or clip in two ways,
  /// and for an ema_momentum of 1 or more.
  explicit Optimizer(const Schedule& learning_rate, const OptimizerOptions& options = {});
  virtual ~Optimizer();

  /// "adam" and so on.
  virtual std::string_view name() const = 0;
  virtual std::shared_ptr<const Optimizer> clone() const = 0;
  virtual void append_update(Builder& b, const std::vector<UpdateTarget>& targets,
                             const UpdateScalars& scalars) const = 0;
  /// Name, schedule and every hyper-parameter.
  virtual Json to_json() const;

  const Schedule& learning_rate() const { return learning_rate_; }
  void set_learning_rate(const Schedule& schedule) { learning_rate_ = schedule; }
  const OptimizerOptions& options() const { return options_; }

 protected:
  Optimizer(const Optimizer&) = default;
  Optimizer& operator=(const Optimizer&) = default;

 private:
  Schedule learning_rate_;
  OptimizerOptions options_;
};

/// w -= rate g, with momentum v = momentum v - rate g; w += v. Nesterov looks ahead. Throws
/// invalid_argument unless momentum is in [0, 1), and above 0 for Nesterov.
class FOVEA_API Sgd final : public Optimizer {
 public:
  explicit Sgd(const Schedule& learning_rate = 0.01, double momentum = 0, bool nesterov = false,
               const OptimizerOptions& options = {});
  std::string_view name() const override { return "sgd"; }
  std::shared_ptr<const Optimizer> clone() const override;
  void append_update(Builder& b, const std::vector<UpdateTarget>& targets,
                     const UpdateScalars& scalars) const override;
  Json to_json() const override;

 private:
  double momentum_;
  bool nesterov_;
};

/// Source: Kingma, Ba 2015; the defaults are Keras's. Throws invalid_argument unless both betas are
/// in [0, 1) and epsilon is above 0.
class FOVEA_API Adam : public Optimizer {
 public:
  explicit Adam(const Schedule& learning_rate = 0.001, double beta1 = 0.9, double beta2 = 0.999,
                double epsilon = 1e-7, const OptimizerOptions& options = {});
  std::string_view name() const override { return "adam"; }
  std::shared_ptr<const Optimizer> clone() const override;
  void append_update(Builder& b, const std::vector<UpdateTarget>& targets,
                     const UpdateScalars& scalars) const override;
  Json to_json() const override;

 private:
  double beta1_;
  double beta2_;
  double epsilon_;
};

/// Adam with decoupled weight decay, by default Keras's. Throws invalid_argument, besides as Adam,
/// for a weight decay in the options, too. Source: Loshchilov, Hutter 2019.
class FOVEA_API AdamW final : public Adam {
 public:
  explicit AdamW(const Schedule& learning_rate = 0.001, double weight_decay = 0.004,
                 double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-7,
                 const OptimizerOptions& options = {});
  std::string_view name() const override { return "adamw"; }
  std::shared_ptr<const Optimizer> clone() const override;
};

/// The steps of each weight shrink as its squared gradients add up; Keras's defaults. Throws
/// invalid_argument unless epsilon is above 0 and the first sum >= 0.
/// Source: Duchi, Hazan, Singer 2011.
class FOVEA_API Adagrad final : public Optimizer {
 public:
  explicit Adagrad(const Schedule& learning_rate = 0.001, double initial_accumulator_value = 0.1,
                   double epsilon = 1e-7, const OptimizerOptions& options = {});
  std::string_view name() const override { return "adagrad"; }
  std::shared_ptr<const Optimizer> clone() const override;
  void append_update(Builder& b, const std::vector<UpdateTarget>& targets,
                     const UpdateScalars& scalars) const override;
  Json to_json() const override;

 private:
  double initial_accumulator_value_;
  double epsilon_;
};

/// Divides by a moving average of the gradient's size; `centered`, by its moving standard
/// deviation. Keras's defaults. Throws invalid_argument unless rho and momentum are in [0, 1) and
/// epsilon is above 0. Source: Tieleman, Hinton 2012.
class FOVEA_API RmsProp final : public Optimizer {
 public:
  explicit RmsProp(const Schedule& learning_rate = 0.001, double rho = 0.9, double momentum = 0,
                   double epsilon = 1e-7, bool centered = false,
                   const OptimizerOptions& options = {});
  std::string_view name() const override { return "rmsprop"; }
  std::shared_ptr<const Optimizer> clone() const override;
  void append_update(Builder& b, const std::vector<UpdateTarget>& targets,
                     const UpdateScalars& scalars) const override;
  Json to_json() const override;

 private:
  double rho_;
  double momentum_;
  double epsilon_;
  bool centered_;
};

/// Adam with the largest gradient of late in place of the root of the second moment; Keras's
/// defaults. Throws as Adam. Source: Kingma, Ba 2015, section 7.1.
class FOVEA_API Adamax final : public Optimizer {
 public:
  explicit Adamax(const Schedule& learning_rate = 0.001, double beta1 = 0.9, double beta2 = 0.999,
                  double epsilon = 1e-7, const OptimizerOptions& options = {});
  std::string_view name() const override { return "adamax"; }
  std::shared_ptr<const Optimizer> clone() const override;
  void append_update(Builder& b, const std::vector<UpdateTarget>& targets,
                     const UpdateScalars& scalars) const override;
  Json to_json() const override;

 private:
  double beta1_;
  double beta2_;
  double epsilon_;
};

/// Adam with Nesterov's momentum; Keras's defaults and schedule of the momentum. Throws as Adam.
/// Source: Dozat 2016.
class FOVEA_API Nadam final : public Optimizer {
 public:
  explicit Nadam(const Schedule& learning_rate = 0.001, double beta1 = 0.9, double beta2 = 0.999,
                 double epsilon = 1e-7, const OptimizerOptions& options = {});
  std::string_view name() const override { return "nadam"; }
  std::shared_ptr<const Optimizer> clone() const override;
  void append_update(Builder& b, const std::vector<UpdateTarget>& targets,
                     const UpdateScalars& scalars) const override;
  Json to_json() const override;

 private:
  double beta1_;
  double beta2_;
  double epsilon_;
};

/// An optimizer by name with its defaults: "sgd", "momentum" and "nesterov" (both sgd with momentum
/// 0.9), "adam", "adamw", "adagrad", "rmsprop", "adamax", "nadam". Throws invalid_argument for an
/// unknown name, listing the valid ones.
FOVEA_API std::shared_ptr<const Optimizer> make_optimizer(const std::string& name);
/// As before, at this rate.
FOVEA_API std::shared_ptr<const Optimizer> make_optimizer(const std::string& name,
                                                          const Schedule& learning_rate);
FOVEA_API std::vector<std::string> optimizer_names();
/// The inverse of to_json, for the library's own optimizers. Throws parse.
FOVEA_API std::shared_ptr<const Optimizer> optimizer_from_json(const Json& json);

/// Any optimizer, for options: an object or a name.
class FOVEA_API AnyOptimizer {
 public:
  AnyOptimizer() = default;
  template <std::derived_from<Optimizer> T>
  AnyOptimizer(const T& optimizer) : pointer_(optimizer.clone()) {}  // NOLINT
  AnyOptimizer(std::shared_ptr<const Optimizer> pointer)             // NOLINT
      : pointer_(std::move(pointer)) {}
  AnyOptimizer(const char* name) : pointer_(make_optimizer(name)) {}  // NOLINT
  const std::shared_ptr<const Optimizer>& pointer() const { return pointer_; }

 private:
  std::shared_ptr<const Optimizer> pointer_;
};

}  // namespace fovea
