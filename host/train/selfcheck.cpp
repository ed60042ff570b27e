#include "fovea/selfcheck.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>

#include "fovea/detail/philox.h"
#include "fovea/ops/source.h"
#include "host/graph/passes.h"
#include "host/graph/run_op.h"
#include "host/train/model_impl.h"

namespace fovea {
namespace {

constexpr double kKernelTolerance = 1e-4;      // of f32
constexpr double kGradientTolerance = 1e-5;    // of differences in f64
constexpr double kPredictionTolerance = 1e-4;  // f32 beside f64
constexpr double kDifference = 1e-6;           // the step of a difference

double uniform(std::uint64_t stream, std::int64_t index) {
  return detail::uniform01(
      detail::philox4x32(stream, 1, static_cast<std::uint64_t>(index)).word[0]);
}

/// Labels, or for each sample numbers that add up to 1.
Tensor random_target(const ValueType& type, const OutputSpec& output) {
  Tensor y = Tensor::zeros(type.shape, is_floating(type.dtype) ? DType::f32 : type.dtype);
  const std::int64_t classes =
      std::max<std::int64_t>(2, output.shape.rank() > 0 ? output.shape.c() : 1);
  const std::int64_t columns = type.shape.rank() > 1 ? type.shape.c() : 1;
  for (std::int64_t i = 0; i < y.numel(); ++i) {
    const double value = uniform(2, i);
    if (y.dtype() == DType::i32) {
      y.data<std::int32_t>()[i] = static_cast<std::int32_t>(value * static_cast<double>(classes));
    } else if (y.dtype() == DType::f32) {
      y.data<float>()[i] = static_cast<float>(value);
    }
  }
  if (y.dtype() != DType::f32 || columns < 2) return y;
  for (std::int64_t row = 0; row < y.numel() / columns; ++row) {
    float* values = y.data<float>() + row * columns;
    float sum = 0;
    for (std::int64_t c = 0; c < columns; ++c) sum += values[c];
    for (std::int64_t c = 0; c < columns; ++c) values[c] /= sum;
  }
  return y;
}

/// What is checked with: the data, and models with the checked one's weights.
class Checker {
 public:
  Checker(const Model& model, const Model::Impl& impl, const SelfCheckOptions& options)
      : model_(model), impl_(impl), options_(options) {
    const Network& network = impl.network;
    FOVEA_REQUIRE(options.batch_size >= 1, invalid_argument, "the batch size is at least 1, not ",
                  options.batch_size);
    data_.inputs = options.inputs;
    for (std::size_t i = 0; i < network.inputs().size() && options.inputs.empty(); ++i) {
      data_.inputs.push_back(random_batch(impl.example_input(i, options.batch_size)));
    }
    check_arrays(network, data_, false);
    if (!impl.compiled) return;
    data_.targets = options.targets;
    const std::int64_t rows = data_.inputs[0].shape()[0];
    for (std::size_t o = 0; o < network.outputs().size() && options.targets.empty(); ++o) {
      data_.targets.push_back(random_target(impl.example_target(o, rows), network.outputs()[o]));
    }
    check_arrays(network, data_, true);
  }

  const Arrays& data() const { return data_; }

  /// A model with the same weights and settings.
  Model copy(const std::string& device, const std::string& precision, DType dtype) const {
    ModelOptions options = impl_.options;
    options.device = device;
    options.precision = precision;
    options.autotune = false;
    if (options_.threads != 0) options.threads = options_.threads;
    Model copy(impl_.network, options);
    for (const std::string& path : model_.weight_paths()) {
      copy.set_weight(path, model_.weight(path).to(dtype));
    }
    if (impl_.compiled) copy.compile(*impl_.compiled);
    for (const std::string& layer : impl_.frozen_layers) copy.freeze(layer);
    return copy;
  }

 private:
  const Model& model_;
  const Model::Impl& impl_;
  const SelfCheckOptions& options_;
  Arrays data_;
};

/// Walks through a step's graph, giving every node to the CPU's reference and, with the same
/// inputs, to every candidate of a device.
class KernelChecks {
 public:
  KernelChecks(const Plan& plan, const Variables& variables, std::map<std::string, Tensor> inputs)
      : graph_(plan.graph()),
        plan_(plan),
        variables_(variables),
        inputs_(std::move(inputs)),
        values_(static_cast<std::size_t>(graph_.value_count())) {}

