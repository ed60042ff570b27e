// Max pooling where comparisons are hard: NaN, infinities, and cells that are all alike.
#include <gtest/gtest.h>

#include <limits>

#include "fovea/ops/pool.h"
#include "kernels/pool_window.cuh"
#include "tests/host_kernels/run_candidate.h"

namespace fovea::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The maxima, or minima, and their places in the windows 2x2 of a picture of two rows, in every
/// channel.
template <class PoolOp = ops::MaxPool2d>
std::vector<Tensor> pooled(const std::vector<double>& cells, std::int64_t channels, DType dtype) {
  const auto width = static_cast<std::int64_t>(cells.size()) / 2;
  Tensor x({1, 2, width, channels}, DType::f64);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    x.data<double>()[i] = cells[static_cast<std::size_t>(i / channels)];
  }
  return run_candidate(PoolOp{}, std::vector<Tensor>{x.to(dtype)}, "cuda");
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

TEST(MinPool, IsMaxPoolingOfTheNegatedPicture) {
  const std::vector<double> cells = {1,    kInfinity, kNan, 2, -kInfinity, -3, kInfinity, kInfinity,
                                     kNan, 3,         4,    7, 5,          -3, kInfinity, 6};
  std::vector<double> negated;
  for (const double cell : cells) negated.push_back(-cell);
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    for (const std::int64_t channels : {1, 8}) {
      const std::vector<Tensor> smallest = pooled<ops::MinPool2d>(negated, channels, dtype);
      const std::vector<Tensor> largest = pooled(cells, channels, dtype);
      for (std::int64_t i = 0; i < largest[0].numel(); ++i) {
        const double value = smallest[0].item(i);
        EXPECT_TRUE(value == -largest[0].item(i) ||
                    (std::isnan(value) && std::isnan(largest[0].item(i))));
        EXPECT_EQ(smallest[1].item(i), largest[1].item(i));
      }
    }
  }
}

/// Batches with more threads than 31 bits can count go in several launches.
TEST(Pool, LargeBatchesAreSplit) {
  kernels::PoolShape shape;
  shape.images = 5;
  shape.channels = 1;
  shape.input_h = shape.output_h = 1 << 14;
  shape.input_w = shape.output_w = 1 << 15;
  shape.kernel_h = shape.kernel_w = shape.stride_h = shape.stride_w = 1;
  std::vector<std::pair<std::int64_t, unsigned>> launches;
  const auto record = [&](std::int64_t first, const kernels::PoolPlaces&, unsigned threads) {
    launches.emplace_back(first, threads);
    return cudaSuccess;
  };
  const auto run = [&] {
    return kernels::for_pool_threads(shape, shape.output_h, shape.output_w, 1, record);
  };
  EXPECT_EQ(run(), cudaSuccess);
  const std::vector<std::pair<std::int64_t, unsigned>> expected = {{0, 3u << 29}, {3, 2u << 29}};
  EXPECT_EQ(launches, expected);
  shape.channels = 2;
  EXPECT_EQ(run(), cudaErrorInvalidValue) << "one picture alone is too large";
}

template <class DerivedOp>
Shape output_of(const DerivedOp& op, const std::vector<Tensor>& inputs) {
  return run_candidate(op, inputs, "cuda")[0].shape();
}

TEST(Pool, EmptyBatches) {
  const Tensor x({0, 4, 4, 3}, DType::f32), dy({0, 2, 2, 3}, DType::f32);
  const Tensor mean({0, 3}, DType::f32);
  EXPECT_EQ(output_of(ops::MaxPool2d{}, {x}), dy.shape());
  EXPECT_EQ(output_of(ops::MinPool2d{}, {x}), dy.shape());
  EXPECT_EQ(output_of(ops::AvgPool2d{}, {x}), dy.shape());
  EXPECT_EQ(output_of(ops::GlobalAvgPool{}, {x}), mean.shape());
  ops::MaxPool2dBackward max_backward;
  max_backward.input_size = 4;
  EXPECT_EQ(output_of(max_backward, {dy, Tensor(dy.shape(), DType::u8)}), x.shape());
  ops::AvgPool2dBackward avg_backward;
  avg_backward.input_size = 4;
  EXPECT_EQ(output_of(avg_backward, {dy}), x.shape());
  ops::GlobalAvgPoolBackward global_backward;
  global_backward.input_size = 4;
  EXPECT_EQ(output_of(global_backward, {mean}), x.shape());
}

}  // namespace
}  // namespace fovea::test
