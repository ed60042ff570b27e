// Shape inference of convolutions, pooling, matrix products and batch norms: output sizes, and
// errors that name the node, the cause and the remedy.
#include <gtest/gtest.h>

#include "fovea/graph.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/norm.h"
#include "fovea/ops/pool.h"

namespace fovea {
namespace {

/// The output size of one axis: a square window over a square picture.
std::int64_t output_size(std::int64_t input, std::int64_t kernel, std::int64_t stride,
                         std::int64_t dilation, const Padding& padding) {
  return resolve_window(input, kernel, stride, dilation, padding).output.h;
}

TEST(ResolveWindow, ValidCountsWholeWindowsOnly) {
  EXPECT_EQ(output_size(32, 3, 1, 1, Padding::valid()), 30);
  EXPECT_EQ(output_size(32, 3, 2, 1, Padding::valid()), 15);
  EXPECT_EQ(output_size(5, 5, 3, 1, Padding::valid()), 1);
  EXPECT_EQ(output_size(9, 3, 1, 4, Padding::valid()), 1);
}

TEST(ResolveWindow, SameRoundsUpAndPutsTheOddCellLast) {
  const WindowGeometry odd = resolve_window({7, 6}, 3, 2, 1, Padding::same());
  EXPECT_EQ(odd.output, Size2(4, 3));
  EXPECT_EQ(odd.pad_top, 1);
  EXPECT_EQ(odd.pad_bottom, 1);
  EXPECT_EQ(odd.pad_left, 0);
  EXPECT_EQ(odd.pad_right, 1);
  EXPECT_EQ(resolve_window(5, 2, 1, 1, Padding::same()).pad_bottom, 1);
  EXPECT_EQ(resolve_window(8, 1, 2, 1, Padding::same()).pad_bottom, 0);  // never negative
  EXPECT_EQ(output_size(5, 3, 1, 3, Padding::same()), 5);
}

TEST(ResolveWindow, ExplicitCellsMayDifferOnEachSide) {
  const WindowGeometry window = resolve_window({6, 5}, 3, 2, 1, Padding::cells(2, 0, 1, 3));
  EXPECT_EQ(window.output, Size2(3, 4));
}

/// The message of what `body` throws, which must have this code.
template <class Body>
std::string error_of(ErrorCode code, const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(ResolveWindow, SaysWhyAWindowDoesNotFit) {
  const std::string message = error_of(ErrorCode::shape_mismatch, [] {
    resolve_window({4, 9}, 3, 1, 2, Padding::valid());
  });
  EXPECT_HAS(message, "spans 5x5 cells");
  EXPECT_HAS(message, "picture of 4x9");
  EXPECT_HAS(message, "'same' padding");
}

TEST(ResolveWindow, RefusesNumbersThatMakeNoSense) {
  const auto refused = [](Size2 kernel, Size2 stride, Size2 dilation, const Padding& padding) {
    return error_of(ErrorCode::invalid_argument,
                    [&] { resolve_window(8, kernel, stride, dilation, padding); });
  };
  EXPECT_HAS(refused({0, 3}, 1, 1, {}), "window of 0x3");
  EXPECT_HAS(refused(3, {1, 0}, 1, {}), "strides 1x0");
  EXPECT_HAS(refused(3, 1, -1, {}), "dilations -1x-1");
  EXPECT_HAS(refused(3, 1, 1, Padding::cells(0, -2, 0, 0)), "bottom -2");
}

/// A builder and some inputs to try ops on.
class OpShapes : public ::testing::Test {
 protected:
  Value input(const Shape& shape, DType dtype = DType::f32) {
    return builder_.input("input" + std::to_string(count_++), {shape, dtype});
  }
  template <class DerivedOp>
  std::string refused(ErrorCode code, const DerivedOp& op, std::vector<Value> inputs) {
    return error_of(code, [&] {
      const auto scope = builder_.scope("stage2.layer1");
      builder_.add(std::make_shared<const DerivedOp>(op), inputs);
    });
  }

  Graph graph_;
  Builder builder_{graph_};
  int count_ = 0;
};

TEST_F(OpShapes, ConvolutionOfAPictureWithoutABatchAxis) {
  const std::string message =
      refused(ErrorCode::shape_mismatch, ops::Conv2d{}, {input({28, 28, 1}), input({8, 3, 3, 1})});
  EXPECT_HAS(message, "stage2.layer1");
  EXPECT_HAS(message, "conv2d");
  EXPECT_HAS(message, "(28, 28, 1)");
  EXPECT_HAS(message, "must have 4 axes such as (N, H, W, C), not 3");
}

TEST_F(OpShapes, ConvolutionWithWeightsForOtherChannels) {
  const std::string message =
      refused(ErrorCode::shape_mismatch, ops::Conv2d{}, {input({2, 8, 8, 3}), input({8, 3, 3, 4})});
  EXPECT_HAS(message, "the weights (out, kh, kw, in / groups) must have shape (8, 3, 3, 3)");
}

TEST_F(OpShapes, ConvolutionWithGroupsThatDoNotDivide) {
  ops::Conv2d op;
  op.groups = 3;
  const std::string message =
      refused(ErrorCode::shape_mismatch, op, {input({2, 8, 8, 4}), input({6, 3, 3, 1})});
  EXPECT_HAS(message, "groups = 3 must divide the 4 input channels and the 6 filters");
}

TEST_F(OpShapes, ConvolutionOfNoChannels) {
  const std::string message =
      refused(ErrorCode::shape_mismatch, ops::Conv2d{}, {input({2, 8, 8, 0}), input({8, 3, 3, 0})});
  EXPECT_HAS(message, "needs a channel and a filter at least, not 0 and 8");
}

TEST_F(OpShapes, ConvolutionOfIntegers) {
  const std::string message = refused(ErrorCode::invalid_argument, ops::Conv2d{},
                                      {input({2, 8, 8, 3}, DType::u8), input({8, 3, 3, 3})});
  EXPECT_HAS(message, "floating type, not u8");
}

TEST_F(OpShapes, ConvolutionOfTwoTypes) {
  const std::string message = refused(ErrorCode::invalid_argument, ops::Conv2d{},
                                      {input({2, 8, 8, 3}), input({8, 3, 3, 3}, DType::f64)});
  EXPECT_HAS(message, "must be of type f32, not f64");
}

TEST_F(OpShapes, ConvolutionWithAMissingInput) {
  const std::string message =
      refused(ErrorCode::invalid_argument, ops::Conv2d{}, {input({2, 8, 8, 3})});
  EXPECT_HAS(message, "takes 2 inputs, not 1");
}

TEST_F(OpShapes, PoolingPaddingMustLeaveACellInEveryWindow) {
  const ops::MaxPool2d op({2, 2, Padding::cells(2)});
  const std::string message = refused(ErrorCode::invalid_argument, op, {input({2, 8, 8, 3})});
  EXPECT_HAS(message, "smaller than the pooling window of 2x2");
}

TEST_F(OpShapes, PoolingIndicesWidenWithTheWindow) {
  const Value x = input({2, 20, 20, 3});
  EXPECT_EQ(builder_.type(builder_.add(ops::MaxPool2d({16, 1, {}}), {x})[1]).dtype, DType::u8);
  EXPECT_EQ(builder_.type(builder_.add(ops::MaxPool2d({17, 1, {}}), {x})[1]).dtype, DType::i32);
}

TEST_F(OpShapes, MatrixProductOfShapesThatDoNotMeet) {
  const std::string message =
      refused(ErrorCode::shape_mismatch, ops::MatMul{}, {input({4, 5}), input({6, 7})});
  EXPECT_HAS(message, "the right matrix must have shape (5, 7), not (6, 7)");
}

TEST_F(OpShapes, BatchNormWithVectorsOfAnotherLength) {
  const std::string message =
      refused(ErrorCode::shape_mismatch, ops::BatchNorm{},
              {input({2, 4, 4, 3}), input({3}), input({3}), input({4}), input({3})});
  EXPECT_HAS(message, "must have shape (3,), not (4,)");
}

TEST_F(OpShapes, FlopsCountMultiplicationsAndAdditions) {
  const Value x = input({2, 32, 32, 3});
  const Value y = builder_.add(ops::Conv2d{}, {x, input({32, 3, 3, 3})});
  const Node& node = graph_.producer_node(y);
  const std::vector<ValueType> inputs = {graph_.type(node.inputs[0]), graph_.type(node.inputs[1])};
  const std::vector<ValueType> outputs = {graph_.type(y)};
  EXPECT_EQ(node.op->flops(inputs, outputs), 2.0 * 2 * 30 * 30 * 32 * 27);
}

TEST_F(OpShapes, FlopsAreTheSameInEachPassOfAConvolution) {
  const ops::ConvAttributes grouped{2, Padding::same(), 1, 3};
  const ValueType x{{2, 7, 8, 9}, DType::f32};
  const ValueType w{{6, 3, 3, 3}, DType::f32};
  const ValueType y{{2, 4, 4, 6}, DType::f32};
  const double flops = 2.0 * 2 * 4 * 4 * 6 * (3 * 3 * 9 / 3);
  const auto flops_of = [](const Op& op, std::vector<ValueType> inputs, const ValueType& output) {
    EXPECT_EQ(op.infer(inputs).front(), output);
    return op.flops(inputs, std::vector<ValueType>{output});
  };
  EXPECT_EQ(flops_of(ops::Conv2d(grouped), {x, w}, y), flops);
  EXPECT_EQ(flops_of(ops::Conv2dBackwardData(grouped, Size2(7, 8)), {y, w}, x), flops);
  EXPECT_EQ(flops_of(ops::Conv2dBackwardFilter(grouped, 3), {x, y}, w), flops);
}

}  // namespace
}  // namespace fovea
