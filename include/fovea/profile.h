// Profile: where the time of a model's step goes, kernel by kernel.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "fovea/op.h"

namespace fovea {

/// The most that a machine does; 0 where that is not known.
struct PeakRates {
  double bytes_per_second = 0;
  double flops_per_second = 0;  ///< of matrix products in the model's precision
};

/// A kernel's time, or several kernels', and the work done in it.
struct FOVEA_API ProfileCost {
  int kernels = 0;
  double milliseconds = 0;
  std::int64_t bytes = 0;  ///< that have to be read and written at least
  double flops = 0;        ///< see Op::flops

  ProfileCost& operator+=(const ProfileCost& other);
  /// The time that this would take at the peaks, memory or arithmetic, whichever takes longer, over
  /// the time that it took; 0 where no peak is known. What lies in caches may exceed 1.
  double share_of_peak(const PeakRates& peaks) const;
};

/// One kernel of a plan.
struct ProfileStep {
  std::string path;       ///< of its node, such as "stage2.conv1"
  std::string op;         ///< such as "conv2d"
  std::string candidate;  ///< the implementation, such as "cudnn"
  std::vector<ValueType> inputs;
  std::vector<ValueType> outputs;
  ProfileCost cost;
};

enum class ProfileMode { train, infer };
template <>
struct EnumNames<ProfileMode> {
  static constexpr const char* values[] = {"train", "infer"};
};

/// What Model::profile() measures. Each kernel was timed alone, one after another, the median of
/// `repeats` counts: a step that is replayed as a whole takes less than their sum.
struct FOVEA_API Profile {
  std::string device;  ///< such as "cuda:0"
  std::string precision;
  ProfileMode mode = ProfileMode::train;
  std::int64_t batch_size = 0;
  int repeats = 0;
  std::vector<ProfileStep> steps;  ///< in the order in which they run
  PeakRates peaks{};               ///< for whoever knows them to fill in

  ProfileCost total() const;
  std::map<std::string, ProfileCost> by_op() const;

  /// A table of all kernels in the order in which they run, and one of all ops, slowest first.
  std::string str() const;
  Json to_json() const;
  /// The kernels end to end, as JSON in the Trace Event Format, which chrome://tracing and Perfetto
  /// open.
  std::string chrome_trace() const;
};

}  // namespace fovea
