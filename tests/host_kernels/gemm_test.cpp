// gemm_kernel where the op cases do not lead: its large tiles, tf32, the chips before sm_80.
#include <gtest/gtest.h>

#include "fovea/ops/matmul.h"
#include "host/graph/run_op.h"
#include "kernels/conv.h"
#include "kernels/gemm_configs.cuh"
#include "kernels/matmul.h"
#include "tests/host_kernels/check_candidate.h"

namespace fovea::test {
namespace {

class OnArchitecture {
 public:
  explicit OnArchitecture(int sm) { on_host::set_architecture(sm); }
  ~OnArchitecture() { on_host::set_architecture(80); }
  OnArchitecture(const OnArchitecture&) = delete;
  OnArchitecture& operator=(const OnArchitecture&) = delete;
};

std::vector<OpCase> products(std::int64_t rows, std::int64_t inner, std::int64_t columns) {
  ops::MatMul transposed_a, transposed_b;
  transposed_a.transpose_a = transposed_b.transpose_b = true;
  return {OpCase("nn", ops::MatMul{}, {{{rows, inner}}, {{inner, columns}}}),
          OpCase("tn", transposed_a, {{{inner, rows}}, {{inner, columns}}}),
          OpCase("nt", transposed_b, {{{rows, inner}}, {{columns, inner}}})};
}

constexpr DType kTypes[] = {DType::f32, DType::f16, DType::bf16};

TEST(Gemm, LargeTilesAgree) {
  const Overridden blocks(kernels::many_blocks, 1);
  for (const DType dtype : kTypes) {
    for (const std::int64_t columns : {136, 40}) {
      for (const OpCase& op_case : products(136, 72, columns))
        check_candidate(op_case, dtype, "gemm");
    }
    // More than 128 pixels, channels and filters, so that each pass has more than one large tile.
    for (const OpCase& op_case : conv_passes({1, 13, 11, 136}, 136, 1, {})) {
      check_candidate(op_case, dtype, "implicit_gemm");
    }
    for (const OpCase& op_case : conv_passes({1, 14, 15, 16}, 24, 3, {1, Padding::same(), 1, 1})) {
      check_candidate(op_case, dtype, "implicit_gemm");
    }
  }
}

TEST(Gemm, ChipsBeforeSm80Agree) {
  const OnArchitecture turing(75);
  for (const DType dtype : kTypes) {
    for (const OpCase& op_case : products(40, 104, 72)) check_candidate(op_case, dtype, "gemm");
    for (const OpCase& op_case : products(6, 10, 4)) check_candidate(op_case, dtype, "gemm");
    for (const OpCase& op_case : conv_passes({2, 7, 6, 8}, 16, 3, {2, Padding::same(), 1, 1})) {
      check_candidate(op_case, dtype, "implicit_gemm");
    }
    for (const OpCase& op_case : conv_passes({2, 5, 6, 6}, 10, 3, {1, Padding::same(), 1, 1})) {
      check_candidate(op_case, dtype, "implicit_gemm");
    }
  }
}

constexpr double kTf32Tolerance = 1e-3;

/// matmul_gemm in tf32 for one layout.
double tf32_error(const OpCase& op_case, const kernels::MatmulShape& shape) {
  const std::vector<Tensor> inputs = make_inputs(op_case, DType::f32);
  const std::vector<Tensor> expected = run_reference(
      op_case.op(DType::f64), std::vector{inputs[0].to(DType::f64), inputs[1].to(DType::f64)});
  Tensor c({shape.rows, shape.columns}, DType::f32);
  std::vector<char> workspace(
      static_cast<std::size_t>(kernels::matmul_gemm_workspace_bytes(shape)));
  EXPECT_EQ(kernels::matmul_gemm(nullptr, shape, DType::f32, true, inputs[0].raw(), inputs[1].raw(),
                                 {}, c.mutable_raw(), workspace.data()),
            cudaSuccess);
  return relative_error(c, expected[0]);
}

void expect_tf32(std::int64_t rows, std::int64_t inner, std::int64_t columns, bool rounded) {
  const std::vector<OpCase> layouts = products(rows, inner, columns);
  kernels::MatmulShape shape = {rows, columns, inner};
  const double nn = tf32_error(layouts[0], shape);
  shape.transpose_a = true;
  const double tn = tf32_error(layouts[1], shape);
  shape.transpose_a = false;
  shape.transpose_b = true;
  const double nt = tf32_error(layouts[2], shape);
  for (const double error : {nn, tn, nt}) {
    EXPECT_LE(error, kTf32Tolerance);
    if (rounded) {
      EXPECT_GT(error, 1e-5);
    }
  }
}

TEST(Gemm, Tf32ProductsAgree) {
  expect_tf32(7, 13, 5, true);
  expect_tf32(24, 36, 20, true);
  const Overridden many(kernels::many_blocks, 1);
  expect_tf32(132, 20, 136, true);
}

TEST(Gemm, Tf32ProductsAreF32BeforeSm80) {
  const OnArchitecture turing(75);
  expect_tf32(7, 13, 5, false);
  expect_tf32(24, 36, 20, false);
}

TEST(Gemm, Tf32ConvolutionsAgree) {
  const kernels::ConvShape shape = {.images = 2,
                                    .height = 7,
                                    .width = 6,
                                    .channels = 8,
                                    .out_height = 4,
                                    .out_width = 3,
                                    .filters = 12,
                                    .kernel_height = 3,
                                    .kernel_width = 3,
                                    .groups = 1,
                                    .stride_height = 2,
                                    .stride_width = 2,
                                    .dilation_height = 1,
                                    .dilation_width = 1,
                                    .pad_top = 1,
                                    .pad_left = 0};
  const std::vector<OpCase> cases = conv_passes({2, 7, 6, 8}, 12, 3, {2, Padding::same(), 1, 1});
  for (std::size_t pass = 0; pass < 3; ++pass) {
    const std::vector<Tensor> inputs = make_inputs(cases[pass], DType::f32);
    const std::vector<Tensor> expected =
        run_reference(cases[pass].op(DType::f64),
                      std::vector{inputs[0].to(DType::f64), inputs[1].to(DType::f64)});
    Tensor out(expected[0].shape(), DType::f32);
    const void* a = inputs[0].raw();
    const void* b = inputs[1].raw();
    std::vector<char> workspace(static_cast<std::size_t>(
        kernels::conv_backward_filter_implicit_gemm_workspace_bytes(shape)));
    cudaError_t status = cudaErrorUnknown;
    if (pass == 0) {
      status = kernels::conv_forward_implicit_gemm(nullptr, shape, DType::f32, true, a, b, {},
                                                   out.mutable_raw());
    } else if (pass == 1) {
      status = kernels::conv_backward_data_implicit_gemm(nullptr, shape, DType::f32, true, a, b,
                                                         out.mutable_raw());
    } else {
      status = kernels::conv_backward_filter_implicit_gemm(nullptr, shape, DType::f32, true, a, b,
                                                           out.mutable_raw(), workspace.data());
    }
    EXPECT_EQ(status, cudaSuccess);
    const double error = relative_error(out, expected[0]);
    EXPECT_LE(error, kTf32Tolerance) << "pass " << pass;
    EXPECT_GT(error, 1e-5) << "pass " << pass;
  }
}

}  // namespace
}  // namespace fovea::test
