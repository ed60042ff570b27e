// The 16-bit types against their definition: each value is the nearest, ties to the even one.
#include "fovea/float16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace fovea {
namespace {

/// Half-way between neighbours rounds to the even one, anything else to the nearer one; and every
/// value comes back as itself. `last` is the largest finite value's bits.
template <class Half>
void check_all_values(std::uint16_t last) {
  const auto value = [](int bits) {
    Half half;
    half.bits = static_cast<std::uint16_t>(bits);
    return static_cast<float>(half);
  };
  for (int bits = 0; bits < last; ++bits) {
    const float low = value(bits), high = value(bits + 1);
    ASSERT_LT(low, high);
    ASSERT_EQ(Half(low).bits, bits);
    ASSERT_EQ(Half(-low).bits, bits | 0x8000);
    // Exact in f32, which has more bits than either.
    const float middle = low + (high - low) / 2;
    if (!(middle > low)) continue;  // bf16's smallest steps are f32's own
    ASSERT_EQ(Half(middle).bits, bits % 2 == 0 ? bits : bits + 1) << bits;
    ASSERT_EQ(Half(std::nextafter(middle, low)).bits, bits) << bits;
    ASSERT_EQ(Half(std::nextafter(middle, high)).bits, bits + 1) << bits;
  }
  ASSERT_EQ(Half(value(last)).bits, last);
}

TEST(Float16, RoundsToTheNearestEven) { check_all_values<Float16>(0x7BFF); }
TEST(BFloat16, RoundsToTheNearestEven) { check_all_values<BFloat16>(0x7F7F); }

TEST(Float16, KnowsItsLimits) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(static_cast<float>(Float16(65504)), 65504);
  EXPECT_EQ(static_cast<float>(Float16(65519.996f)), 65504);
  EXPECT_EQ(static_cast<float>(Float16(65520)), kInfinity);
  EXPECT_EQ(static_cast<float>(Float16(-kInfinity)), -kInfinity);
  EXPECT_EQ(static_cast<float>(Float16(0x1p-24)), 0x1p-24f);
  EXPECT_EQ(static_cast<float>(Float16(0x1p-25)), 0);
  EXPECT_TRUE(std::isnan(static_cast<float>(Float16(std::nanf("")))));
  EXPECT_TRUE(std::signbit(static_cast<float>(Float16(-0.0f))));
}

TEST(BFloat16, KnowsItsLimits) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(static_cast<float>(BFloat16(std::numeric_limits<float>::max())), kInfinity);
  EXPECT_EQ(static_cast<float>(BFloat16(-kInfinity)), -kInfinity);
  EXPECT_TRUE(std::isnan(static_cast<float>(BFloat16(std::nanf("")))));
  // All that f32 could keep of this NaN would be cut off.
  EXPECT_TRUE(std::isnan(static_cast<float>(BFloat16(std::bit_cast<float>(0x7F800001u)))));
}

}  // namespace
}  // namespace fovea
