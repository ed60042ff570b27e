// The simulated cuBLASLt catches wrong use.
#include <gtest/gtest.h>

#include "cuda/cublaslt/matmul.h"
#include "tests/simulated_gpu/on_device.h"

namespace fovea::test {
namespace {

const cuda::cublaslt::Library& library() { return simulated_libraries().cublaslt->library(); }

/// D (4 x 3) = A (4 x 5) B (5 x 3), column-major, plus a bias per row of D: everything rightly, for
/// a test to spoil.
class SimulatedCublaslt : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(library().matmul_desc_create(&operation_, CUBLAS_COMPUTE_32F, CUDA_R_32F), kSuccess);
    const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
    set_bias(bias_.get());
    ASSERT_EQ(library().matrix_layout_create(&a_layout_, CUDA_R_32F, 4, 5, 4), kSuccess);
    ASSERT_EQ(library().matrix_layout_create(&b_layout_, CUDA_R_32F, 5, 3, 5), kSuccess);
    ASSERT_EQ(library().matrix_layout_create(&d_layout_, CUDA_R_32F, 4, 3, 4), kSuccess);
    ASSERT_EQ(library().preference_create(&preference_), kSuccess);
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{1024});
    for (const auto matrix :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
      prefer(matrix, std::uint32_t{16});
    }
  }
  void TearDown() override {
    for (cublasLtMatrixLayout_t layout : {a_layout_, b_layout_, d_layout_}) {
      EXPECT_EQ(library().matrix_layout_destroy(layout), kSuccess);
    }
    EXPECT_EQ(library().matmul_desc_destroy(operation_), kSuccess);
    EXPECT_EQ(library().preference_destroy(preference_), kSuccess);
  }

  template <class T>
  void set(cublasLtMatmulDescAttributes_t name, const T& value) {
    ASSERT_EQ(library().matmul_desc_set_attribute(operation_, name, &value, sizeof value),
              kSuccess);
  }
  void set_bias(const void* bias) { set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias); }
  template <class T>
  void prefer(cublasLtMatmulPreferenceAttributes_t name, const T& value) {
    ASSERT_EQ(library().preference_set_attribute(preference_, name, &value, sizeof value),
              kSuccess);
  }

  cublasStatus_t choose(cublasLtMatrixLayout_t a) {
    int found = 0;
    cublasLtMatmulHeuristicResult_t result;
    const cublasStatus_t status = library().algo_get_heuristic(
        simulated_libraries().cublaslt->get(), operation_, a, b_layout_, d_layout_, d_layout_,
        preference_, 1, &result, &found);
    if (status == kSuccess) {
      EXPECT_EQ(found, 1);
      algorithm_ = result.algo;
      workspace_bytes_ = result.workspaceSize;
    }
    return status;
  }

  cublasStatus_t multiply(const void* a, void* d, void* workspace, std::size_t workspace_bytes) {
    const float one = 1, zero = 0;
    return library().matmul(simulated_libraries().cublaslt->get(), operation_, &one, a, a_layout_,
                            b_.get(), b_layout_, &zero, d, d_layout_, d, d_layout_, &algorithm_,
                            workspace, workspace_bytes, stream_.get());
  }

  static constexpr auto kSuccess = CUBLAS_STATUS_SUCCESS;
  static constexpr auto kInvalid = CUBLAS_STATUS_INVALID_VALUE;
  DeviceMemory a_{80}, b_{60}, d_{48}, bias_{16}, workspace_{1024};
  DeviceStream stream_;
  cublasLtMatmulDesc_t operation_ = nullptr;
  cublasLtMatrixLayout_t a_layout_ = nullptr, b_layout_ = nullptr, d_layout_ = nullptr;
  cublasLtMatmulPreference_t preference_ = nullptr;
  cublasLtMatmulAlgo_t algorithm_{};
  std::size_t workspace_bytes_ = 0;
};

TEST_F(SimulatedCublaslt, AttributesHaveTheirSize) {
  const std::int64_t wide = CUBLAS_OP_T;
  EXPECT_EQ(library().matmul_desc_set_attribute(operation_, CUBLASLT_MATMUL_DESC_TRANSA, &wide,
                                                sizeof wide),
            kInvalid);
  const std::uint32_t narrow = 1024;
  EXPECT_EQ(library().preference_set_attribute(
                preference_, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &narrow, sizeof narrow),
            kInvalid);
  cublasLtMatrixLayout_t layout = nullptr;
  EXPECT_EQ(library().matrix_layout_create(&layout, CUDA_R_32F, 4, 3, 3), kInvalid);
}

TEST_F(SimulatedCublaslt, SizesFitTogether) {
  EXPECT_EQ(choose(a_layout_), kSuccess);
  EXPECT_EQ(choose(b_layout_), kInvalid);
  set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
  EXPECT_EQ(choose(a_layout_), kInvalid);
}

TEST_F(SimulatedCublaslt, PromisesAreKept) {
  ASSERT_EQ(choose(a_layout_), kSuccess);
  ASSERT_EQ(workspace_bytes_, 512u);
  EXPECT_EQ(multiply(a_.get(), d_.get(), workspace_.get(), 512), kSuccess);
  EXPECT_EQ(multiply(a_.get(), d_.get(), workspace_.get(), 511), kInvalid);
  EXPECT_EQ(multiply(a_.get(), d_.get(), nullptr, 512), kInvalid);
  EXPECT_EQ(multiply(static_cast<char*>(a_.get()) + 8, d_.get(), workspace_.get(), 512), kInvalid);
  EXPECT_EQ(multiply(a_.get(), d_.get(), static_cast<char*>(workspace_.get()) + 128, 512),
            kInvalid);
  EXPECT_EQ(multiply(a_.get(), a_.get(), workspace_.get(), 512), kInvalid);
  set_bias(static_cast<char*>(bias_.get()) + 8);  // chosen for one that is aligned to 256 bytes
  EXPECT_EQ(multiply(a_.get(), d_.get(), workspace_.get(), 512), kInvalid);
  set_bias(bias_.get());
  set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_RELU_BIAS);
  EXPECT_EQ(multiply(a_.get(), d_.get(), workspace_.get(), 512), CUBLAS_STATUS_NOT_SUPPORTED)
      << "the algorithm was chosen for another epilogue";
}

TEST_F(SimulatedCublaslt, EndsAtMemoryThatIsNotTheDevices) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  ASSERT_EQ(choose(a_layout_), kSuccess);
  alignas(256) static char host[1024];
  EXPECT_DEATH(multiply(host, d_.get(), workspace_.get(), 512), "cuBLASLt's A");
  EXPECT_DEATH(multiply(a_.get(), host, workspace_.get(), 512), "cuBLASLt's [CD]");
  EXPECT_DEATH(multiply(a_.get(), d_.get(), host, 512), "cuBLASLt's workspace");
}

TEST_F(SimulatedCublaslt, WhatIsDestroyedIsGone) {
  cublasLtMatrixLayout_t layout = nullptr;
  ASSERT_EQ(library().matrix_layout_create(&layout, CUDA_R_32F, 4, 5, 4), kSuccess);
  EXPECT_EQ(library().matrix_layout_destroy(layout), kSuccess);
  EXPECT_EQ(library().matrix_layout_destroy(layout), kInvalid);
  EXPECT_EQ(choose(layout), kInvalid);
}

}  // namespace
}  // namespace fovea::test
