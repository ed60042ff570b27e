// A libcublasLt.so.13 without a GPU: the functions that this project resolves. They check what the
// documentation asks for and compute on the host what the descriptors say.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "tests/simulated_gpu/cublaslt/product.h"
#include "tests/simulated_gpu/runtime.h"

namespace simulated_gpu::cublaslt {
namespace {

/// The living objects of one kind.
template <class Object>
struct Registry {
  std::mutex mutex;
  std::map<const void*, std::unique_ptr<Object>> objects;

  static Registry& instance() {
    static auto& registry = *new Registry;
    return registry;
  }
};

template <class Object>
Object& checked(const void* handle, cublasStatus_t status = CUBLAS_STATUS_INVALID_VALUE) {
  auto& registry = Registry<Object>::instance();
  const std::scoped_lock lock(registry.mutex);
  const auto found = registry.objects.find(handle);
  require(found != registry.objects.end(), status, "a handle of nothing that is alive");
  return *found->second;
}

template <class Handle, class Object>
void create(Handle* handle, Object object) {
  require(handle != nullptr, CUBLAS_STATUS_INVALID_VALUE, "no place for a handle");
  auto owned = std::make_unique<Object>(std::move(object));
  *handle = reinterpret_cast<Handle>(owned.get());
  auto& registry = Registry<Object>::instance();
  const std::scoped_lock lock(registry.mutex);
  registry.objects[*handle] = std::move(owned);
}

template <class Object>
void destroy(const void* handle) {
  static_cast<void>(checked<Object>(handle));
  auto& registry = Registry<Object>::instance();
  const std::scoped_lock lock(registry.mutex);
  registry.objects.erase(handle);
}

/// Sets `field`, whose size must be the attribute's.
template <class Field>
void assign(Field& field, const void* value, std::size_t bytes) {
  require(value != nullptr && bytes == sizeof field, CUBLAS_STATUS_INVALID_VALUE,
          "an attribute of " + std::to_string(sizeof field) + " bytes is given " +
              std::to_string(bytes));
  std::memcpy(&field, value, bytes);
}

void set(Operation& operation, cublasLtMatmulDescAttributes_t name, const void* value,
         std::size_t bytes) {
  switch (name) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return assign(operation.transpose_a, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return assign(operation.transpose_b, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return assign(operation.epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return assign(operation.bias, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
      return assign(operation.bias_type, value, bytes);
    default:
      throw Failure{CUBLAS_STATUS_INVALID_VALUE,
                    "attribute " + std::to_string(name) + " is not simulated"};
  }
}

void set(Preference& preference, cublasLtMatmulPreferenceAttributes_t name, const void* value,
         std::size_t bytes) {
  const auto assign_alignment = [&](std::uint32_t& alignment) {
    assign(alignment, value, bytes);
    require(alignment > 0 && (alignment & (alignment - 1)) == 0, CUBLAS_STATUS_INVALID_VALUE,
            "an alignment is no power of two");
  };
  switch (name) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return assign(preference.workspace_limit, value, bytes);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
      return assign(preference.reduction_schemes, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
      return assign_alignment(preference.alignment_a);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
      return assign_alignment(preference.alignment_b);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
      return assign_alignment(preference.alignment_c);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      return assign_alignment(preference.alignment_d);
    default:
      throw Failure{CUBLAS_STATUS_INVALID_VALUE,
                    "preference " + std::to_string(name) + " is not simulated"};
  }
}

constexpr std::uint64_t kMagic = 0x5ca1ab1e0ddba11u;

/// How far a pointer is aligned, up to 256 bytes.
std::uint32_t alignment_of(const void* pointer) {
  std::uint32_t alignment = 256;
  while (!is_aligned(pointer, alignment)) alignment /= 2;
  return alignment;
}

/// Those that the preference permits: two that add parts of the sums in their workspace, and one
/// without.
std::vector<Algorithm> algorithms_for(const Product& product, const Preference& preference) {
  constexpr std::uint32_t kSplitBytes[] = {4096, 512};
  std::vector<std::uint32_t> workspaces;
  if ((preference.reduction_schemes & CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE) != 0) {
    for (const std::uint32_t bytes : kSplitBytes) {
      if (bytes <= preference.workspace_limit) workspaces.push_back(bytes);
    }
  }
  workspaces.push_back(0);
  std::vector<Algorithm> algorithms;
  for (const std::uint32_t bytes : workspaces) {
    algorithms.push_back({kMagic, product.hash(), bytes, preference.alignment_a,
                          preference.alignment_b, preference.alignment_c, preference.alignment_d,
                          product.points_to_bias() ? alignment_of(product.operation.bias) : 1});
  }
  return algorithms;
}

/// The pointers are what the algorithm was chosen for.
void check_promises(const Algorithm& algorithm, const Product& product, const Pointers& pointers) {
  const auto require_aligned = [](const void* pointer, std::uint64_t bytes, const char* what) {
    require(pointer != nullptr, CUBLAS_STATUS_INVALID_VALUE, std::string(what) + " is null");
    require(is_aligned(pointer, bytes), CUBLAS_STATUS_INVALID_VALUE,
            std::string(what) + " is not aligned as was promised");
  };
  require_aligned(pointers.a, algorithm.alignment_a, "A");
  require_aligned(pointers.b, algorithm.alignment_b, "B");
  require_aligned(pointers.c, algorithm.alignment_c, "C");
  require_aligned(pointers.d, algorithm.alignment_d, "D");
  if (product.points_to_bias()) {
    require_aligned(product.operation.bias, algorithm.alignment_bias, "the bias");
  }
  constexpr std::uint64_t kWorkspaceAlignment = 256;
  if (pointers.workspace_bytes > 0) {
    require_aligned(pointers.workspace, kWorkspaceAlignment, "the workspace");
  }
}

/// D is C, or apart from it; and apart from all else.
void check_overlaps(const Product& product, const Pointers& pointers) {
  const std::size_t d_bytes = extent_bytes(product.d);
  const auto require_apart = [&](const void* pointer, std::size_t bytes, const char* what) {
    require(!overlap(pointers.d, d_bytes, pointer, bytes), CUBLAS_STATUS_INVALID_VALUE,
            std::string("D overlaps ") + what);
  };
  require_apart(pointers.a, extent_bytes(product.a), "A");
  require_apart(pointers.b, extent_bytes(product.b), "B");
  if (pointers.c != pointers.d) {
    require_apart(pointers.c, extent_bytes(product.c), "C");
  } else {
    require(product.c.leading == product.d.leading, CUBLAS_STATUS_INVALID_VALUE,
            "C and D are one memory in two layouts");
  }
  require_apart(pointers.workspace, pointers.workspace_bytes, "the workspace");
}

template <class Call>
cublasStatus_t guarded(const Call& call) noexcept {
  try {
    call();
    return CUBLAS_STATUS_SUCCESS;
  } catch (const Failure& failure) {
    // No call tells more than the status, so this is a log, as cuBLASLt itself has one.
    if (std::getenv("CUBLASLT_LOG_LEVEL") != nullptr) {
      std::fprintf(stderr, "cuBLASLt: %s\n", failure.words.c_str());
    }
    return failure.status;
  } catch (const std::bad_alloc&) {
    return CUBLAS_STATUS_ALLOC_FAILED;
  }
}

}  // namespace
}  // namespace simulated_gpu::cublaslt

// Their declarations are NVIDIA's.
#define SIMULATED_API extern "C" __attribute__((visibility("default")))

using namespace simulated_gpu::cublaslt;

SIMULATED_API const char* cublasLtGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    default:
      return "a status that the simulation does not know";
  }
}

SIMULATED_API std::size_t cublasLtGetVersion() { return CUBLAS_VERSION; }

SIMULATED_API cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  return guarded([&] { create(handle, Context{}); });
}
SIMULATED_API cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  return guarded([&] { destroy<Context>(handle); });
}

