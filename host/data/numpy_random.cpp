#include "host/data/numpy_random.h"

#include <bit>
#include <cassert>
#include <cmath>
#include <numeric>
#include <set>

namespace fovea::data {

double NumpyRandom::uniform() {
  const double high = static_cast<double>(bits_() >> 5);  // 27 bits
  const double low = static_cast<double>(bits_() >> 6);   // 26 bits
  return (high * 0x1p26 + low) / 0x1p53;
}

double NumpyRandom::normal() {
  if (second_normal_) return *std::exchange(second_normal_, std::nullopt);
  double x = 0;
  double y = 0;
  double square = 0;
  do {  // a point in the unit disc, but not its centre
    x = 2.0 * uniform() - 1.0;
    y = 2.0 * uniform() - 1.0;
    square = x * x + y * y;
  } while (square >= 1.0 || square == 0.0);
  const double scale = std::sqrt(-2.0 * std::log(square) / square);
  second_normal_ = scale * x;
  return scale * y;
}

std::uint64_t NumpyRandom::up_to(std::uint64_t largest) {
  if (largest == 0) return 0;  // draws nothing
  const std::uint64_t mask = ~std::uint64_t{0} >> std::countl_zero(largest);
  std::uint64_t value = 0;
  do {
    value = bits_();
    if (largest > 0xFFFF'FFFF) value = value << 32 | bits_();
    value &= mask;
  } while (value > largest);
  return value;
}

std::vector<std::int64_t> NumpyRandom::permutation(std::int64_t count) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  shuffle(order);
  return order;
}

std::vector<std::int64_t> NumpyRandom::sample(std::int64_t population, std::int64_t count) {
  assert(0 <= count && count <= population);
  const double ratio =
      population == 0 ? 1.0 : static_cast<double>(count) / static_cast<double>(population);
  if (ratio > 0.01 && ratio < 0.99) {
    std::vector<std::int64_t> order = permutation(population);
    order.resize(static_cast<std::size_t>(count));
    return order;
  }
  std::vector<std::int64_t> chosen;
  if (ratio <= 0.01) {  // few of many: draw again what was drawn before
    std::set<std::int64_t> taken;
    while (std::ssize(chosen) < count) {
      const auto value =
          static_cast<std::int64_t>(up_to(static_cast<std::uint64_t>(population - 1)));
      if (taken.insert(value).second) chosen.push_back(value);
    }
    return chosen;
  }
  // Nearly all: each of the last ones may take the place of an earlier one.
  chosen.resize(static_cast<std::size_t>(count));
  std::iota(chosen.begin(), chosen.end(), 0);
  for (std::int64_t value = count; value < population; ++value) {
    const std::uint64_t place = up_to(static_cast<std::uint64_t>(value));
    if (place < chosen.size()) chosen[place] = value;
  }
  return chosen;
}

}  // namespace fovea::data
