// A row-major matrix is the column-major one of its transpose. So cuBLASLt, which is column-major,
// is asked for D^T = op(B)^T op(A)^T: B's memory is the left matrix, A's the right one, and D's
// columns, each with a bias of its own, are the rows that the bias epilogue means. A bias's
// gradient is the sum of the left matrix over the axis that the product sums over: BGRADA.
#include "cuda/cublaslt/matmul.h"

#include <array>

#include "cuda/check.h"
#include "cuda/shared_library.h"
#include "fovea/error.h"

namespace fovea::cuda::cublaslt {
namespace {

constexpr std::uint32_t kAlignmentBytes = 16;  // as all tensors have it at least

cudaDataType_t data_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return CUDA_R_32F;
    case DType::f16:
      return CUDA_R_16F;
    case DType::bf16:
      return CUDA_R_16BF;
    default:
      fail(ErrorCode::unsupported, "cuBLASLt is used for f32, f16 and bf16, not for ",
           dtype_name(dtype));
  }
}

/// Released at the end of its scope.
class Preference {
 public:
  explicit Preference(const Library& library) : library_(library) {
    check(library, library.preference_create(&preference_), "cublasLtMatmulPreferenceCreate");
  }
  ~Preference() { static_cast<void>(library_.preference_destroy(preference_)); }
  Preference(const Preference&) = delete;
  Preference& operator=(const Preference&) = delete;

  template <class T>
  void set(cublasLtMatmulPreferenceAttributes_t name, const T& value) {
    check(library_, library_.preference_set_attribute(preference_, name, &value, sizeof value),
          "cublasLtMatmulPreferenceSetAttribute");
  }
  cublasLtMatmulPreference_t get() const { return preference_; }

 private:
  const Library& library_;
  cublasLtMatmulPreference_t preference_ = nullptr;
};

}  // namespace

Matmul::Matmul(std::shared_ptr<const Handle> handle, const Product& product, int variant)
    : handle_(std::move(handle)) {
  try {
    describe(product);
    choose_algorithm(product, variant);
  } catch (...) {
    release();
    throw;
  }
}

Matmul::~Matmul() { release(); }

void Matmul::release() noexcept {
  if (libraries_are_ending()) return;
  const Library& library = handle_->library();
  for (cublasLtMatrixLayout_t layout : {left_, right_, result_}) {
    if (layout != nullptr) static_cast<void>(library.matrix_layout_destroy(layout));
  }
  if (operation_ != nullptr) static_cast<void>(library.matmul_desc_destroy(operation_));
}

void Matmul::describe(const Product& product) {
  const Library& library = handle_->library();
  const cudaDataType_t type = data_type(product.dtype);
  const bool tf32 = product.dtype == DType::f32 && product.allow_tf32;
  const cublasComputeType_t compute = tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  check(library, library.matmul_desc_create(&operation_, compute, CUDA_R_32F),
        "cublasLtMatmulDescCreate");
  const auto set = [&](cublasLtMatmulDescAttributes_t name, const auto& value) {
    check(library, library.matmul_desc_set_attribute(operation_, name, &value, sizeof value),
          "cublasLtMatmulDescSetAttribute");
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, product.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(CUBLASLT_MATMUL_DESC_TRANSB, product.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  if (product.bias || product.bias_gradient) {
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, product.bias_gradient ? CUBLASLT_EPILOGUE_BGRADA
                                       : product.relu        ? CUBLASLT_EPILOGUE_RELU_BIAS
                                                             : CUBLASLT_EPILOGUE_BIAS);
    set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, type);
    // Not the bias, only how it is aligned.
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER,
        reinterpret_cast<const void*>(std::uintptr_t{kAlignmentBytes}));
  }
  const auto create = [&](cublasLtMatrixLayout_t& layout, std::int64_t rows, std::int64_t columns) {
    check(library,
          library.matrix_layout_create(&layout, type, static_cast<std::uint64_t>(columns),
                                       static_cast<std::uint64_t>(rows), columns),
          "cublasLtMatrixLayoutCreate");
  };
  // The matrices as they lie in memory, row-major.
  const Product& p = product;
  p.transpose_b ? create(left_, p.columns, p.inner) : create(left_, p.inner, p.columns);
  p.transpose_a ? create(right_, p.inner, p.rows) : create(right_, p.rows, p.inner);
  create(result_, p.rows, p.columns);
}

void Matmul::choose_algorithm(const Product& product, int variant) {
  FOVEA_REQUIRE(variant < kMaxVariants, cuda, "there is no such variant");
  const Library& library = handle_->library();
  Preference preference(library);
  preference.set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                 static_cast<std::uint64_t>(product.workspace_limit_bytes));
  // Parts of a sum are added in f32 and in a fixed order.
  preference.set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                 std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  for (const auto matrix :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    preference.set(matrix, kAlignmentBytes);
  }
  std::array<cublasLtMatmulHeuristicResult_t, kMaxVariants> choices{};
  int found = 0;
  check(library,
        library.algo_get_heuristic(handle_->get(), operation_, left_, right_, result_, result_,
                                   preference.get(), variant + 1, choices.data(), &found),
        "cublasLtMatmulAlgoGetHeuristic");
  FOVEA_REQUIRE(found > 0, cuda, "cuBLASLt offers no algorithm for this product");
  FOVEA_REQUIRE(found > variant, cuda, "there is no such variant");
  const cublasLtMatmulHeuristicResult_t& choice = choices[static_cast<std::size_t>(variant)];
  check(library, choice.state, "cublasLtMatmulAlgoGetHeuristic");
  algorithm_ = choice.algo;
  workspace_bytes_ = static_cast<std::int64_t>(choice.workspaceSize);
}

void Matmul::run(const void* a, const void* b, const void* bias, void* d, void* workspace,
                 cudaStream_t stream) {
  const Library& library = handle_->library();
  if (bias != nullptr) {
    check(library,
          library.matmul_desc_set_attribute(operation_, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias,
                                            sizeof bias),
          "cublasLtMatmulDescSetAttribute");
  }
  const float one = 1, zero = 0;
  const cublasStatus_t status = library.matmul(
      handle_->get(), operation_, &one, b, left_, a, right_, &zero, d, result_, d, result_,
      &algorithm_, workspace, static_cast<std::size_t>(workspace_bytes_), stream);
  if (status == CUBLAS_STATUS_SUCCESS) return;
  cuda::check_not_lost(stream, "cublasLtMatmul");
  check(library, status, "cublasLtMatmul");
}

}  // namespace fovea::cuda::cublaslt
