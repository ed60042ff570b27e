// The f64 reference, by which all else is measured, against the ops' definitions written out as
// directly as can be: every output element on its own, straight from the formula. (Backward ops are
// held to their forward ops by the numeric gradients.)
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "fovea/ops/conv.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/norm.h"
#include "fovea/ops/pool.h"
#include "tests/support/for_each_case.h"

namespace fovea::test {
namespace {

constexpr double kTolerance = 1e-13;

/// An element of a picture tensor, or `outside` beyond its edges.
double at(const Tensor& x, std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c,
          double outside) {
  const Shape& shape = x.shape();
  if (h < 0 || h >= shape.h() || w < 0 || w >= shape.w()) return outside;
  return x.data<double>()[((n * shape.h() + h) * shape.w() + w) * shape.c() + c];
}

/// Fills a picture tensor from body(n, h, w, c).
template <class Body>
Tensor picture(const Shape& shape, const Body& body) {
  Tensor y(shape, DType::f64);
  double* out = y.data<double>();
  for (std::int64_t n = 0; n < shape.n(); ++n) {
    for (std::int64_t h = 0; h < shape.h(); ++h) {
      for (std::int64_t w = 0; w < shape.w(); ++w) {
        for (std::int64_t c = 0; c < shape.c(); ++c) *out++ = body(n, h, w, c);
      }
    }
  }
  return y;
}

TEST(ReferenceDefinitions, Conv2d) {
  for_each_case<ops::Conv2d>([](const ops::Conv2d& op, const std::vector<Tensor>& inputs,
                                const std::vector<Tensor>& outputs) {
    const Tensor &x = inputs[0], &weights = inputs[1];
    const Shape& w = weights.shape();
    const WindowGeometry window = op.geometry({x.shape().h(), x.shape().w()}, {w[1], w[2]});
    const std::int64_t filters_per_group = w[0] / op.groups;
    const Tensor expected = picture(
        outputs[0].shape(), [&](std::int64_t n, std::int64_t oh, std::int64_t ow, std::int64_t k) {
          double sum = 0;
          for (std::int64_t r = 0; r < w[1]; ++r) {
            for (std::int64_t s = 0; s < w[2]; ++s) {
              for (std::int64_t c = 0; c < w[3]; ++c) {
                const std::int64_t ih = oh * op.stride.h + r * op.dilation.h - window.pad_top;
                const std::int64_t iw = ow * op.stride.w + s * op.dilation.w - window.pad_left;
                sum += at(x, n, ih, iw, k / filters_per_group * w[3] + c, 0) *
                       at(weights, k, r, s, c, 0);
              }
            }
          }
          return sum;
        });
    EXPECT_LE(relative_error(outputs[0], expected), kTolerance);
  });
}

TEST(ReferenceDefinitions, MaxPool2d) {
  for_each_case<ops::MaxPool2d>([](const ops::MaxPool2d& op, const std::vector<Tensor>& inputs,
                                   const std::vector<Tensor>& outputs) {
    const Tensor& x = inputs[0];
    const WindowGeometry window = op.geometry({x.shape().h(), x.shape().w()});
    Tensor index(outputs[1].shape(), DType::f64);
    double* next_index = index.data<double>();
    const Tensor expected = picture(
        outputs[0].shape(), [&](std::int64_t n, std::int64_t oh, std::int64_t ow, std::int64_t c) {
          double largest = -std::numeric_limits<double>::infinity();
          for (std::int64_t i = 0; i < op.kernel.h * op.kernel.w; ++i) {
            const double cell = at(x, n, oh * op.stride.h + i / op.kernel.w - window.pad_top,
                                   ow * op.stride.w + i % op.kernel.w - window.pad_left, c,
                                   -std::numeric_limits<double>::infinity());
            if (cell > largest) {
              largest = cell;
              *next_index = static_cast<double>(i);
            }
          }
          ++next_index;
          return largest;
        });
    EXPECT_EQ(relative_error(outputs[0], expected), 0);
    EXPECT_EQ(relative_error(outputs[1], index), 0);
  });
}

TEST(ReferenceDefinitions, MinPool2d) {
  for_each_case<ops::MinPool2d>([](const ops::MinPool2d& op, const std::vector<Tensor>& inputs,
                                   const std::vector<Tensor>& outputs) {
    Tensor negated(inputs[0].shape(), DType::f64);
    for (std::int64_t i = 0; i < negated.numel(); ++i) {
      negated.data<double>()[i] = -inputs[0].item(i);
    }
    const std::vector<Tensor> largest =
        run_reference(std::make_shared<const ops::MaxPool2d>(op), std::vector<Tensor>{negated});
    ASSERT_GT(outputs[0].numel(), 0);
    for (std::int64_t i = 0; i < outputs[0].numel(); ++i) {
      ASSERT_EQ(outputs[0].item(i), -largest[0].item(i));
      ASSERT_EQ(outputs[1].item(i), largest[1].item(i));
    }
  });
}

TEST(ReferenceDefinitions, MaxPoolingLosesNoNaN) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = Tensor::from<double>({1, 2, 4, 1}, std::vector<double>{1, nan, 5, 6,  //
                                                                          2, nan, 7, 4});
  const auto outputs =
      run_reference(std::make_shared<const ops::MaxPool2d>(), std::vector<Tensor>{x});
  EXPECT_TRUE(std::isnan(outputs[0].item(0)));
  EXPECT_EQ(outputs[1].item(0), 1);  // the first one
  EXPECT_EQ(outputs[0].item(1), 7);
  EXPECT_EQ(outputs[1].item(1), 2);
}

TEST(ReferenceDefinitions, AvgPool2d) {
  for_each_case<ops::AvgPool2d>([](const ops::AvgPool2d& op, const std::vector<Tensor>& inputs,
                                   const std::vector<Tensor>& outputs) {
    const Tensor& x = inputs[0];
    const WindowGeometry window = op.geometry({x.shape().h(), x.shape().w()});
    const double outside = std::numeric_limits<double>::quiet_NaN();
    const Tensor expected = picture(
        outputs[0].shape(), [&](std::int64_t n, std::int64_t oh, std::int64_t ow, std::int64_t c) {
          double sum = 0, count = 0;
          for (std::int64_t r = 0; r < op.kernel.h; ++r) {
            for (std::int64_t s = 0; s < op.kernel.w; ++s) {
              const double cell = at(x, n, oh * op.stride.h + r - window.pad_top,
                                     ow * op.stride.w + s - window.pad_left, c, outside);
              if (std::isnan(cell)) continue;
              sum += cell;
              ++count;
            }
          }
          return sum / count;
        });
    EXPECT_LE(relative_error(outputs[0], expected), kTolerance);
  });
}

TEST(ReferenceDefinitions, GlobalAvgPool) {
  for_each_case<ops::GlobalAvgPool>([](const ops::GlobalAvgPool&, const std::vector<Tensor>& inputs,
                                       const std::vector<Tensor>& outputs) {
    const Shape& x = inputs[0].shape();
    for (std::int64_t n = 0; n < x.n(); ++n) {
      for (std::int64_t c = 0; c < x.c(); ++c) {
        double sum = 0;
        for (std::int64_t i = 0; i < x.h() * x.w(); ++i) {
          sum += at(inputs[0], n, i / x.w(), i % x.w(), c, 0);
        }
        const double mean = sum / static_cast<double>(x.h() * x.w());
        EXPECT_NEAR(outputs[0].item(n * x.c() + c), mean, kTolerance);
      }
    }
  });
}

TEST(ReferenceDefinitions, MatMul) {
  for_each_case<ops::MatMul>([](const ops::MatMul& op, const std::vector<Tensor>& inputs,
                                const std::vector<Tensor>& outputs) {
    const Shape &a = inputs[0].shape(), &b = inputs[1].shape(), &c = outputs[0].shape();
    const std::int64_t inner = a[op.transpose_a ? 0 : 1];
    Tensor expected = Tensor::zeros(c, DType::f64);
    for (std::int64_t i = 0; i < c[0]; ++i) {
      for (std::int64_t j = 0; j < c[1]; ++j) {
        for (std::int64_t k = 0; k < inner; ++k) {
          expected.data<double>()[i * c[1] + j] +=
              inputs[0].item(op.transpose_a ? k * a[1] + i : i * a[1] + k) *
              inputs[1].item(op.transpose_b ? j * b[1] + k : k * b[1] + j);
        }
      }
    }
    EXPECT_LE(relative_error(outputs[0], expected), kTolerance);
  });
}

TEST(ReferenceDefinitions, AddBias) {
  for_each_case<ops::AddBias>([](const ops::AddBias&, const std::vector<Tensor>& inputs,
                                 const std::vector<Tensor>& outputs) {
    for (std::int64_t i = 0; i < outputs[0].numel(); ++i) {
      EXPECT_EQ(outputs[0].item(i), inputs[0].item(i) + inputs[1].item(i % inputs[1].numel()));
    }
  });
}

/// Mean and biased variance of one channel.
std::pair<double, double> statistics(const Tensor& x, std::int64_t channel) {
  const std::int64_t channels = x.shape().c(), rows = x.numel() / channels;
  double mean = 0, var = 0;
  for (std::int64_t i = 0; i < rows; ++i) mean += x.item(i * channels + channel);
  mean /= static_cast<double>(rows);
  for (std::int64_t i = 0; i < rows; ++i) {
    var += std::pow(x.item(i * channels + channel) - mean, 2);
  }
  return {mean, var / static_cast<double>(rows)};
}

TEST(ReferenceDefinitions, BatchNorm) {
  for_each_case<ops::BatchNorm>([](const ops::BatchNorm& op, const std::vector<Tensor>& inputs,
                                   const std::vector<Tensor>& outputs) {
    const Tensor& x = inputs[0];
    Tensor expected(x.shape(), DType::f64);
    for (std::int64_t c = 0; c < x.shape().c(); ++c) {
      const auto [mean, var] = statistics(x, c);
      EXPECT_NEAR(outputs[1].item(c), mean, 1e-12 * (1 + std::abs(mean)));
      EXPECT_NEAR(outputs[2].item(c), var, 1e-12 * (1 + var));
      for (std::int64_t i = c; i < x.numel(); i += x.shape().c()) {
        expected.data<double>()[i] =
            inputs[1].item(c) * (x.item(i) - mean) / std::sqrt(var + op.epsilon) +
            inputs[2].item(c);
      }
    }
    EXPECT_LE(relative_error(outputs[0], expected), 1e-12);
  });
}

TEST(ReferenceDefinitions, BatchNormInference) {
  for_each_case<ops::BatchNormInference>([](const ops::BatchNormInference& op,
                                            const std::vector<Tensor>& inputs,
                                            const std::vector<Tensor>& outputs) {
    const Tensor& x = inputs[0];
    Tensor expected(x.shape(), DType::f64);
    for (std::int64_t i = 0; i < x.numel(); ++i) {
      const std::int64_t c = i % x.shape().c();
      expected.data<double>()[i] = inputs[1].item(c) * (x.item(i) - inputs[3].item(c)) /
                                       std::sqrt(inputs[4].item(c) + op.epsilon) +
                                   inputs[2].item(c);
    }
    EXPECT_LE(relative_error(outputs[0], expected), kTolerance);
  });
}

/// Folding changes nothing: conv then batch norm equals the folded convolution and its bias.
TEST(ReferenceDefinitions, FoldBatchNorm) {
  for_each_case<ops::FoldBatchNorm>([](const ops::FoldBatchNorm& op,
                                       const std::vector<Tensor>& inputs,
                                       const std::vector<Tensor>& outputs) {
    const std::int64_t filters = inputs[0].shape()[0], size = inputs[0].numel() / filters;
    for (std::int64_t k = 0; k < filters; ++k) {
      const double bias = inputs.size() > 5 ? inputs[5].item(k) : 0;
      // The response of filter k to a window of ones, normalized.
      double response = bias, folded = outputs[1].item(k);
      for (std::int64_t i = 0; i < size; ++i) {
        response += inputs[0].item(k * size + i);
        folded += outputs[0].item(k * size + i);
      }
      const double normalized = inputs[1].item(k) * (response - inputs[3].item(k)) /
                                    std::sqrt(inputs[4].item(k) + op.epsilon) +
                                inputs[2].item(k);
      EXPECT_NEAR(folded, normalized, 1e-12);
    }
  });
}

}  // namespace
}  // namespace fovea::test
