// Max pooling where comparisons are hard: NaN, infinities, and cells that are all alike.
#include <gtest/gtest.h>

#include <limits>

#include "fovea/ops/pool.h"
#include "tests/host_kernels/run_candidate.h"

namespace fovea::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The maxima and their places in the windows 2x2 of a picture of two rows, in every channel.
std::vector<Tensor> pooled(const std::vector<double>& cells, std::int64_t channels, DType dtype) {
  const auto width = static_cast<std::int64_t>(cells.size()) / 2;
  Tensor x({1, 2, width, channels}, DType::f64);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    x.data<double>()[i] = cells[static_cast<std::size_t>(i / channels)];
  }
  return run_candidate(ops::MaxPool2d{}, std::vector<Tensor>{x.to(dtype)}, "cuda");
}

TEST(MaxPool, NanIsLargerThanAnyNumberAndTheFirstWins) {
  const std::vector<double> cells = {1,    kInfinity, kNan, 2,      // first row
                                     kNan, 3,         4,    kNan};  // second row
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    for (const std::int64_t channels : {1, 8}) {
      const std::vector<Tensor> results = pooled(cells, channels, dtype);
      for (std::int64_t c = 0; c < channels; ++c) {
        EXPECT_TRUE(std::isnan(results[0].item(c)));
        EXPECT_EQ(results[1].item(c), 2);
        EXPECT_TRUE(std::isnan(results[0].item(channels + c)));
        EXPECT_EQ(results[1].item(channels + c), 0);
      }
    }
  }
}

TEST(MaxPool, MinusInfinityIsANumberLikeOthers) {
  const std::vector<double> cells = {-kInfinity, -kInfinity, -kInfinity, -kInfinity,
                                     -kInfinity, -kInfinity, -kInfinity, -5};
  const std::vector<Tensor> results = pooled(cells, 1, DType::f32);
  EXPECT_EQ(results[0].item(0), -kInfinity);
  EXPECT_EQ(results[1].item(0), 0) << "the first of equal cells";
  EXPECT_EQ(results[0].item(1), -5);
  EXPECT_EQ(results[1].item(1), 3);
}

}  // namespace
}  // namespace fovea::test
