// Denormal numbers count as zero inside kernels, on every thread, and as themselves in the program
// around them.
#include <gtest/gtest.h>

#include <limits>

#include "fovea/ops/basic.h"
#include "host/graph/run_op.h"

namespace fovea::test {
namespace {

constexpr float kDenormal = 1e-40F;
constexpr float kTwice = 2 * kDenormal;  // exact

/// The machine's own product, which no compiler computes beforehand.
float product(float a, float b) {
  volatile float x = a;
  volatile float y = b;
  return x * y;
}

#if defined(__SSE2__) || defined(__aarch64__)
TEST(Denormals, CountAsZeroInKernels) {
  const Tensor tiny = Tensor::full({200000}, kDenormal);
  ASSERT_EQ(tiny.span<float>()[0], kDenormal);
  for (const int threads : {1, 2, 3}) {
    RunOptions options;
    options.threads = threads;
    options.candidate = "reference";
    ops::Scale doubled;
    doubled.factor = 2;
    const auto op = std::make_shared<const ops::Scale>(doubled);
    const Tensor result = run_op(op, std::vector<Tensor>{tiny}, options)[0];
    for (const float value : result.span<float>()) ASSERT_EQ(value, 0) << threads << " threads";
  }
}
#endif

TEST(Denormals, TheCallersArithmeticStaysAsItWas) {
  ASSERT_EQ(product(kDenormal, 2), kTwice);
  RunOptions options;
  options.threads = 2;
  run_op(std::make_shared<const ops::Scale>(), std::vector<Tensor>{Tensor::full({200000}, 1)},
         options);
  EXPECT_EQ(product(kDenormal, 2), kTwice);
  float sum = 0;
#pragma omp parallel for num_threads(2) reduction(+ : sum)
  for (int i = 0; i < 2; ++i) sum += product(kDenormal, 2);
  EXPECT_EQ(sum, 2 * kTwice) << "on the threads of the pool";
}

}  // namespace
}  // namespace fovea::test
