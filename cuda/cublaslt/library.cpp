#include "cuda/cublaslt/library.h"

#include <cstdlib>

#include "cuda/shared_library.h"
#include "fovea/error.h"

namespace fovea::cuda::cublaslt {
namespace {

/// Sets all functions; returns the name of one that is missing, or null.
const char* resolve(const SharedLibrary& file, Library& library) {
  const char* missing = nullptr;
  const auto find = [&](auto& function, const char* name) {
    if (!file.find(function, name)) missing = name;
  };
  find(library.get_status_string, "cublasLtGetStatusString");
  find(library.get_version, "cublasLtGetVersion");
  find(library.create, "cublasLtCreate");
  find(library.destroy, "cublasLtDestroy");
  find(library.matmul_desc_create, "cublasLtMatmulDescCreate");
  find(library.matmul_desc_destroy, "cublasLtMatmulDescDestroy");
  find(library.matmul_desc_set_attribute, "cublasLtMatmulDescSetAttribute");
  find(library.matrix_layout_create, "cublasLtMatrixLayoutCreate");
  find(library.matrix_layout_destroy, "cublasLtMatrixLayoutDestroy");
  find(library.preference_create, "cublasLtMatmulPreferenceCreate");
  find(library.preference_destroy, "cublasLtMatmulPreferenceDestroy");
  find(library.preference_set_attribute, "cublasLtMatmulPreferenceSetAttribute");
  find(library.algo_get_heuristic, "cublasLtMatmulAlgoGetHeuristic");
  find(library.matmul, "cublasLtMatmul");
  return missing;
}

}  // namespace

OpenedLibrary open_library(const std::string& folder) {
  const char* named = std::getenv("FOVEA_CUBLASLT");
  const std::string root = !folder.empty() ? folder : named != nullptr ? named : "";
  const SharedLibrary file =
      open_shared_library({"libcublasLt.so.13", "libcublasLt.so.12"}, root,
                          {"", "lib", "lib64", "nvidia/cu13/lib", "nvidia/cublas/lib"});
  if (!file) {
    return {nullptr, "cuBLASLt was not found (" + file.problem() +
                         "); install cuBLAS, or name its folder in FOVEA_CUBLASLT"};
  }
  auto library = std::make_shared<Library>();
  library->path = file.path();
  if (const char* missing = resolve(file, *library)) {
    return {nullptr, file.path() + " has no " + missing + "; install the cuBLAS of CUDA 12 or 13"};
  }
  return {library, {}};
}

void check(const Library& library, cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  fail(status == CUBLAS_STATUS_ALLOC_FAILED ? ErrorCode::out_of_memory : ErrorCode::cuda, what,
       ": ", library.get_status_string(status));
}

Handle::Handle(std::shared_ptr<const Library> library) : library_(std::move(library)) {
  check(*library_, library_->create(&handle_), "cublasLtCreate");
}

Handle::~Handle() {
  if (handle_ != nullptr) static_cast<void>(library_->destroy(handle_));
}

}  // namespace fovea::cuda::cublaslt
