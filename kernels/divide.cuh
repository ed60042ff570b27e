// Division by a number that stays the same for a whole launch, as a multiplication and a shift: a
// GPU has no instruction that divides integers.
// Source: Granlund, Montgomery, "Division by Invariant Integers using Multiplication" (1994).
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace fovea::kernels {

/// Divides n < 2^31 by 1 <= divisor < 2^31. Made on the host.
class FastDivisor {
 public:
  constexpr explicit FastDivisor(std::int64_t divisor) : divisor_(static_cast<unsigned>(divisor)) {
    while ((std::uint64_t{1} << shift_) < divisor_) ++shift_;
    const std::uint64_t excess = (std::uint64_t{1} << shift_) - divisor_;
    multiplier_ = static_cast<unsigned>((excess << 32) / divisor_ + 1);
  }

  /// floor(n / divisor). The sum stays below 2^32, since the product's high word is below n.
  __device__ __forceinline__ unsigned quotient(unsigned n) const {
    return (__umulhi(n, multiplier_) + n) >> shift_;
  }

  /// Leaves the quotient in n and returns the remainder.
  __device__ __forceinline__ unsigned divide(unsigned& n) const {
    const unsigned all = n;
    n = quotient(all);
    return all - n * divisor_;
  }

 private:
  unsigned divisor_, multiplier_ = 0, shift_ = 0;
};

}  // namespace fovea::kernels