SIMULATED_API cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* desc,
                                                      cublasComputeType_t compute,
                                                      cudaDataType_t scale) {
  return guarded([&] {
    Operation operation;
    operation.compute = compute;
    operation.scale = scale;
    create(desc, operation);
  });
}
SIMULATED_API cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) {
  return guarded([&] { destroy<Operation>(desc); });
}
SIMULATED_API cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc,
                                                            cublasLtMatmulDescAttributes_t name,
                                                            const void* value, std::size_t bytes) {
  return guarded([&] { set(checked<Operation>(desc), name, value, bytes); });
}

SIMULATED_API cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout,
                                                        cudaDataType type, std::uint64_t rows,
                                                        std::uint64_t columns,
                                                        std::int64_t leading) {
  return guarded([&] {
    require(rows > 0 && columns > 0 && leading >= static_cast<std::int64_t>(rows),
            CUBLAS_STATUS_INVALID_VALUE, "a matrix without elements, or whose columns overlap");
    create(layout, Layout{type, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns),
                          leading});
  });
}
SIMULATED_API cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  return guarded([&] { destroy<Layout>(layout); });
}

SIMULATED_API cublasStatus_t
cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  return guarded([&] { create(preference, Preference{}); });
}
SIMULATED_API cublasStatus_t
cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  return guarded([&] { destroy<Preference>(preference); });
}
SIMULATED_API cublasStatus_t cublasLtMatmulPreferenceSetAttribute(
    cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t name,
    const void* value, std::size_t bytes) {
  return guarded([&] { set(checked<Preference>(preference), name, value, bytes); });
}

