// Optimizers and learning-rate schedules.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/graph.h"
#include "fovea/json.h"

namespace fovea {

/// The learning rate as a function of the number of updates made so far. Converts from a number.
///
///   Schedule::cosine(0.1, 10 * steps_per_epoch).warm_up(500)
class FOVEA_API Schedule {
 public:
  Schedule(double rate) : rate_(rate) {}  // NOLINT(google-explicit-constructor)

  static Schedule constant(double rate) { return Schedule(rate); }
  /// rate * factor^floor(step / every).
  static Schedule step(double rate, std::int64_t every, double factor);
  /// Half a cosine from `rate` to `end` over `steps`, then `end`. Source: Loshchilov, Hutter 2017.
  static Schedule cosine(double rate, std::int64_t steps, double end = 0);
  /// A straight line from `rate` to `end` over `steps`, then `end`.
  static Schedule linear(double rate, std::int64_t steps, double end = 0);
  /// The same schedule, its first `steps` multiplied by (step + 1) / steps.
  Schedule warm_up(std::int64_t steps) const;

  double at(std::int64_t step) const;
  Json to_json() const;
  /// Throws parse for what is not a schedule.
  static Schedule from_json(const Json& json);

 private:
  enum class Kind { constant, step, cosine, linear };
  friend struct EnumNames<Kind>;

  Kind kind_ = Kind::constant;
  double rate_;
  std::int64_t steps_ = 0;
  double factor_or_end_ = 0;
  std::int64_t warm_up_steps_ = 0;
};

/// What every optimizer has. Zero means "not used".
struct OptimizerOptions {
  double weight_decay = 0;      ///< decoupled: w -= rate * weight_decay * w
  double clip_value = 0;        ///< bounds each element of a gradient
  double clip_norm = 0;         ///< bounds the L2 norm of each parameter's gradient
  double global_clip_norm = 0;  ///< bounds the L2 norm of all gradients together
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
  explicit Optimizer(Schedule learning_rate, const OptimizerOptions& options = {})
      : learning_rate_(std::move(learning_rate)), options_(options) {}
  virtual ~Optimizer();

  /// "adam" and so on.
  virtual std::string_view name() const = 0;
  virtual std::shared_ptr<const Optimizer> clone() const = 0;
  virtual void append_update(Builder& b, const std::vector<UpdateTarget>& targets,
                             const UpdateScalars& scalars) const = 0;
  /// Name, schedule and every hyper-parameter.
  virtual Json to_json() const;

  const Schedule& learning_rate() const { return learning_rate_; }
  void set_learning_rate(Schedule schedule) { learning_rate_ = std::move(schedule); }
  const OptimizerOptions& options() const { return options_; }

 protected:
  Optimizer(const Optimizer&) = default;
  Optimizer& operator=(const Optimizer&) = default;

 private:
  Schedule learning_rate_;
  OptimizerOptions options_;
};

/// w -= rate g, with momentum v = momentum v - rate g; w += v. Nesterov looks ahead.
class FOVEA_API Sgd final : public Optimizer {
 public:
  explicit Sgd(Schedule learning_rate = 0.01, double momentum = 0, bool nesterov = false,
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

/// Source: Kingma, Ba 2015; the defaults are Keras's.
class FOVEA_API Adam : public Optimizer {
 public:
  explicit Adam(Schedule learning_rate = 0.001, double beta1 = 0.9, double beta2 = 0.999,
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

/// Adam with decoupled weight decay, 0.004 unless the options say otherwise, as Keras.
/// Source: Loshchilov, Hutter 2019.
class FOVEA_API AdamW final : public Adam {
 public:
  explicit AdamW(Schedule learning_rate = 0.001, double weight_decay = 0.004, double beta1 = 0.9,
                 double beta2 = 0.999, double epsilon = 1e-7, OptimizerOptions options = {});
  std::string_view name() const override { return "adamw"; }
  std::shared_ptr<const Optimizer> clone() const override;
};

/// An optimizer by name with its defaults ("sgd", "momentum", "nesterov", "adam", "adamw"), at this
/// rate where one is given (> 0). Throws invalid_argument for an unknown name, listing the valid
/// ones.
FOVEA_API std::shared_ptr<const Optimizer> make_optimizer(const std::string& name,
                                                          double learning_rate = 0);
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