  std::vector<KernelCheck> run() {
    for (const Node& node : graph_.nodes()) {
      if (node.inputs.empty()) {
        value(node.outputs.front()) = source(node);
      } else {
        check(node);
      }
    }
    return std::move(checks_);
  }

 private:
  Tensor& value(Value v) { return values_[static_cast<std::size_t>(v.id)]; }

  Tensor source(const Node& node) {
    const std::string_view op = node.op->name();
    if (op == ops::Input::kName) {
      return inputs_.at(static_cast<const ops::Input&>(*node.op).key);
    }
    if (op == ops::Constant::kName) {
      const auto& constant = static_cast<const ops::Constant&>(*node.op);
      return Tensor::full(constant.shape, constant.value, constant.dtype);
    }
    return variables_.read(node.path);
  }

  void check(const Node& node) {
    std::vector<Tensor> inputs;
    std::string what = std::string(node.op->name()) + node.op->attributes().to_string();
    for (Value input : node.inputs) {
      inputs.push_back(value(input));
      what += " " + to_string(graph_.type(input));
    }
    const std::vector<Tensor> expected = run_reference(node.op, inputs);
    if (seen_.insert(what).second) {
      for (const std::string& candidate : candidates_of(node.op->name(), *plan_.device())) {
        compare(node, inputs, expected, candidate);
      }
    }
    for (std::size_t o = 0; o < node.outputs.size(); ++o) value(node.outputs[o]) = expected[o];
    const std::vector<int> effects = node.op->effects();
    for (std::size_t e = 0; e < effects.size(); ++e) {
      value(node.inputs[static_cast<std::size_t>(effects[e])]) = expected[node.outputs.size() + e];
    }
  }

  void compare(const Node& node, const std::vector<Tensor>& inputs,
               const std::vector<Tensor>& expected, const std::string& candidate) {
    const Device& device = *plan_.device();
    if (decline_reason(node.op, inputs, candidate, device)) return;
    if (device.name() == "cpu" && candidate == "reference" && !is_fused(node.op, inputs)) return;
    KernelCheck check{node.path, std::string(node.op->name()), candidate, 0, kKernelTolerance};
    RunOptions options;
    options.device = plan_.device();
    options.candidate = candidate;
    options.threads = plan_.options().threads;
    try {
      const std::vector<Tensor> results = run_op(node.op, inputs, options);
      for (std::size_t i = 0; i < results.size(); ++i) {
        check.error = std::max(check.error, relative_error(results[i], expected[i]));
      }
    } catch (const Error& error) {
      if (error.code() == ErrorCode::device_lost) throw;
      check.problem = error.what();
    }
    checks_.push_back(std::move(check));
  }

