// Division as a multiplication and a shift, over divisors and numerators up to the limits.
#include "kernels/divide.cuh"

#include <gtest/gtest.h>

#include <vector>

namespace fovea::kernels {
namespace {

TEST(FastDivisor, DividesAsTheProcessorDoes) {
  constexpr std::int64_t kLargest = (std::int64_t{1} << 31) - 1;
  std::vector<std::int64_t> numbers = {kLargest};
  for (std::int64_t i = 0; i < 200; ++i) numbers.push_back(i);
  for (int bits = 8; bits < 31; ++bits) {
    for (int near = -1; near <= 1; ++near) numbers.push_back((std::int64_t{1} << bits) + near);
    numbers.push_back(kLargest / bits);
  }
  for (const std::int64_t divisor : numbers) {
    if (divisor == 0) continue;
    const FastDivisor fast(divisor);
    std::vector<std::int64_t> numerators = numbers;
    for (const std::int64_t times : {std::int64_t{1}, std::int64_t{2}, kLargest / divisor}) {
      if (divisor * times > kLargest) continue;
      numerators.push_back(divisor * times);
      numerators.push_back(divisor * times - 1);
    }
    for (const std::int64_t numerator : numerators) {
      auto quotient = static_cast<unsigned>(numerator);
      const unsigned remainder = fast.divide(quotient);
      ASSERT_EQ(quotient, numerator / divisor) << numerator << " / " << divisor;
      ASSERT_EQ(remainder, numerator % divisor) << numerator << " % " << divisor;
    }
  }
}

}  // namespace
}  // namespace fovea::kernels
