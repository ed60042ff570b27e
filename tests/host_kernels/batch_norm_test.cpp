// What batch norm's kernels do at the edges that no op case reaches.
#include <gtest/gtest.h>

#include <cmath>

#include "fovea/ops/norm.h"
#include "kernels/batch_norm.h"
#include "tests/host_kernels/launchers_without_op.h"
#include "tests/host_kernels/run_candidate.h"

namespace fovea::test {
namespace {

Tensor filled(const Shape& shape, float value) {
  Tensor tensor(shape, DType::f32);
  for (float& element : tensor.span<float>()) element = value;
  return tensor;
}

void expect_all(const Tensor& tensor, float value) {
  for (const float element : tensor.span<float>()) EXPECT_EQ(element, value);
}

TEST(BatchNormKernels, NoRowsHaveStatisticsAndGradientsOfZero) {
  for (const std::int64_t channels : {4, 7}) {
    const Tensor x({0, 3, channels}, DType::f32);
    const Tensor ones = filled({channels}, 1);
    const auto forward =
        run_candidate(ops::BatchNorm{}, std::vector<Tensor>{x, ones, ones, ones, ones}, "cuda");
    ASSERT_EQ(forward.size(), 3u);
    expect_all(forward[1], 0);
    expect_all(forward[2], 0);
    const auto backward = run_candidate(ops::BatchNormBackward{},
                                        std::vector<Tensor>{x, x, ones, ones, ones}, "cuda");
    ASSERT_EQ(backward.size(), 3u);
    expect_all(backward[1], 0);
    expect_all(backward[2], 0);
  }
}

/// The clamp of rounding errors, the combination of blocks and relu all let it through.
TEST(BatchNormKernels, ANanReachesTheStatisticsAndItsChannelAlone) {
  const std::int64_t channels = 3, nan_at = 100 * channels + 1;
  Tensor x = filled({5000, channels}, 2);
  x.span<float>()[nan_at] = std::nanf("");
  const Tensor ones = filled({channels}, 1);
  ops::BatchNormAct op;
  op.activation.kind = Activation::Kind::relu;
  const auto results = run_candidate(op, std::vector<Tensor>{x, ones, ones, ones, ones}, "cuda");
  for (std::size_t c = 0; c < 3; ++c) {
    for (const Tensor& result : results) {
      EXPECT_EQ(std::isnan(result.span<float>()[c]), c == 1) << "channel " << c;
    }
  }
  EXPECT_EQ(results[1].span<float>()[0], 2);
  EXPECT_EQ(results[2].span<float>()[0], 0);
}

/// The first row is what the first block shifts its values by, and here far from all others.
TEST(BatchNormKernels, AnOutlierInTheFirstRowDoesNotSpoilTheStatistics) {
  Tensor x({20000, 1}, DType::f32);
  const std::span<float> values = x.span<float>();
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = i == 0 ? 0.0f : 1000 + static_cast<float>(i % 2);
    sum += double{values[i]};
  }
  const double mean = sum / static_cast<double>(values.size());
  for (const float value : values) squares += std::pow(double{value} - mean, 2);
  const double var = squares / static_cast<double>(values.size());
  const Tensor ones = filled({1}, 1);
  const auto results =
      run_candidate(ops::BatchNorm{}, std::vector<Tensor>{x, ones, ones, ones, ones}, "cuda");
  EXPECT_NEAR(double{results[1].span<float>()[0]}, mean, 1e-4);
  EXPECT_NEAR(double{results[2].span<float>()[0]} / var, 1, 1e-4);
}

TEST(BatchNormKernels, StatisticsComeFromSums) {
  constexpr std::int64_t kChannels = 131, kRows = 6;
  const kernels::BatchNormShape shape{DType::f16, kRows, kChannels};
  Tensor sums({kChannels}, DType::f32), squares({kChannels}, DType::f32);
  for (std::size_t c = 0; c < kChannels; ++c) {  // rows of c and c + 2, in turn
    const auto low = static_cast<float>(c);
    sums.span<float>()[c] = 3 * (low + (low + 2));
    squares.span<float>()[c] = 3 * (low * low + (low + 2) * (low + 2));
  }
  squares.span<float>()[7] = 0;  // as if by rounding
  sums.span<float>()[9] = std::nanf("");
  ASSERT_EQ(kernels::batch_norm_statistics_of_sums(nullptr, shape, sums.data<float>(),
                                                   squares.data<float>()),
            cudaSuccess);
  for (std::size_t c = 0; c < kChannels; ++c) {
    const float mean = sums.span<float>()[c], var = squares.span<float>()[c];
    if (c == 9) {
      EXPECT_TRUE(std::isnan(mean) && std::isnan(var));
      continue;
    }
    EXPECT_NEAR(mean, static_cast<float>(c) + 1, 1e-4) << c;
    EXPECT_NEAR(var, c == 7 ? 0 : 1, 1e-2) << c;
  }
}

TEST(BatchNormKernels, InverseDeviationsAreTheirFormula) {
  constexpr std::int64_t kChannels = 131;
  Tensor var({kChannels}, DType::f32), inverse({kChannels}, DType::f32);
  for (std::size_t c = 0; c < kChannels; ++c) var.span<float>()[c] = static_cast<float>(c) / 8;
  ASSERT_EQ(kernels::batch_norm_inverse_deviations(nullptr, kChannels, var.data<float>(), 0.25f,
                                                   inverse.data<float>()),
            cudaSuccess);
  for (std::size_t c = 0; c < kChannels; ++c) {
    EXPECT_NEAR(double{inverse.span<float>()[c]}, 1 / std::sqrt(static_cast<double>(c) / 8 + 0.25),
                1e-6);
  }
}

/// As the whole backward pass gives it, and where d was.
TEST(BatchNormKernels, DxAloneIsTheLastStepOfTheBackwardPass) {
  for (const std::int64_t channels : {7, 16}) {
    SCOPED_TRACE(channels);
    const Shape shape{3, 5, channels};
    const auto numbers = [](const Shape& of, double seed, double low) {
      Tensor tensor(of, DType::f32);
      for (std::int64_t i = 0; i < tensor.numel(); ++i) {
        tensor.data<float>()[i] =
            static_cast<float>(low + std::fabs(std::sin(seed + static_cast<double>(i))));
      }
      return tensor;
    };
    const std::vector<Tensor> inputs = {numbers(shape, 1, -0.5), numbers(shape, 2, -0.3),
                                        numbers({channels}, 3, 0.5), numbers({channels}, 4, 0),
                                        numbers({channels}, 5, 0.5)};
    const ops::BatchNormBackward op;
    const std::vector<Tensor> whole = run_candidate(op, inputs, "cuda");
    Tensor dx = inputs[0].clone();  // d
    kernels::BatchNormGradients pass{};
    pass.dy = dx.raw();
    pass.x = inputs[1].raw();
    pass.gamma = inputs[2].data<float>();
    pass.mean = inputs[3].data<float>();
    pass.var = inputs[4].data<float>();
    pass.epsilon = static_cast<float>(op.epsilon);
    pass.dx = dx.data<float>();
    Tensor dgamma = whole[1], dbeta = whole[2];
    pass.dgamma = dgamma.data<float>();
    pass.dbeta = dbeta.data<float>();
    ASSERT_EQ(kernels::batch_norm_dx(nullptr, {DType::f32, 15, channels}, pass), cudaSuccess);
    for (std::int64_t i = 0; i < dx.numel(); ++i) EXPECT_EQ(dx.item(i), whole[0].item(i)) << i;
  }
}

}  // namespace

void run_inverse_deviations() {
  Tensor var = filled({3}, 1), inverse({3}, DType::f32);
  EXPECT_EQ(kernels::batch_norm_inverse_deviations(nullptr, 3, var.data<float>(), 0,
                                                   inverse.data<float>()),
            cudaSuccess);
}

void run_statistics_of_sums() {
  Tensor sums({3}, DType::f32), squares({3}, DType::f32);
  EXPECT_EQ(kernels::batch_norm_statistics_of_sums(nullptr, {DType::f16, 2, 3}, sums.data<float>(),
                                                   squares.data<float>()),
            cudaSuccess);
}

}  // namespace fovea::test
