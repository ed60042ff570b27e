// What cuBLASLt is asked for, without it: a stand-in computes, from the descriptors that it is
// given, the column-major product that they describe.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>

#include "cuda/bind.h"
#include "cuda/cublaslt/library.h"
#include "fovea/ops/matmul.h"
#include "host/graph/run_op.h"
#include "tests/support/op_case.h"

namespace fovea::test {
namespace {

/// The stand-in's descriptors.
struct Operation {
  cublasComputeType_t compute{};
  cublasOperation_t transpose_left = CUBLAS_OP_N, transpose_right = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const float* bias = nullptr;  ///< or where its gradient goes
};
struct ColumnMajor {
  cudaDataType type{};
  std::int64_t rows = 0, columns = 0, leading = 0;
};
struct Preference {
  std::uint64_t workspace_limit = 0;
  std::uint32_t reduction_schemes = CUBLASLT_REDUCTION_SCHEME_MASK;
  std::map<int, std::uint32_t> alignments;
};

int descriptors_alive = 0;
Preference last_preference;
Operation last_operation;
cublasStatus_t heuristic_status = CUBLAS_STATUS_SUCCESS;
int heuristic_results = 1;

template <class Stored, class Handle, class... Values>
cublasStatus_t create(Handle* handle, Values... values) {
  *handle = reinterpret_cast<Handle>(new Stored{values...});
  ++descriptors_alive;
  return CUBLAS_STATUS_SUCCESS;
}
template <class Stored, class Handle>
cublasStatus_t destroy(Handle handle) {
  delete reinterpret_cast<Stored*>(handle);
  --descriptors_alive;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t set_operation(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t name,
                             const void* value, std::size_t bytes) {
  auto& operation = *reinterpret_cast<Operation*>(desc);
  switch (name) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      std::memcpy(&operation.transpose_left, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_TRANSB:
      std::memcpy(&operation.transpose_right, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      std::memcpy(&operation.epilogue, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      std::memcpy(&operation.bias, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
      break;
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t set_preference(cublasLtMatmulPreference_t handle,
                              cublasLtMatmulPreferenceAttributes_t name, const void* value,
                              std::size_t bytes) {
  auto& preference = *reinterpret_cast<Preference*>(handle);
  if (name == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) {
    std::memcpy(&preference.workspace_limit, value, bytes);
  } else if (name == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK) {
    std::memcpy(&preference.reduction_schemes, value, bytes);
  } else {
    std::memcpy(&preference.alignments[name], value, bytes);
  }
  last_preference = preference;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t choose(cublasLtHandle_t, cublasLtMatmulDesc_t operation, cublasLtMatrixLayout_t,
                      cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                      cublasLtMatmulPreference_t, int wanted,
                      cublasLtMatmulHeuristicResult_t results[], int* found) {
  last_operation = *reinterpret_cast<Operation*>(operation);
  *found = std::min(wanted, heuristic_results);
  for (int i = 0; i < *found; ++i) {
    results[i].state = CUBLAS_STATUS_SUCCESS;
    results[i].workspaceSize = static_cast<std::size_t>(4096 + i);
  }
  return heuristic_status;
}

/// Element (i, j) of op(matrix), column-major.
float element(const float* data, const ColumnMajor& layout, cublasOperation_t op, std::int64_t i,
              std::int64_t j) {
  if (op == CUBLAS_OP_T) std::swap(i, j);
  EXPECT_LT(i, layout.rows);
  EXPECT_LT(j, layout.columns);
  return data[i + j * layout.leading];
}

cublasStatus_t multiply(cublasLtHandle_t, cublasLtMatmulDesc_t desc, const void* alpha,
                        const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                        cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
                        cublasLtMatrixLayout_t, void* d, cublasLtMatrixLayout_t d_layout,
                        const cublasLtMatmulAlgo_t*, void* workspace, std::size_t workspace_bytes,
                        cudaStream_t stream) {
  const auto& operation = *reinterpret_cast<Operation*>(desc);
  const auto& left = *reinterpret_cast<ColumnMajor*>(a_layout);
  const auto& right = *reinterpret_cast<ColumnMajor*>(b_layout);
  const auto& result = *reinterpret_cast<ColumnMajor*>(d_layout);
  EXPECT_EQ(*static_cast<const float*>(alpha), 1);
  EXPECT_EQ(*static_cast<const float*>(beta), 0);
  EXPECT_EQ(c, d);
  EXPECT_EQ(workspace, reinterpret_cast<void*>(0x1000));
  EXPECT_EQ(workspace_bytes, 4096u);
  EXPECT_EQ(stream, reinterpret_cast<cudaStream_t>(0x2000));
  const std::int64_t inner = operation.transpose_left == CUBLAS_OP_T ? left.rows : left.columns;
  for (std::int64_t j = 0; j < result.columns; ++j) {
    for (std::int64_t i = 0; i < result.rows; ++i) {
      double sum = 0;
      for (std::int64_t k = 0; k < inner; ++k) {
        sum += element(static_cast<const float*>(a), left, operation.transpose_left, i, k) *
               element(static_cast<const float*>(b), right, operation.transpose_right, k, j);
      }
      if (operation.epilogue == CUBLASLT_EPILOGUE_BIAS ||
          operation.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS) {
        sum += operation.bias[i];
      }
      if (operation.epilogue == CUBLASLT_EPILOGUE_RELU_BIAS) sum = std::max(sum, 0.0);
      static_cast<float*>(d)[i + j * result.leading] = static_cast<float>(sum);
    }
  }
  for (std::int64_t i = 0; operation.epilogue == CUBLASLT_EPILOGUE_BGRADA && i < result.rows; ++i) {
    double sum = 0;
    for (std::int64_t k = 0; k < inner; ++k) {
      sum += element(static_cast<const float*>(a), left, operation.transpose_left, i, k);
    }
    const_cast<float*>(operation.bias)[i] = static_cast<float>(sum);
  }
  return CUBLAS_STATUS_SUCCESS;
}

std::shared_ptr<const cuda::cublaslt::Library> stand_in() {
  auto library = std::make_shared<cuda::cublaslt::Library>();
  library->get_status_string = [](cublasStatus_t) { return "the stand-in's words"; };
  library->create = [](cublasLtHandle_t* handle) {
    *handle = nullptr;
    return CUBLAS_STATUS_SUCCESS;
  };
  library->destroy = [](cublasLtHandle_t) { return CUBLAS_STATUS_SUCCESS; };
  library->matmul_desc_create = [](cublasLtMatmulDesc_t* desc, cublasComputeType_t compute,
                                   cudaDataType_t) { return create<Operation>(desc, compute); };
  library->matmul_desc_destroy = destroy<Operation, cublasLtMatmulDesc_t>;
  library->matmul_desc_set_attribute = set_operation;
  library->matrix_layout_create = [](cublasLtMatrixLayout_t* layout, cudaDataType type,
                                     std::uint64_t rows, std::uint64_t columns, std::int64_t ld) {
    return create<ColumnMajor>(layout, type, static_cast<std::int64_t>(rows),
                               static_cast<std::int64_t>(columns), ld);
  };
  library->matrix_layout_destroy = destroy<ColumnMajor, cublasLtMatrixLayout_t>;
  library->preference_create = create<Preference, cublasLtMatmulPreference_t>;
  library->preference_destroy = destroy<Preference, cublasLtMatmulPreference_t>;
  library->preference_set_attribute = set_preference;
  library->algo_get_heuristic = choose;
  library->matmul = multiply;
  return library;
}

class Cublaslt : public testing::Test {
 protected:
  void SetUp() override {
    heuristic_status = CUBLAS_STATUS_SUCCESS;
    heuristic_results = 1;
    libraries_.cublaslt = std::make_shared<const cuda::cublaslt::Handle>(stand_in());
  }
  void TearDown() override { EXPECT_EQ(descriptors_alive, 0); }

  LowerResult lower(const Op& op, std::span<const ValueType> inputs, bool allow_tf32 = false,
                    int variant = 0) {
    cuda::TableOptions options;
    options.libraries = &libraries_;
    options.workspace_limit_bytes = 12345;
    KernelTable table;
    cuda::bind_cublaslt(table, options);
    const std::vector<ValueType> outputs = op.infer(inputs);
    const std::vector<Layout> layouts(inputs.size());
    const bool used[] = {true};
    return table.candidates(op.name()).at(0).factory(
        op, {inputs, outputs, layouts, used, {}, 1, allow_tf32, variant});
  }

  cuda::Libraries libraries_;
};

/// Runs the stand-in's product on the inputs, at a workspace and on a stream that it knows.
std::vector<Tensor> run(Kernel& kernel, const Op& op, const std::vector<Tensor>& inputs) {
  std::vector<ValueType> types;
  std::vector<void*> pointers;
  for (const Tensor& input : inputs) {
    types.push_back({input.shape(), input.dtype()});
    pointers.push_back(const_cast<void*>(input.raw()));
  }
  const std::vector<ValueType> output_types = op.infer(types);
  std::vector<Tensor> outputs;
  std::vector<void*> output_pointers;
  for (const ValueType& type : output_types) {
    outputs.emplace_back(type.shape, DType::f32);
    output_pointers.push_back(outputs.back().mutable_raw());
  }
  kernel.run(KernelContext(pointers, output_pointers, types, output_types,
                           reinterpret_cast<void*>(0x1000), 1, reinterpret_cast<void*>(0x2000)));
  return outputs;
}

TEST_F(Cublaslt, TheProductAndItsEpilogueAreTheOps) {
  KernelTable table;
  cuda::bind_cublaslt(table, {});
  std::map<std::string, int> accepted;
  for (const OpCase& op_case : op_cases()) {
    const OpPtr op = op_case.op(DType::f32);
    if (table.candidates(op->name()).empty()) continue;
    SCOPED_TRACE(op_case.name);
    const std::vector<Tensor> inputs = make_inputs(op_case, DType::f32);
    std::vector<ValueType> types;
    for (const Tensor& input : inputs) types.push_back({input.shape(), input.dtype()});
    LowerResult result = lower(*op, types);
    if (const auto* decline = std::get_if<Decline>(&result)) {
      EXPECT_TRUE(decline->reason == "cuBLASLt fuses a bias and relu only" ||
                  decline->reason.starts_with("only a 1x1 convolution"))
          << decline->reason;
      continue;
    }
    ++accepted[std::string(op->name())];
    const auto& lowering = std::get<Lowering>(result);
    EXPECT_EQ(lowering.workspace_bytes, 4096);
    const std::vector<Tensor> outputs = run(*lowering.kernel, *op, inputs);
    const std::vector<Tensor> reference = run_reference(op, inputs);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      EXPECT_LE(relative_error(outputs[i], reference.at(i)), 1e-5) << "output " << i;
    }
  }
  // Five products in four ways, or with a bias alone and with relu; two thin ones as they are, with
  // a bias and with relu; the gradients of five; the two 1x1 convolutions.
  const std::map<std::string, int> expected = {{"matmul", 22},
                                               {"matmul_bias_act", 14},
                                               {"matmul_backward_weight_bias", 5},
                                               {"conv2d", 2},
                                               {"conv2d_bias_act", 4},
                                               {"conv2d_backward_data", 2},
                                               {"conv2d_backward_filter", 2}};
  EXPECT_EQ(accepted, expected);
}

TEST_F(Cublaslt, IsAskedForDeterministicAlgorithmsInTheRightPrecision) {
  const auto compute_of = [&](DType dtype, bool allow_tf32) {
    const ValueType types[] = {{{8, 16}, dtype}, {{16, 24}, dtype}};
    EXPECT_TRUE(std::holds_alternative<Lowering>(lower(ops::MatMul(), types, allow_tf32)));
    return last_operation.compute;
  };
  EXPECT_EQ(compute_of(DType::f32, false), CUBLAS_COMPUTE_32F);
  EXPECT_EQ(compute_of(DType::f32, true), CUBLAS_COMPUTE_32F_FAST_TF32);
  EXPECT_EQ(compute_of(DType::f16, true), CUBLAS_COMPUTE_32F);
  EXPECT_EQ(compute_of(DType::bf16, false), CUBLAS_COMPUTE_32F);
  EXPECT_EQ(last_preference.workspace_limit, 12345u);
  EXPECT_EQ(last_preference.reduction_schemes, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);
  EXPECT_EQ(last_preference.alignments.size(), 4u);
  for (const auto& [name, bytes] : last_preference.alignments) EXPECT_EQ(bytes, 16u) << name;
}

TEST_F(Cublaslt, VariantsAreItsFurtherChoices) {
  const ValueType types[] = {{{8, 16}, DType::f32}, {{16, 24}, DType::f32}};
  heuristic_results = 3;
  for (int variant = 0; variant < 3; ++variant) {
    const LowerResult result = lower(ops::MatMul(), types, false, variant);
    ASSERT_TRUE(std::holds_alternative<Lowering>(result)) << variant;
    EXPECT_EQ(std::get<Lowering>(result).workspace_bytes, 4096 + variant);
    EXPECT_GT(std::get<Lowering>(result).variants, 3);
  }
  for (const int variant : {3, 7, 8, 1000}) {
    const LowerResult result = lower(ops::MatMul(), types, false, variant);
    ASSERT_TRUE(std::holds_alternative<Decline>(result)) << variant;
    EXPECT_EQ(std::get<Decline>(result).reason, "there is no such variant");
  }
}

TEST_F(Cublaslt, DeclinesWithTheReason) {
  const auto reason = [&](Shape a, Shape b, DType dtype) {
    const ValueType types[] = {{a, dtype}, {b, dtype}};
    LowerResult result = lower(ops::MatMul(), types);
    return std::holds_alternative<Decline>(result) ? std::get<Decline>(result).reason : "";
  };
  EXPECT_EQ(reason({0, 3}, {3, 4}, DType::f32), "an empty product");
  EXPECT_EQ(reason({2, 3}, {3, 4}, DType::f64),
            "cuBLASLt is used for f32, f16 and bf16, not for f64");
  heuristic_status = CUBLAS_STATUS_NOT_SUPPORTED;
  EXPECT_EQ(reason({2, 3}, {3, 4}, DType::f32),
            "cublasLtMatmulAlgoGetHeuristic: the stand-in's words");
  heuristic_status = CUBLAS_STATUS_SUCCESS;
  heuristic_results = 0;
  EXPECT_EQ(reason({2, 3}, {3, 4}, DType::f32), "cuBLASLt offers no algorithm for this product");
}

}  // namespace
}  // namespace fovea::test