  const Graph& graph_;
  const Plan& plan_;
  const Variables& variables_;
  std::map<std::string, Tensor> inputs_;
  std::vector<Tensor> values_;
  std::set<std::string> seen_;
  std::vector<KernelCheck> checks_;
};

double norm(const Tensor& x) {
  double sum = 0;
  for (double value : x.span<double>()) sum += value * value;
  return std::sqrt(sum);
}

/// Half along the gradient, half at random: so that the derivative is not small, and every element
/// counts.
Tensor direction_for(const Tensor& gradient) {
  Tensor random(gradient.shape(), DType::f64);
  for (std::int64_t i = 0; i < random.numel(); ++i) {
    random.data<double>()[i] = uniform(3, i) - 0.5;
  }
  const double gradient_norm = norm(gradient);
  const double random_norm = norm(random);
  for (std::int64_t i = 0; i < random.numel(); ++i) {
    double& value = random.data<double>()[i];
    value /= random_norm > 0 ? random_norm : 1;
    if (gradient_norm > 0) value += gradient.data<double>()[i] / gradient_norm;
  }
  return random;
}

GradientCheck check_gradient(Model& oracle, const Arrays& data, const std::string& path,
                             const Tensor& gradient) {
  const Tensor weight = oracle.weight(path);
  const Tensor direction = direction_for(gradient);
  const auto loss_at = [&](double step) {
    Tensor moved = weight.clone();
    for (std::int64_t i = 0; i < moved.numel(); ++i) {
      moved.data<double>()[i] += step * direction.data<double>()[i];
    }
    oracle.set_weight(path, moved);
    return oracle.gradients(data.inputs, data.targets).loss;
  };
  GradientCheck check{path};
  check.numeric = (loss_at(kDifference) - loss_at(-kDifference)) / (2 * kDifference);
  oracle.set_weight(path, weight);
  for (std::int64_t i = 0; i < gradient.numel(); ++i) {
    check.analytic += gradient.data<double>()[i] * direction.data<double>()[i];
  }
  // A difference of losses has 16 digits less those of the step.
  check.tolerance = kGradientTolerance * (std::abs(check.analytic) + norm(gradient)) + 1e-9;
  return check;
}

std::vector<GradientCheck> check_gradients(Model& oracle, const Arrays& data, int most) {
  const Model::Gradients gradients = oracle.gradients(data.inputs, data.targets);
  std::vector<GradientCheck> checks;
  const auto count = static_cast<int>(gradients.parameters.size());
  int index = 0;
  int taken = 0;
  for (const auto& [path, gradient] : gradients.parameters) {
    // Spread evenly: the next is due when its share of the way is reached.
    if (index++ * std::min(most, count) < taken * count) continue;
    ++taken;
    checks.push_back(check_gradient(oracle, data, path, gradient));
  }
  return checks;
}

}  // namespace

SelfCheckReport selfcheck(const Model& model, const std::string& device,
                          const SelfCheckOptions& options) {
  return model.impl_->selfcheck(model, device, options);
}

SelfCheckReport Model::Impl::selfcheck(const Model& model, const std::string& wanted,
                                       const SelfCheckOptions& settings) const {
  const Checker checker(model, *this, settings);
  Model subject = checker.copy(wanted.empty() ? options.device : wanted, "f32", DType::f32);
  Model oracle = checker.copy("cpu", "f64", DType::f64);
  Impl& impl = *subject.impl_;
  SelfCheckReport report;
  report.device = impl.device->name();

  const Arrays& data = checker.data();
  const std::vector<Tensor> expected = oracle.predict_all(data.inputs);
  const std::vector<Tensor> predicted = subject.predict_all(data.inputs);
  report.prediction_tolerance = kPredictionTolerance;
  for (std::size_t o = 0; o < expected.size(); ++o) {
    report.prediction_error =
        std::max(report.prediction_error, relative_error(predicted[o], expected[o]));
  }

  std::vector<Tensor> x;
  std::vector<Tensor> y;
  impl.prepare(data.inputs, data.targets, x, y);
  const StepMode mode = compiled ? StepMode::train : StepMode::predict;
  const auto plan = impl.plan(impl.spec(mode, x, y));
  if (compiled) impl.refresh_rates();
  std::map<std::string, Tensor> bound;
  for (std::size_t i = 0; i < x.size(); ++i) bound[network.inputs()[i].name] = x[i];
  for (std::size_t o = 0; o < y.size(); ++o) bound["target:" + network.outputs()[o].name] = y[o];
  report.kernels = KernelChecks(*plan, *impl.variables, std::move(bound)).run();
  if (compiled) report.gradients = check_gradients(oracle, data, settings.gradients);
  return report;
}

bool GradientCheck::passed() const { return std::abs(analytic - numeric) <= tolerance; }

bool SelfCheckReport::passed() const {
  const auto ok = [](const auto& check) { return check.passed(); };
  return std::all_of(kernels.begin(), kernels.end(), ok) &&
         std::all_of(gradients.begin(), gradients.end(), ok) &&
         prediction_error <= prediction_tolerance;
}

std::string SelfCheckReport::str() const {
  std::string text;
  const auto line = [&](bool passed, const std::string& what, const char* format, double a,
                        double b) {
    char numbers[96];
    std::snprintf(numbers, sizeof numbers, format, a, b);
    text += (passed ? "  ok      " : "  FAILED  ") + what + ": " + numbers + "\n";
  };
  text += detail::concat("Kernels of ", device, " beside the CPU's reference:\n");
  for (const KernelCheck& check : kernels) {
    const std::string what = check.path + ", " + check.op + " [" + check.candidate + "]";
    if (!check.problem.empty()) {
      text += "  FAILED  " + what + ": " + check.problem + "\n";
    } else {
      line(check.passed(), what, "relative error %.1e of %.0e", check.error, check.tolerance);
    }
  }
  if (!gradients.empty()) text += "Gradients by backpropagation and by differences, in f64:\n";
  for (const GradientCheck& check : gradients) {
    line(check.passed(), check.path, "%.9g and %.9g", check.analytic, check.numeric);
  }
  text += "Predictions beside the CPU's in f64:\n";
  line(prediction_error <= prediction_tolerance, "all outputs", "relative error %.1e of %.0e",
       prediction_error, prediction_tolerance);
  return text + (passed() ? "All passed.\n" : "Something FAILED.\n");
}

}  // namespace fovea
