// Biases and casts of no elements; sums of many rows.
#include <gtest/gtest.h>

#include "fovea/ops/basic.h"
#include "fovea/ops/matmul.h"
#include "kernels/bias.h"
#include "tests/host_kernels/run_candidate.h"

namespace fovea::test {
namespace {

template <class DerivedOp>
Tensor run(const DerivedOp& op, const std::vector<Tensor>& inputs) {
  return run_candidate(op, inputs, "cuda")[0];
}

TEST(BiasGrad, OfNoRowsIsZero) {
  for (const std::int64_t columns : {0, 3, 8}) {
    const Tensor db = run(ops::BiasGrad{}, {Tensor({0, columns}, DType::f32)});
    ASSERT_EQ(db.shape(), Shape{columns});
    for (const float value : db.span<float>()) EXPECT_EQ(value, 0);
  }
}

TEST(AddBias, OfNoElements) {
  const Tensor b({3}, DType::f32), none({0}, DType::f32);
  EXPECT_EQ(run(ops::AddBias{}, {Tensor({0, 3}, DType::f32), b}).shape(), Shape({0, 3}));
  EXPECT_EQ(run(ops::AddBias{}, {Tensor({5, 0}, DType::f32), none}).shape(), Shape({5, 0}));
  EXPECT_EQ(run(ops::Cast(DType::f16), {Tensor({0, 3}, DType::f32)}).shape(), Shape({0, 3}));
}

/// The scratch memory stays small for any shape, since the chunks of rows are as many as fill a
/// GPU.
TEST(BiasGrad, WorkspaceIsBounded) {
  for (const std::int64_t columns : {1, 64, 257, 4096}) {
    for (const std::int64_t rows : {1, 128, 129, 1'000'000'000}) {
      const std::int64_t bytes = kernels::bias_grad_workspace_bytes(rows, columns);
      EXPECT_LE(bytes, 4 * 512 * 512) << rows << " rows, " << columns << " columns";
      EXPECT_EQ(bytes > 0, rows > 128);
    }
  }
}

}  // namespace
}  // namespace fovea::test
