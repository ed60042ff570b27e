// What a convolution's output must be, computed in f64 from the definition for a sample of its
// elements, so that shapes of any size can be checked.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "benchmarks/support/conv_problem.h"
#include "fovea/tensor.h"

namespace fovea::bench {

/// The values of tensors that nobody holds in host memory: element i is value i mod kPeriod of a
/// list of random numbers between -1 and 1, as a number format stores them. The period is a prime,
/// so that no row or picture repeats the one before.
class Pattern {
 public:
  static constexpr std::int64_t kPeriod = 1'048'573;

  /// Different seeds give different lists.
  Pattern(DType storage, std::uint64_t seed);

  /// kPeriod elements of the storage's type.
  const Tensor& stored() const { return stored_; }
  /// The same values, exactly.
  const std::vector<float>& values() const { return values_; }

 private:
  Tensor stored_;
  std::vector<float> values_;
};

/// Made when first asked for, and kept; for use by one thread.
const Pattern& pattern_of(DType storage, std::uint64_t seed);

/// Flat indices of `count` elements in runs of eight neighbours, the runs spread at random, the
/// first and the last element among them; all elements where there are no more.
std::vector<std::int64_t> sample_elements(std::int64_t elements, std::int64_t count);

/// The sampled elements of the output, where the inputs have the patterns' values.
std::vector<double> conv_reference(const ConvProblem& problem,
                                   const std::array<const Pattern*, 2>& inputs,
                                   std::span<const std::int64_t> samples, int threads);

/// |d| / |reference| over the samples, or |d| where the reference is all zero; infinite where
/// `actual` has a NaN.
double relative_error(std::span<const double> actual, std::span<const double> reference);

}  // namespace fovea::bench
