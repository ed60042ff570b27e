// selfcheck(): does the library compute rightly here, for this model, at its own shapes?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fovea/model.h"

namespace fovea {

struct SelfCheckOptions {
  std::int64_t batch_size = 2;    ///< of random data, where no data are given
  std::vector<Tensor> inputs{};   ///< a batch for each input, in the network's order
  std::vector<Tensor> targets{};  ///< likewise for each output, where the model is compiled
  int gradients = 8;              ///< parameters whose gradients are checked, spread over the model
  int threads = 0;                ///< 0: the model's
};

/// A kernel beside the CPU's reference, on the values that the model's own step gives it.
struct KernelCheck {
  std::string path;  ///< of the first node that is computed so
  std::string op;
  std::string candidate;
  double error = 0;  ///< |d| / |reference|, of the worst output
  double tolerance = 0;
  std::string problem{};  ///< what went wrong, where it could not be run
  bool passed() const { return problem.empty() && error <= tolerance; }
};

/// The derivative of the loss along a random direction of one parameter, in f64 on the CPU: by
/// backpropagation, and by central differences.
struct FOVEA_API GradientCheck {
  std::string path;
  double analytic = 0;
  double numeric = 0;
  double tolerance = 0;  ///< of the difference
  bool passed() const;
};

struct FOVEA_API SelfCheckReport {
  std::string device;
  std::vector<KernelCheck> kernels;
  std::vector<GradientCheck> gradients;
  /// |d| / |f64 prediction| of the model's predictions on the device, the worst output's.
  double prediction_error = 0;
  double prediction_tolerance = 0;

  bool passed() const;
  /// For people: what was checked, and what failed.
  std::string str() const;
};

/// Runs every node of the model's training step (of its prediction, before compile()), in f32, by
/// every candidate of the device that accepts it, and compares with the CPU's reference; checks
/// gradients; and compares the whole prediction with one in f64. The model stays as it is. `device`
/// as in ModelOptions; empty: the model's own. Takes as long as some hundred steps of the
/// reference, which is slow. Throws as Model's constructor for a device that cannot be had, and as
/// fit() for data that do not fit.
FOVEA_API SelfCheckReport selfcheck(const Model& model, const std::string& device = {},
                                    const SelfCheckOptions& options = {});

}  // namespace fovea
