// The random numbers of NumPy's RandomState, so that a seed means here what it means to
// scikit-learn and Keras: the same split, the same made-up data.
//
// Source of the definition: numpy.random.RandomState, whose streams NumPy has frozen ("legacy
// random generation" in its reference); M. Matsumoto, T. Nishimura, "Mersenne Twister" (1998);
// G. Marsaglia, T. Bray, "A convenient method for generating normal variables" (1964).
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "fovea/export.h"

namespace fovea::data {

class FOVEA_INTERNAL NumpyRandom {
 public:
  explicit NumpyRandom(std::uint32_t seed) : bits_(seed) {}

  /// Uniform in [0, 1), with 53 random bits: uniform().
  double uniform();
  /// Normally distributed, mean 0, standard deviation 1: standard_normal(). They come in pairs.
  double normal();
  /// Uniform in 0 to `largest`, both included: randint(largest + 1).
  std::uint64_t up_to(std::uint64_t largest);

  /// shuffle(values).
  template <class T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i-- > 1;) std::swap(values[i], values[up_to(i)]);
  }
  /// permutation(count): 0 to count - 1 in random order.
  std::vector<std::int64_t> permutation(std::int64_t count);
  /// `count` different numbers below `population`, as sklearn.utils.random's
  /// sample_without_replacement draws them; not in random order.
  std::vector<std::int64_t> sample(std::int64_t population, std::int64_t count);

 private:
  std::mt19937 bits_;
  std::optional<double> second_normal_;  // of the last pair
};

}  // namespace fovea::data
