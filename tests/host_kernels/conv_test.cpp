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

TEST(ConvWindow, StripsOfSeveralRowsAgree) {
  const Overridden blocks(kernels::many_blocks, 1);
  for (const std::int64_t rows : {40, 41}) {  // whole strips, and not
    const Shape x{4, rows, 9, 32};
    const kernels::ConvShape shape = {4, rows, 9, 32, rows, 9, 32, 3, 3, 32, 1, 1, 1, 1, 1, 1};
    const kernels::ConvAxes axes = kernels::forward_axes(shape);
    EXPECT_EQ(kernels::strips_for(4, axes, 32, 1).height, 4);  // as in f32
    EXPECT_EQ(kernels::strips_for(4, axes, 64, 1).height, 2);  // as in 16 bits
    for (const OpCase& op_case : conv_passes(x, 32, 3, depthwise(32, Padding::same()))) {
      for (const DType dtype : kTypes) check_candidate(op_case, dtype, "depthwise");
    }
  }
}

TEST(ConvWindow, DepthwiseFiltersFillSharedMemory) {
  const Size2 largest(48, 32);
  for (const std::int64_t channels : {3, 16}) {
    const Shape x{1, 49, 33, channels};
    for (const OpCase& op_case :
         conv_passes(x, channels, largest, depthwise(channels, Padding::valid()))) {
      for (const DType dtype : kTypes) check_candidate(op_case, dtype, "depthwise");
    }
  }
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
    EXPECT_EQ(reason_of(op_case, "depthwise"), "filters of more than 1,536 weights");
  }
}

}  // namespace
}  // namespace fovea::test
