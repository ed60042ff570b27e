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

/// Every layout in tf32; `rounded`: whether that shows.
void expect_tf32(std::int64_t rows, std::int64_t inner, std::int64_t columns, bool rounded) {
  for (const OpCase& op_case : products(rows, inner, columns)) {
    const double error = check_candidate(op_case, DType::f32, "gemm", {.allow_tf32 = true});
    EXPECT_EQ(error > 1e-5, rounded) << op_case.name << ": " << error;
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
  for (const OpCase& op_case : conv_passes({2, 7, 6, 8}, 12, 3, {2, Padding::same(), 1, 1})) {
    EXPECT_GT(check_candidate(op_case, DType::f32, "implicit_gemm", {.allow_tf32 = true}), 1e-5)
        << op_case.name;
  }
}

// ---- Variants ----

using kernels::GemmChoice;

/// Every variant of a product with a C of this size agrees, and is the choice of its number: that
/// many blocks of such tiles. There are no others.
void check_variants(const OpCase& op_case, DType dtype, const std::string& candidate,
                    const std::vector<GemmChoice>& choices, std::int64_t rows,
                    std::int64_t columns) {
  const OpPtr op = op_case.op(dtype);
  const std::vector<Tensor> inputs = make_inputs(op_case, dtype);
  const auto answer = [&](int variant) {
    return lower_for_cuda(*op, inputs, candidate, {.variant = variant});
  };
  const auto count = static_cast<int>(choices.size());
  EXPECT_EQ(std::get<Lowering>(answer(0)).variants, count);
  for (const int missing : {count, count + 7, -1}) {
    EXPECT_EQ(std::get<Decline>(answer(missing)).reason, "there is no such variant");
  }
  for (const bool tf32 : {false, true}) {
    if (tf32 && dtype != DType::f32) continue;
    for (int variant = 0; variant < count; ++variant) {
      const GemmChoice& choice = choices[static_cast<std::size_t>(variant)];
      SCOPED_TRACE(detail::concat(choice.tile_rows, " x ", choice.tile_columns, ", ", choice.parts,
                                  " parts"));
      check_candidate(op_case, dtype, candidate, {variant, tf32});
      const dim3 grid = on_host::last_grid("gemm_kernel");
      EXPECT_EQ(grid.x, kernels::blocks_for(rows, choice.tile_rows) *
                            kernels::blocks_for(columns, choice.tile_columns));
      EXPECT_EQ(grid.z, choice.parts);
    }
  }
}

TEST(GemmVariants, OfProductsAgree) {
  for (const DType dtype : kTypes) {
    kernels::MatmulShape shape = {72, 136, 40};
    for (const OpCase& op_case : products(shape.rows, shape.inner, shape.columns)) {
      const auto choices = kernels::matmul_gemm_choices(shape, dtype);
      EXPECT_EQ(choices.size(), dtype == DType::f32 ? 2U : 3U);
      check_variants(op_case, dtype, "gemm", choices, shape.rows, shape.columns);
    }
  }
  // A long inner axis, which blocks share out.
  const kernels::MatmulShape shape = {16, 72, 1032};
  const auto choices = kernels::matmul_gemm_choices(shape, DType::f16);
  EXPECT_EQ(choices, (std::vector<GemmChoice>{{64, 64, 2}, {64, 64, 1}}));
  check_variants(products(16, 1032, 72)[0], DType::f16, "gemm", choices, 16, 72);
}

kernels::ConvShape one_by_one(std::int64_t images, std::int64_t height, std::int64_t width,
                              std::int64_t channels, std::int64_t filters) {
  return {images, height, width, channels, height, width, filters, 1, 1, 1, 1, 1, 1, 1, 0, 0};
}

TEST(GemmVariants, OfConvolutionsAgree) {
  using kernels::ConvPass;
  const kernels::ConvShape shape = one_by_one(2, 13, 11, 72, 80);
  const std::vector<OpCase> cases = conv_passes({2, 13, 11, 72}, 80, 1, {});
  const std::int64_t pixels = shape.output_pixels();
  for (const DType dtype : kTypes) {
    const auto check = [&](std::size_t number, ConvPass pass, std::size_t variants,
                           std::int64_t rows, std::int64_t columns) {
      const auto choices = kernels::conv_implicit_gemm_choices(shape, pass, dtype);
      EXPECT_EQ(choices.size(), variants);
      check_variants(cases[number], dtype, "implicit_gemm", choices, rows, columns);
    };
    const std::size_t tiles = dtype == DType::f32 ? 2 : 3;
    check(0, ConvPass::forward, tiles, pixels, shape.filters);
    check(1, ConvPass::backward_data, tiles, pixels, shape.channels);
    check(2, ConvPass::backward_filter, 4, shape.filters, shape.channels);  // two numbers of parts
  }
}

TEST(GemmVariants, BeginWithTheHeuristicsChoiceAndNameEachOnce) {
  using kernels::ConvPass;
  using Choices = std::vector<GemmChoice>;
  const auto of_product = [](const kernels::MatmulShape& shape, DType dtype) {
    return kernels::matmul_gemm_choices(shape, dtype);
  };
  EXPECT_EQ(of_product({4096, 1024, 512}, DType::f16), (Choices{{128, 128}, {128, 64}, {64, 64}}));
  EXPECT_EQ(of_product({4096, 1024, 512}, DType::f32), (Choices{{128, 128}, {64, 64}}));
  EXPECT_EQ(of_product({1 << 14, 64, 512}, DType::bf16), (Choices{{128, 64}, {64, 64}}));
  EXPECT_EQ(of_product({100, 99, 50}, DType::f16), (Choices{{64, 64}})) << "copies of 2 bytes";
  EXPECT_EQ(of_product({32, 32, 512}, DType::f16), (Choices{{64, 64}})) << "a small C";
  EXPECT_EQ(of_product({128, 64, 4096}, DType::f16),
            (Choices{{64, 64, 8}, {128, 64, 8}, {64, 64, 4}, {128, 64, 4}}));
  const auto of_filter = [](std::int64_t channels, std::int64_t filters) {
    return kernels::conv_implicit_gemm_choices(one_by_one(256, 14, 14, channels, filters),
                                               ConvPass::backward_filter, DType::f16);
  };
  EXPECT_EQ(of_filter(576, 64), (Choices{{64, 64, 57}, {64, 64, 28}, {64, 64, 114}}));
  EXPECT_EQ(of_filter(2304, 256),
            (Choices{{128, 128, 15}, {64, 64, 15}, {128, 128, 7}, {64, 64, 7}}))
      << "twice as many sums would not fit";
}

/// What is no choice of theirs is refused, not computed wrongly.
TEST(GemmVariants, LaunchersRefuseTilesThatTheyDoNotHave) {
  const kernels::MatmulShape shape = {72, 72, 72};
  EXPECT_EQ(kernels::matmul_gemm(nullptr, shape, DType::f32, false, {128, 64}, nullptr, nullptr, {},
                                 nullptr, nullptr),
            cudaErrorInvalidValue);
}

}  // namespace
}  // namespace fovea::test
