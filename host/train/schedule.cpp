// Learning rates over time: one small formula per kind, and their JSON.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "fovea/optimizer.h"

namespace fovea {
namespace {

constexpr const char* kKindNames[] = {"constant", "step", "cosine", "linear"};

void require_rate(double rate, const char* what) {
  FOVEA_REQUIRE(std::isfinite(rate) && rate >= 0, invalid_argument, what,
                " is a finite number >= 0, not ", rate);
}

void require_steps(std::int64_t steps, std::int64_t least, const char* what) {
  FOVEA_REQUIRE(steps >= least, invalid_argument, what, " takes at least ", least,
                least == 1 ? " step" : " steps", ", not ", steps);
}

}  // namespace

Schedule::Schedule(double rate) : rate_(rate) { require_rate(rate, "a learning rate"); }

Schedule Schedule::step(double rate, std::int64_t every, double factor) {
  Schedule schedule(rate);
  require_steps(every, 1, "the time between two drops of a learning rate");
  require_rate(factor, "the factor of a step schedule");
  schedule.kind_ = Kind::step;
  schedule.steps_ = every;
  schedule.factor_ = factor;
  return schedule;
}

Schedule Schedule::cosine(double rate, std::int64_t steps, double end) {
  Schedule schedule = linear(rate, steps, end);
  schedule.kind_ = Kind::cosine;
  return schedule;
}

Schedule Schedule::linear(double rate, std::int64_t steps, double end) {
  Schedule schedule(rate);
  require_steps(steps, 1, "the way from one learning rate to another");
  require_rate(end, "the learning rate at the end");
  schedule.kind_ = Kind::linear;
  schedule.steps_ = steps;
  schedule.end_ = end;
  return schedule;
}

Schedule Schedule::warm_up(std::int64_t steps) const {
  require_steps(steps, 0, "the warm-up of a learning rate");
  Schedule schedule = *this;
  schedule.warm_up_steps_ = steps;
  return schedule;
}

double Schedule::at(std::int64_t step) const {
  step = std::max<std::int64_t>(step, 0);
  double rate = rate_;
  const double way = static_cast<double>(std::min(step, steps_)) / static_cast<double>(steps_);
  switch (kind_) {
    case Kind::constant:
      break;
    case Kind::step: {
      const std::int64_t drops = step / steps_;
      rate *= std::pow(factor_, static_cast<double>(drops));
      break;
    }
    case Kind::cosine:
      rate = end_ + (rate_ - end_) * 0.5 * (1 + std::cos(std::numbers::pi * way));
      break;
    case Kind::linear:
      rate = rate_ + (end_ - rate_) * way;
      break;
  }
  if (step < warm_up_steps_) {
    rate *= static_cast<double>(step + 1) / static_cast<double>(warm_up_steps_);
  }
  return rate;
}

Json Schedule::to_json() const {
  Json json = Json::object();
  json.set("kind", kKindNames[static_cast<std::size_t>(kind_)]);
  json.set("rate", rate_);
  if (kind_ != Kind::constant) json.set("steps", steps_);
  if (kind_ == Kind::step) json.set("factor", factor_);
  if (kind_ == Kind::cosine || kind_ == Kind::linear) json.set("end", end_);
  if (warm_up_steps_ > 0) json.set("warm_up_steps", warm_up_steps_);
  return json;
}

Schedule Schedule::from_json(const Json& json) {
  const auto read = [&json](const std::string& kind) {
    const double rate = json.at("rate").as_double();
    if (kind == "constant") return constant(rate);
    const std::int64_t steps = json.at("steps").as_int();
    if (kind == "step") return step(rate, steps, json.at("factor").as_double());
    if (kind == "cosine") return cosine(rate, steps, json.at("end").as_double());
    if (kind == "linear") return linear(rate, steps, json.at("end").as_double());
    fail(ErrorCode::parse, "unknown kind '", kind, "'");
  };
  try {
    const Json* warm_up_steps = json.find("warm_up_steps");
    return read(json.at("kind").as_string())
        .warm_up(warm_up_steps != nullptr ? warm_up_steps->as_int() : 0);
  } catch (const Error& error) {
    fail(ErrorCode::parse, "not a learning-rate schedule: ", error.what());
  }
}

}  // namespace fovea
