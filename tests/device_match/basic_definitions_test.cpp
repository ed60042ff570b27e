// Arithmetic, shapes, dropout, reductions and activations: the f64 reference against the ops'
// definitions, and what the definitions say of extreme values.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "fovea/detail/philox.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/basic.h"
#include "fovea/ops/transpose.h"
#include "tests/support/for_each_case.h"

namespace fovea::test {
namespace {

constexpr double kTolerance = 1e-13;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
using Tensors = std::vector<Tensor>;

/// Runs one op without inputs of the cases' making.
template <class DerivedOp>
Tensors run(const DerivedOp& op, const Tensors& inputs) {
  return run_op(std::make_shared<const DerivedOp>(op), inputs, {});
}

Tensor row(const std::vector<double>& values) {
  return Tensor::from<double>({1, static_cast<std::int64_t>(values.size())}, values);
}

// ---- Arithmetic ----

TEST(BasicDefinitions, AddMultiplyScale) {
  for_each_case<ops::Add>([](const ops::Add&, const Tensors& in, const Tensors& out) {
    for (std::int64_t i = 0; i < out[0].numel(); ++i) {
      ASSERT_EQ(out[0].item(i), in[0].item(i) + in[1].item(i));
    }
  });
  for_each_case<ops::Multiply>([](const ops::Multiply&, const Tensors& in, const Tensors& out) {
    for (std::int64_t i = 0; i < out[0].numel(); ++i) {
      ASSERT_EQ(out[0].item(i), in[0].item(i) * in[1].item(i));
    }
  });
  for_each_case<ops::Scale>([](const ops::Scale& op, const Tensors& in, const Tensors& out) {
    for (std::int64_t i = 0; i < out[0].numel(); ++i) {
      ASSERT_EQ(out[0].item(i), op.factor * in[0].item(i));
    }
  });
}

TEST(BasicDefinitions, Transpose) {
  for_each_case<ops::Transpose>(
      [](const ops::Transpose& op, const Tensors& in, const Tensors& out) {
        const Shape& x = in[0].shape();
        const Shape& y = out[0].shape();
        for (std::int64_t i = 0; i < out[0].numel(); ++i) {
          std::int64_t source = 0, rest = i;
          for (int axis = y.rank() - 1; axis >= 0; rest /= y[axis--]) {
            const int from = static_cast<int>(op.order[static_cast<std::size_t>(axis)]);
            source += rest % y[axis] * x.drop_front(from + 1).numel();
          }
          ASSERT_EQ(out[0].item(i), in[0].item(source)) << i;
        }
      });
}

TEST(BasicDefinitions, Rescale) {
  for_each_case<ops::Rescale>([](const ops::Rescale& op, const Tensors& in, const Tensors& out) {
    const auto channels = static_cast<std::int64_t>(op.scale.size());
    const Tensor expected = tensor_of(out[0].shape(), [&](std::int64_t i) {
      const auto c = static_cast<std::size_t>(i % channels);
      return in[0].item(i) * op.scale[c] + op.offset[c];
    });
    EXPECT_LE(relative_error(out[0], expected), kTolerance);
  });
}

/// Subnormal f16 among them; those of f32 count as zero on the CPU (see denormals_test.cpp).
TEST(BasicDefinitions, CastBetweenAllFloatingTypes) {
  const std::vector<DType> types = {DType::f32, DType::f64, DType::f16, DType::bf16};
  const Tensor values = row({0, -0.0, 1, -1.0 / 3, 65519, 65520, 1e-7, 3e-8, 1e39, 1 + 0x1p-8,
                             1 + 0x1p-11, kInfinity, -kInfinity, kNan});
  for (const DType from : types) {
    const Tensor x = values.to(from);
    for (const DType to : types) {
      const Tensor y = run(ops::Cast(to), {x})[0];
      const Tensor expected = x.to(to);
      ASSERT_EQ(y.dtype(), to);
      EXPECT_EQ(std::memcmp(y.raw(), expected.raw(), y.bytes()), 0)
          << dtype_name(from) << " to " << dtype_name(to);
    }
  }
}

// ---- Shapes ----

/// The flat index of the cell at `place` along an axis, all other places being those of cell `flat`
/// of `shape`, in a tensor that differs from `shape` in that axis only.
std::int64_t moved(std::int64_t flat, const Shape& shape, int axis, std::int64_t place,
                   std::int64_t axis_size) {
  const std::int64_t inner = shape.drop_front(axis + 1).numel();
  const std::int64_t outer = flat / inner / shape[axis];
  return (outer * axis_size + place) * inner + flat % inner;
}

std::int64_t place_of(std::int64_t flat, const Shape& shape, int axis) {
  return flat / shape.drop_front(axis + 1).numel() % shape[axis];
}

TEST(BasicDefinitions, Reshape) {
  for_each_case<ops::Reshape>([](const ops::Reshape& op, const Tensors& in, const Tensors& out) {
    EXPECT_EQ(out[0].shape(), op.tail.prepend(in[0].shape()[0]));
    for (std::int64_t i = 0; i < out[0].numel(); ++i) ASSERT_EQ(out[0].item(i), in[0].item(i));
  });
}

TEST(BasicDefinitions, Concat) {
  for_each_case<ops::Concat>([](const ops::Concat& op, const Tensors& in, const Tensors& out) {
    std::int64_t begin = 0;
    for (const Tensor& input : in) {
      const Shape& shape = input.shape();
      for (std::int64_t i = 0; i < input.numel(); ++i) {
        const std::int64_t place = begin + place_of(i, shape, op.axis);
        ASSERT_EQ(out[0].item(moved(i, shape, op.axis, place, out[0].shape()[op.axis])),
                  input.item(i));
      }
      begin += shape[op.axis];
    }
    EXPECT_EQ(begin, out[0].shape()[op.axis]);
  });
}

TEST(BasicDefinitions, Slice) {
  for_each_case<ops::Slice>([](const ops::Slice& op, const Tensors& in, const Tensors& out) {
    const Shape& shape = out[0].shape();
    EXPECT_EQ(shape[op.axis], op.size);
    for (std::int64_t i = 0; i < out[0].numel(); ++i) {
      const std::int64_t place = op.begin + place_of(i, shape, op.axis);
      ASSERT_EQ(out[0].item(i),
                in[0].item(moved(i, shape, op.axis, place, in[0].shape()[op.axis])));
    }
  });
}

TEST(BasicDefinitions, Pad) {
  for_each_case<ops::Pad>([](const ops::Pad& op, const Tensors& in, const Tensors& out) {
    const Shape& shape = out[0].shape();
    const std::int64_t size = in[0].shape()[op.axis];
    EXPECT_EQ(shape[op.axis], op.before + size + op.after);
    for (std::int64_t i = 0; i < out[0].numel(); ++i) {
      const std::int64_t place = place_of(i, shape, op.axis) - op.before;
      const bool inside = place >= 0 && place < size;
      ASSERT_EQ(out[0].item(i), inside ? in[0].item(moved(i, shape, op.axis, place, size)) : 0.0);
    }
  });
}

// ---- Random masks ----

TEST(BasicDefinitions, Dropout) {
  for_each_case<ops::Dropout>([](const ops::Dropout& op, const Tensors& in, const Tensors& out) {
    const auto seed = static_cast<std::uint64_t>(in[1].item());
    const auto step = static_cast<std::uint64_t>(in[2].item());
    const std::uint64_t key = detail::mix_key(seed, op.stream);
    std::int64_t kept = 0;
    for (std::int64_t i = 0; i < out[0].numel(); ++i) {
      const detail::Philox4 block =
          detail::philox4x32(key, step, static_cast<std::uint64_t>(i / 4));
      const bool keeps = detail::uniform01(block.word[i % 4]) >= op.rate;
      ASSERT_NEAR(out[0].item(i), keeps ? in[0].item(i) / (1 - op.rate) : 0, kTolerance);
      kept += keeps ? 1 : 0;
    }
    const double count = static_cast<double>(out[0].numel());
    const double deviation = std::sqrt(count * op.rate * (1 - op.rate));
    EXPECT_NEAR(static_cast<double>(kept), count * (1 - op.rate), 4 * deviation);
  });
}

TEST(BasicDefinitions, DropoutDropsAnewForEachSeedStepAndStream) {
  const Tensor x = Tensor::full({1, 64}, 1, DType::f64);
  const auto mask = [&](std::uint64_t stream, double seed, double step) {
    ops::Dropout op;
    op.stream = stream;
    const Tensors out =
        run(op, {x, Tensor::full({}, seed, DType::i64), Tensor::full({}, step, DType::i64)});
    return std::vector<double>(out[0].span<double>().begin(), out[0].span<double>().end());
  };
  EXPECT_EQ(mask(1, 2, 3), mask(1, 2, 3));
  EXPECT_NE(mask(1, 2, 3), mask(9, 2, 3));
  EXPECT_NE(mask(1, 2, 3), mask(1, 9, 3));
  EXPECT_NE(mask(1, 2, 3), mask(1, 2, 9));
}

// ---- Reductions to one number, and back ----

TEST(BasicDefinitions, MeanAndBroadcast) {
  for_each_case<ops::Mean>([](const ops::Mean&, const Tensors& in, const Tensors& out) {
    double sum = 0, magnitude = 0;
    for (double value : in[0].span<double>()) {
      sum += value;
      magnitude += std::abs(value);
    }
    const double count = static_cast<double>(in[0].numel());
    EXPECT_NEAR(out[0].item(), sum / count, 1e-13 * magnitude / count);
  });
  for_each_case<ops::Broadcast>(
      [](const ops::Broadcast& op, const Tensors& in, const Tensors& out) {
        EXPECT_EQ(out[0].shape(), op.shape);
        for (double value : out[0].span<double>()) ASSERT_EQ(value, op.factor * in[0].item());
      });
}

TEST(BasicDefinitions, WeightPenalty) {
  for_each_case<ops::WeightPenalty>(
      [](const ops::WeightPenalty& op, const Tensors& in, const Tensors& out) {
        double sum = 0;
        for (double w : in[0].span<double>()) sum += op.l1 * std::abs(w) + op.l2 * w * w;
        EXPECT_NEAR(out[0].item() / sum, 1, kTolerance);
      });
}

TEST(BasicDefinitions, AWeightOfZeroIsNotPushed) {
  ops::WeightPenaltyBackward op;
  op.l1 = 2;
  const Tensors out = run(op, {Tensor::full({}, 0.5, DType::f64), row({0, 3, -3})});
  EXPECT_EQ(out[0].item(0), 0);
  EXPECT_EQ(out[0].item(1), 1);
  EXPECT_EQ(out[0].item(2), -1);
}

// ---- Activations ----

double activation(const Activation& a, double x) {
  switch (a.kind) {
    case Activation::Kind::identity:
      return x;
    case Activation::Kind::relu:
      return std::max(x, 0.0);
    case Activation::Kind::leaky_relu:
      return x > 0 ? x : a.alpha * x;
    case Activation::Kind::elu:
      return x > 0 ? x : a.alpha * (std::exp(x) - 1);
    case Activation::Kind::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::Kind::tanh:
      return std::tanh(x);
    case Activation::Kind::gelu:
      return x * (1 + std::erf(x / std::sqrt(2.0))) / 2;
    case Activation::Kind::silu:
      return x / (1 + std::exp(-x));
    case Activation::Kind::step:
      return x > 0 ? 1 : 0;
    case Activation::Kind::selu:
      return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (std::exp(x) - 1));
    case Activation::Kind::softplus:
      return std::log(1 + std::exp(x));
    case Activation::Kind::hard_swish:
      return x <= -3 ? 0 : x >= 3 ? x : x * (x + 3) / 6;
  }
  return kNan;
}

constexpr int kKinds = 12;

TEST(BasicDefinitions, Activate) {
  std::set<Activation::Kind> seen;
  for_each_case<ops::Activate>([&](const ops::Activate& op, const Tensors& in, const Tensors& out) {
    const Tensor expected = tensor_of(
        out[0].shape(), [&](std::int64_t i) { return activation(op.activation, in[0].item(i)); });
    EXPECT_LE(relative_error(out[0], expected), kTolerance);
    seen.insert(op.activation.kind);
  });
  EXPECT_EQ(seen.size(), kKinds);
}

/// f(x) for x far out, where naive formulas overflow or lose all digits.
TEST(BasicDefinitions, ActivationsStandExtremes) {
  const auto value = [](Activation::Kind kind, double x) {
    return run(ops::Activate({kind, 1.0}), {row({x})})[0].item();
  };
  using Kind = Activation::Kind;
  EXPECT_EQ(value(Kind::sigmoid, 1000), 1);
  EXPECT_EQ(value(Kind::sigmoid, -1000), 0);
  EXPECT_NEAR(value(Kind::sigmoid, -700) / std::exp(-700.0), 1, 1e-12);
  EXPECT_EQ(value(Kind::elu, -1000), -1);
  EXPECT_NEAR(value(Kind::elu, -1e-12) / -1e-12, 1, 1e-11);
  EXPECT_EQ(value(Kind::silu, 1000), 1000);
  EXPECT_EQ(value(Kind::silu, -1000), 0);
  EXPECT_NEAR(value(Kind::gelu, -10) / -7.619853024160593e-23, 1, 1e-10);
  EXPECT_EQ(value(Kind::gelu, 40), 40);
  EXPECT_EQ(value(Kind::softplus, 1000), 1000);
  EXPECT_NEAR(value(Kind::softplus, -700) / std::exp(-700.0), 1, 1e-12);
  EXPECT_EQ(value(Kind::hard_swish, 4), 4);
  EXPECT_EQ(value(Kind::hard_swish, -kInfinity), 0);
  EXPECT_EQ(value(Kind::step, 0), 0);
  EXPECT_EQ(value(Kind::step, -kInfinity), 0);
  for (int kind = 0; kind < kKinds; ++kind) {
    EXPECT_TRUE(std::isnan(value(static_cast<Kind>(kind), kNan))) << kind;
  }
}

TEST(BasicDefinitions, TheGradientOfReluAtZeroIsZero) {
  ops::ActivateBackward op;
  op.activation.kind = Activation::Kind::relu;
  const Tensors out = run(op, {row({5, 5, 5}), row({0, -0.0, 1e-30})});
  EXPECT_EQ(out[0].item(0), 0);
  EXPECT_EQ(out[0].item(1), 0);
  EXPECT_EQ(out[0].item(2), 5);
}

TEST(BasicDefinitions, Softmax) {
  for_each_case<ops::Softmax>([](const ops::Softmax&, const Tensors& in, const Tensors& out) {
    const std::int64_t columns = in[0].shape().c();
    const Tensor expected = tensor_of(out[0].shape(), [&](std::int64_t i) {
      double sum = 0;
      for (std::int64_t c = 0; c < columns; ++c) {
        sum += std::exp(in[0].item(i - i % columns + c) - in[0].item(i));
      }
      return 1 / sum;
    });
    EXPECT_LE(relative_error(out[0], expected), kTolerance);
  });
}

TEST(BasicDefinitions, SoftmaxStandsExtremes) {
  const Tensors out = run(ops::Softmax{}, {row({1e5, 1e5, -1e5, -kInfinity})});
  EXPECT_EQ(out[0].item(0), 0.5);
  EXPECT_EQ(out[0].item(1), 0.5);
  EXPECT_EQ(out[0].item(2), 0);
  EXPECT_EQ(out[0].item(3), 0);
  const Tensors poisoned = run(ops::Softmax{}, {row({1, kNan, 2})});
  for (double value : poisoned[0].span<double>()) EXPECT_TRUE(std::isnan(value));
}

}  // namespace
}  // namespace fovea::test
