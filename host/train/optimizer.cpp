// Optimizers: each appends one update op over all parameters, with its state beside them.
#include "fovea/optimizer.h"

#include <array>
#include <cmath>
#include <utility>

#include "fovea/names.h"
#include "fovea/ops/update.h"

namespace fovea {
namespace {

void require_option(double value, const char* name) {
  FOVEA_REQUIRE(std::isfinite(value) && value >= 0, invalid_argument, "an optimizer's ", name,
                " is a finite number >= 0, not ", value);
}

void require_epsilon(double epsilon) {
  FOVEA_REQUIRE(std::isfinite(epsilon) && epsilon > 0, invalid_argument,
                "an optimizer's epsilon is a finite number > 0, not ", epsilon);
}

void require_fraction(double value, const char* name) {
  FOVEA_REQUIRE(value >= 0 && value < 1, invalid_argument, "an optimizer's ", name,
                " is in [0, 1), not ", value);
}

/// The update op's inputs: the scalars, then every parameter, its gradient and its state of each
/// slot, which begins as `first_value`.
std::vector<Value> update_inputs(Builder& b, const std::vector<UpdateTarget>& targets,
                                 const UpdateScalars& scalars,
                                 const std::vector<const char*>& slots, double first_value = 0) {
  std::vector<Value> inputs = {scalars.finite, scalars.sum_squares, scalars.rate, scalars.applied};
  for (const UpdateTarget& target : targets) {
    inputs.push_back(target.parameter);
    inputs.push_back(target.gradient);
    for (const char* slot : slots) {
      const std::string path = std::string("optimizer.") + slot + "." + target.path;
      inputs.push_back(b.global_state(path, b.type(target.parameter), first_value));
    }
  }
  return inputs;
}

/// Adds `op` with the options that every optimizer has.
template <class UpdateOp>
void add_update(Builder& b, UpdateOp op, const OptimizerOptions& options,
                std::vector<Value> inputs) {
  op.weight_decay = options.weight_decay;
  op.clip_value = options.clip_value;
  op.clip_norm = options.clip_norm;
  op.global_clip_norm = options.global_clip_norm;
  b.add(std::make_shared<const UpdateOp>(op), std::move(inputs));
}

OptimizerOptions options_from_json(const Json& json) {
  OptimizerOptions options;
  options.weight_decay = json.at("weight_decay").as_double();
  options.clip_value = json.at("clip_value").as_double();
  options.clip_norm = json.at("clip_norm").as_double();
  options.global_clip_norm = json.at("global_clip_norm").as_double();
  options.ema_momentum = json.at("ema_momentum").as_double();
  return options;
}

/// AdamW's weight decay is an argument of its own.
OptimizerOptions with_weight_decay(OptimizerOptions options, double weight_decay) {
  FOVEA_REQUIRE(options.weight_decay == 0, invalid_argument,
                "adamw takes its weight decay as an argument, not in its options");
  options.weight_decay = weight_decay;
  return options;
}

}  // namespace

// ---- What all share ----

Optimizer::Optimizer(const Schedule& learning_rate, const OptimizerOptions& options)
    : learning_rate_(learning_rate), options_(options) {
  require_option(options.weight_decay, "weight_decay");
  require_option(options.clip_value, "clip_value");
  require_option(options.clip_norm, "clip_norm");
  require_option(options.global_clip_norm, "global_clip_norm");
  require_fraction(options.ema_momentum, "ema_momentum");
  const int clips = (options.clip_value > 0 ? 1 : 0) + (options.clip_norm > 0 ? 1 : 0) +
                    (options.global_clip_norm > 0 ? 1 : 0);
  FOVEA_REQUIRE(clips <= 1, invalid_argument,
                "choose one of clip_value, clip_norm and global_clip_norm, not ", clips);
}

Optimizer::~Optimizer() = default;

Json Optimizer::to_json() const {
  Json json = Json::object();
  json.set("name", name());
  json.set("learning_rate", learning_rate_.to_json());
  json.set("weight_decay", options_.weight_decay);
  json.set("clip_value", options_.clip_value);
  json.set("clip_norm", options_.clip_norm);
  json.set("global_clip_norm", options_.global_clip_norm);
  json.set("ema_momentum", options_.ema_momentum);
  return json;
}

// ---- SGD ----

Sgd::Sgd(const Schedule& learning_rate, double momentum, bool nesterov,
         const OptimizerOptions& options)
    : Optimizer(learning_rate, options), momentum_(momentum), nesterov_(nesterov) {
  require_fraction(momentum, "momentum");
  FOVEA_REQUIRE(!nesterov || momentum > 0, invalid_argument,
                "sgd with nesterov needs a momentum above 0, such as 0.9");
}

std::shared_ptr<const Optimizer> Sgd::clone() const { return std::make_shared<const Sgd>(*this); }

void Sgd::append_update(Builder& b, const std::vector<UpdateTarget>& targets,
                        const UpdateScalars& scalars) const {
  ops::SgdUpdate op;
  op.momentum = momentum_;
  op.nesterov = nesterov_;
  op.parameters = static_cast<std::int64_t>(targets.size());
  std::vector<Value> inputs = momentum_ > 0 ? update_inputs(b, targets, scalars, {"momentum"})
                                            : update_inputs(b, targets, scalars, {});
  add_update(b, op, options(), std::move(inputs));
}

Json Sgd::to_json() const {
  Json json = Optimizer::to_json();
  json.set("momentum", momentum_);
  json.set("nesterov", nesterov_);
  return json;
}

// ---- Adam ----

Adam::Adam(const Schedule& learning_rate, double beta1, double beta2, double epsilon,
           const OptimizerOptions& options)
    : Optimizer(learning_rate, options), beta1_(beta1), beta2_(beta2), epsilon_(epsilon) {
  require_fraction(beta1, "beta1");
  require_fraction(beta2, "beta2");
  require_epsilon(epsilon);
}

std::shared_ptr<const Optimizer> Adam::clone() const { return std::make_shared<const Adam>(*this); }

void Adam::append_update(Builder& b, const std::vector<UpdateTarget>& targets,
                         const UpdateScalars& scalars) const {
  ops::AdamUpdate op;
  op.beta1 = beta1_;
  op.beta2 = beta2_;
  op.epsilon = epsilon_;
  op.parameters = static_cast<std::int64_t>(targets.size());
  add_update(b, op, options(), update_inputs(b, targets, scalars, {"m", "v"}));
}

Json Adam::to_json() const {
  Json json = Optimizer::to_json();
  json.set("beta1", beta1_);
  json.set("beta2", beta2_);
  json.set("epsilon", epsilon_);
  return json;
}

AdamW::AdamW(const Schedule& learning_rate, double weight_decay, double beta1, double beta2,
             double epsilon, const OptimizerOptions& options)
    : Adam(learning_rate, beta1, beta2, epsilon, with_weight_decay(options, weight_decay)) {}

std::shared_ptr<const Optimizer> AdamW::clone() const {
  return std::make_shared<const AdamW>(*this);
}

// ---- Adagrad ----

Adagrad::Adagrad(const Schedule& learning_rate, double initial_accumulator_value, double epsilon,
                 const OptimizerOptions& options)
    : Optimizer(learning_rate, options),
      initial_accumulator_value_(initial_accumulator_value),
      epsilon_(epsilon) {
  require_option(initial_accumulator_value, "initial_accumulator_value");
  require_epsilon(epsilon);
}

std::shared_ptr<const Optimizer> Adagrad::clone() const {
  return std::make_shared<const Adagrad>(*this);
}

void Adagrad::append_update(Builder& b, const std::vector<UpdateTarget>& targets,
                            const UpdateScalars& scalars) const {
  ops::AdagradUpdate op;
  op.epsilon = epsilon_;
  op.parameters = static_cast<std::int64_t>(targets.size());
  add_update(b, op, options(),
             update_inputs(b, targets, scalars, {"accumulator"}, initial_accumulator_value_));
}

Json Adagrad::to_json() const {
  Json json = Optimizer::to_json();
  json.set("initial_accumulator_value", initial_accumulator_value_);
  json.set("epsilon", epsilon_);
  return json;
}

// ---- RMSprop ----

RmsProp::RmsProp(const Schedule& learning_rate, double rho, double momentum, double epsilon,
                 bool centered, const OptimizerOptions& options)
    : Optimizer(learning_rate, options),
      rho_(rho),
      momentum_(momentum),
      epsilon_(epsilon),
      centered_(centered) {
  require_fraction(rho, "rho");
  require_fraction(momentum, "momentum");
  require_epsilon(epsilon);
}

std::shared_ptr<const Optimizer> RmsProp::clone() const {
  return std::make_shared<const RmsProp>(*this);
}

void RmsProp::append_update(Builder& b, const std::vector<UpdateTarget>& targets,
                            const UpdateScalars& scalars) const {
  ops::RmsPropUpdate op;
  op.rho = rho_;
  op.momentum = momentum_;
  op.epsilon = epsilon_;
  op.centered = centered_;
  op.parameters = static_cast<std::int64_t>(targets.size());
  std::vector<const char*> slots = {"velocity"};
  if (centered_) slots.push_back("average_gradient");
  if (momentum_ > 0) slots.push_back("momentum");
  add_update(b, op, options(), update_inputs(b, targets, scalars, slots));
}

Json RmsProp::to_json() const {
  Json json = Optimizer::to_json();
  json.set("rho", rho_);
  json.set("momentum", momentum_);
  json.set("epsilon", epsilon_);
  json.set("centered", centered_);
  return json;
}

// ---- Adamax ----

Adamax::Adamax(const Schedule& learning_rate, double beta1, double beta2, double epsilon,
               const OptimizerOptions& options)
    : Optimizer(learning_rate, options), beta1_(beta1), beta2_(beta2), epsilon_(epsilon) {
  require_fraction(beta1, "beta1");
  require_fraction(beta2, "beta2");
  require_epsilon(epsilon);
}

std::shared_ptr<const Optimizer> Adamax::clone() const {
  return std::make_shared<const Adamax>(*this);
}

void Adamax::append_update(Builder& b, const std::vector<UpdateTarget>& targets,
                           const UpdateScalars& scalars) const {
  ops::AdamaxUpdate op;
  op.beta1 = beta1_;
  op.beta2 = beta2_;
  op.epsilon = epsilon_;
  op.parameters = static_cast<std::int64_t>(targets.size());
  add_update(b, op, options(), update_inputs(b, targets, scalars, {"m", "u"}));
}

Json Adamax::to_json() const {
  Json json = Optimizer::to_json();
  json.set("beta1", beta1_);
  json.set("beta2", beta2_);
  json.set("epsilon", epsilon_);
  return json;
}

// ---- Nadam ----

Nadam::Nadam(const Schedule& learning_rate, double beta1, double beta2, double epsilon,
             const OptimizerOptions& options)
    : Optimizer(learning_rate, options), beta1_(beta1), beta2_(beta2), epsilon_(epsilon) {
  require_fraction(beta1, "beta1");
  require_fraction(beta2, "beta2");
  require_epsilon(epsilon);
}

std::shared_ptr<const Optimizer> Nadam::clone() const {
  return std::make_shared<const Nadam>(*this);
}

void Nadam::append_update(Builder& b, const std::vector<UpdateTarget>& targets,
                          const UpdateScalars& scalars) const {
  ops::NadamUpdate op;
  op.beta1 = beta1_;
  op.beta2 = beta2_;
  op.epsilon = epsilon_;
  op.parameters = static_cast<std::int64_t>(targets.size());
  add_update(b, op, options(), update_inputs(b, targets, scalars, {"m", "v"}));
}

Json Nadam::to_json() const {
  Json json = Optimizer::to_json();
  json.set("beta1", beta1_);
  json.set("beta2", beta2_);
  json.set("epsilon", epsilon_);
  return json;
}

// ---- By name: a new optimizer is one line here ----

namespace {

using Pointer = std::shared_ptr<const Optimizer>;

struct Entry {
  const char* name;
  double learning_rate;  ///< unless another is given
  Pointer (*make)(const Schedule& learning_rate);
};

constexpr std::array kOptimizers = {
    Entry{"sgd", 0.01, [](const Schedule& rate) { return Sgd(rate).clone(); }},
    Entry{"momentum", 0.01, [](const Schedule& rate) { return Sgd(rate, 0.9).clone(); }},
    Entry{"nesterov", 0.01, [](const Schedule& rate) { return Sgd(rate, 0.9, true).clone(); }},
    Entry{"adam", 0.001, [](const Schedule& rate) { return Adam(rate).clone(); }},
    Entry{"adamw", 0.001, [](const Schedule& rate) { return AdamW(rate).clone(); }},
    Entry{"adagrad", 0.001, [](const Schedule& rate) { return Adagrad(rate).clone(); }},
    Entry{"rmsprop", 0.001, [](const Schedule& rate) { return RmsProp(rate).clone(); }},
    Entry{"adamax", 0.001, [](const Schedule& rate) { return Adamax(rate).clone(); }},
    Entry{"nadam", 0.001, [](const Schedule& rate) { return Nadam(rate).clone(); }},
};

const Entry& find_optimizer(const std::string& name) {
  for (const Entry& entry : kOptimizers) {
    if (name == entry.name) return entry;
  }
  fail_unknown("optimizer", name, optimizer_names());
}

}  // namespace

std::shared_ptr<const Optimizer> make_optimizer(const std::string& name) {
  const Entry& entry = find_optimizer(name);
  return entry.make(entry.learning_rate);
}

std::shared_ptr<const Optimizer> make_optimizer(const std::string& name,
                                                const Schedule& learning_rate) {
  return find_optimizer(name).make(learning_rate);
}

std::vector<std::string> optimizer_names() {
  std::vector<std::string> names;
  names.reserve(kOptimizers.size());
  for (const Entry& entry : kOptimizers) names.emplace_back(entry.name);
  return names;
}

std::shared_ptr<const Optimizer> optimizer_from_json(const Json& json) {
  const auto number = [&json](const char* key) { return json.at(key).as_double(); };
  try {
    const std::string& name = json.at("name").as_string();
    const Schedule rate = Schedule::from_json(json.at("learning_rate"));
    OptimizerOptions options = options_from_json(json);
    if (name == "sgd") {
      return Sgd(rate, number("momentum"), json.at("nesterov").as_bool(), options).clone();
    }
    if (name == "adam") {
      return Adam(rate, number("beta1"), number("beta2"), number("epsilon"), options).clone();
    }
    if (name == "adamw") {
      const double weight_decay = std::exchange(options.weight_decay, 0);
      return AdamW(rate, weight_decay, number("beta1"), number("beta2"), number("epsilon"), options)
          .clone();
    }
    if (name == "adagrad") {
      return Adagrad(rate, number("initial_accumulator_value"), number("epsilon"), options).clone();
    }
    if (name == "rmsprop") {
      return RmsProp(rate, number("rho"), number("momentum"), number("epsilon"),
                     json.at("centered").as_bool(), options)
          .clone();
    }
    if (name == "adamax") {
      return Adamax(rate, number("beta1"), number("beta2"), number("epsilon"), options).clone();
    }
    if (name == "nadam") {
      return Nadam(rate, number("beta1"), number("beta2"), number("epsilon"), options).clone();
    }
    fail(ErrorCode::parse, "unknown optimizer '", name, "'");
  } catch (const Error& error) {
    fail(ErrorCode::parse, "not an optimizer's description: ", error.what());
  }
}

}  // namespace fovea
