// Convolutions whose threads walk over the pictures, where the op cases do not lead: pictures so
// large that a thread takes several rows, and filters at the limit of shared memory.
#include <gtest/gtest.h>

#include "kernels/conv_window.cuh"
#include "tests/host_kernels/check_candidate.h"
#include "tests/host_kernels/run_candidate.h"

namespace fovea::test {
namespace {

constexpr DType kTypes[] = {DType::f32, DType::f16, DType::bf16};

ops::ConvAttributes depthwise(std::int64_t channels, const Padding& padding) {
  return {1, padding, 1, channels};
}

/// Runs all passes in all types; first_layer has no backward data.
void check_passes(const Shape& x, std::int64_t filters, Size2 kernel,
                  const ops::ConvAttributes& attributes, const std::string& candidate) {
  for (const OpCase& op_case : conv_passes(x, filters, kernel, attributes)) {
    if (candidate == "first_layer" && op_case.op_name() == "conv2d_backward_data") continue;
    for (const DType dtype : kTypes) check_candidate(op_case, dtype, candidate);
  }
}

TEST(ConvWindow, StripsOfSeveralRowsAgree) {
  const Overridden blocks(kernels::many_blocks, 1);
  for (const std::int64_t rows : {40, 41}) {  // whole strips, and not
    const kernels::ConvShape shape = {4, rows, 9, 32, rows, 9, 32, 3, 3, 32, 1, 1, 1, 1, 1, 1};
    const kernels::ConvAxes axes = kernels::forward_axes(shape);
    EXPECT_EQ(kernels::strips_for(4, axes, 32, 1).height, 4);  // depthwise in f32
    EXPECT_EQ(kernels::strips_for(4, axes, 64, 1).height, 2);  // and in 16 bits; first_layer
    check_passes({4, rows, 9, 32}, 32, 3, depthwise(32, Padding::same()), "depthwise");
    check_passes({4, rows, 9, 3}, 32, 3, {1, Padding::same(), 1, 1}, "first_layer");
  }
}

TEST(ConvWindow, FiltersFillSharedMemory) {
  for (const std::int64_t channels : {3, 16}) {
    check_passes({1, 33, 34, channels}, channels, {32, 32}, depthwise(channels, Padding::valid()),
                 "depthwise");
  }
  check_passes({1, 17, 18, 4}, 19, {16, 16}, {}, "first_layer");
  check_passes({2, 11, 12, 4}, 24, {8, 12}, {2, Padding::same(), 1, 1}, "first_layer");
}

TEST(ConvWindow, EmptyBatches) {
  check_passes({0, 5, 6, 8}, 8, 3, depthwise(8, Padding::same()), "depthwise");
  check_passes({0, 5, 6, 3}, 8, 3, {}, "first_layer");
}

std::string reason_of(const OpCase& op_case, const std::string& candidate) {
  const LowerResult result =
      lower_for_cuda(*op_case.op(DType::f32), make_inputs(op_case, DType::f32), candidate);
  const auto* decline = std::get_if<Decline>(&result);
  return decline == nullptr ? "accepted" : decline->reason;
}

TEST(ConvWindow, DepthwiseDeclinesWithAReason) {
  for (const OpCase& op_case : conv_passes({1, 4, 4, 4}, 8, 3, depthwise(4, Padding::valid()))) {
    EXPECT_EQ(reason_of(op_case, "depthwise"), "not one filter for each channel");
  }
  for (const OpCase& op_case :
       conv_passes({1, 60, 60, 1}, 1, {48, 33}, depthwise(1, Padding::valid()))) {
    EXPECT_EQ(reason_of(op_case, "depthwise"), "filters of more than 1,024 weights");
  }
}

TEST(ConvWindow, FirstLayerDeclinesWithAReason) {
  const OpCase grouped = conv_passes({1, 4, 4, 4}, 4, 3, {1, Padding::valid(), 1, 2})[0];
  EXPECT_EQ(reason_of(grouped, "first_layer"), "groups > 1");
  const OpCase deep = conv_passes({1, 4, 4, 5}, 4, 3, {})[0];
  EXPECT_EQ(reason_of(deep, "first_layer"), "more than 4 channels");
  const OpCase large = conv_passes({1, 20, 20, 4}, 4, {20, 20}, {})[0];
  EXPECT_EQ(reason_of(large, "first_layer"), "filters of more than 1,024 weights");
}

}  // namespace
}  // namespace fovea::test
