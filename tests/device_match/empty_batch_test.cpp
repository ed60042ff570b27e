// Batches without a picture: outputs of no elements, and sums over nothing that are zero rather
// than what lay in memory before. (Fast candidates may decline; the table has to have one that does
// not.)
#include <gtest/gtest.h>

#include "fovea/ops/conv.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/norm.h"
#include "fovea/ops/pool.h"
#include "host/graph/run_op.h"

namespace fovea::test {
namespace {

template <class DerivedOp>
std::vector<Tensor> run(const DerivedOp& op, const std::vector<Shape>& shapes) {
  std::vector<Tensor> inputs;
  for (const Shape& shape : shapes) inputs.push_back(Tensor::full(shape, 0.5));
  RunOptions options;
  options.threads = 2;
  return run_op(std::make_shared<const DerivedOp>(op), inputs, options);
}

void expect_zeros(const Tensor& tensor, const Shape& shape) {
  ASSERT_EQ(tensor.shape(), shape);
  for (float value : tensor.span<float>()) EXPECT_EQ(value, 0);
}

TEST(EmptyBatch, Convolutions) {
  EXPECT_EQ(run(ops::Conv2d{}, {{0, 5, 6, 3}, {4, 3, 3, 3}})[0].shape(), Shape({0, 3, 4, 4}));
  EXPECT_EQ(run(ops::Conv2dBackwardData({}, {5, 6}), {{0, 3, 4, 4}, {4, 3, 3, 3}})[0].shape(),
            Shape({0, 5, 6, 3}));
  expect_zeros(run(ops::Conv2dBackwardFilter({}, 3), {{0, 5, 6, 3}, {0, 3, 4, 4}})[0],
               {4, 3, 3, 3});
}

TEST(EmptyBatch, Pooling) {
  EXPECT_EQ(run(ops::MaxPool2d{}, {{0, 4, 4, 3}})[0].shape(), Shape({0, 2, 2, 3}));
  EXPECT_EQ(run(ops::MinPool2d{}, {{0, 4, 4, 3}})[0].shape(), Shape({0, 2, 2, 3}));
  EXPECT_EQ(run(ops::AvgPool2d{}, {{0, 4, 4, 3}})[0].shape(), Shape({0, 2, 2, 3}));
  EXPECT_EQ(run(ops::GlobalAvgPool{}, {{0, 4, 4, 3}})[0].shape(), Shape({0, 3}));
}

TEST(EmptyBatch, MatrixProducts) {
  EXPECT_EQ(run(ops::MatMul{}, {{0, 3}, {3, 4}})[0].shape(), Shape({0, 4}));
  ops::MatMul weights_gradient;
  weights_gradient.transpose_a = true;
  expect_zeros(run(weights_gradient, {{0, 3}, {0, 4}})[0], {3, 4});
  expect_zeros(run(ops::BiasGrad{}, {{0, 4}})[0], {4});
}

TEST(EmptyBatch, BatchNorms) {
  const auto forward = run(ops::BatchNorm{}, {{0, 2, 2, 3}, {3}, {3}, {3}, {3}});
  expect_zeros(forward[1], {3});
  expect_zeros(forward[2], {3});
  const auto backward = run(ops::BatchNormBackward{}, {{0, 2, 2, 3}, {0, 2, 2, 3}, {3}, {3}, {3}});
  expect_zeros(backward[1], {3});
  expect_zeros(backward[2], {3});
}

}  // namespace
}  // namespace fovea::test