SIMULATED_API cublasStatus_t cublasLtMatmulAlgoGetHeuristic(
    cublasLtHandle_t handle, cublasLtMatmulDesc_t operation, cublasLtMatrixLayout_t a,
    cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
    cublasLtMatmulPreference_t preference, int wanted, cublasLtMatmulHeuristicResult_t results[],
    int* found) {
  return guarded([&] {
    static_cast<void>(checked<Context>(handle, CUBLAS_STATUS_NOT_INITIALIZED));
    require(wanted > 0 && results != nullptr && found != nullptr, CUBLAS_STATUS_INVALID_VALUE,
            "no room for results");
    *found = 0;
    const Product product = product_of(checked<Operation>(operation), checked<Layout>(a),
                                       checked<Layout>(b), checked<Layout>(c), checked<Layout>(d));
    for (const Algorithm& algorithm : algorithms_for(product, checked<Preference>(preference))) {
      if (*found == wanted) break;
      cublasLtMatmulHeuristicResult_t& result = results[(*found)++];
      result = {};
      std::memcpy(&result.algo, &algorithm, sizeof algorithm);
      result.workspaceSize = algorithm.workspace_bytes;
      result.state = CUBLAS_STATUS_SUCCESS;
      result.wavesCount = 1;
    }
  });
}

SIMULATED_API cublasStatus_t cublasLtMatmul(
    cublasLtHandle_t handle, cublasLtMatmulDesc_t operation, const void* alpha, const void* a,
    cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout,
    const void* beta, const void* c, cublasLtMatrixLayout_t c_layout, void* d,
    cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algorithm_given, void* workspace,
    std::size_t workspace_bytes, cudaStream_t stream) {
  return guarded([&] {
    static_cast<void>(checked<Context>(handle, CUBLAS_STATUS_NOT_INITIALIZED));
    require(alpha != nullptr && beta != nullptr && algorithm_given != nullptr,
            CUBLAS_STATUS_INVALID_VALUE, "a factor or the algorithm is null");
    const Product product =
        product_of(checked<Operation>(operation), checked<Layout>(a_layout),
                   checked<Layout>(b_layout), checked<Layout>(c_layout), checked<Layout>(d_layout));
    Algorithm algorithm;
    std::memcpy(static_cast<void*>(&algorithm), algorithm_given, sizeof algorithm);
    require(algorithm.magic == kMagic && algorithm.problem == product.hash(),
            CUBLAS_STATUS_NOT_SUPPORTED, "the algorithm was chosen for another product");
    require(workspace_bytes >= algorithm.workspace_bytes, CUBLAS_STATUS_INVALID_VALUE,
            "the workspace is smaller than the algorithm's");
    const Pointers pointers{a, b, c, d, workspace, algorithm.workspace_bytes};
    check_promises(algorithm, product, pointers);
    check_overlaps(product, pointers);
    check_memory(product, pointers);
    // The factors are the host's and may change as soon as this returns.
    const double alpha_now = *static_cast<const float*>(alpha);
    const double beta_now = *static_cast<const float*>(beta);
    const cudaError_t status = simulated_gpu::enqueue(
        stream, "cublasLtMatmul", [=] { multiply(product, alpha_now, beta_now, pointers); });
    require(status == cudaSuccess, CUBLAS_STATUS_EXECUTION_FAILED, "the stream refuses work");
  });
}
