// cuBLASLt, opened at run time, and its errors as ours.
#pragma once

#include <cublasLt.h>

#include <memory>
#include <string>

namespace fovea::cuda::cublaslt {

/// The functions of libcublasLt that are used here, under cuBLASLt's names without their prefix.
struct Library {
  decltype(&cublasLtGetStatusString) get_status_string;
  decltype(&cublasLtGetVersion) get_version;
  decltype(&cublasLtCreate) create;
  decltype(&cublasLtDestroy) destroy;
  decltype(&cublasLtMatmulDescCreate) matmul_desc_create;
  decltype(&cublasLtMatmulDescDestroy) matmul_desc_destroy;
  decltype(&cublasLtMatmulDescSetAttribute) matmul_desc_set_attribute;
  decltype(&cublasLtMatrixLayoutCreate) matrix_layout_create;
  decltype(&cublasLtMatrixLayoutDestroy) matrix_layout_destroy;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set_attribute;
  decltype(&cublasLtMatmulAlgoGetHeuristic) algo_get_heuristic;
  decltype(&cublasLtMatmul) matmul;

  std::string path;  ///< the file that was opened
};

struct OpenedLibrary {
  std::shared_ptr<const Library> library;  ///< null where there is none
  std::string problem;                     ///< why there is none, and the remedy
};

/// Opens libcublasLt.so.13, or .12, from `folder`, which may also be the root of an installation
/// (lib/ or lib64/ below it) or Python's site-packages. Where `folder` is empty, the one named by
/// FOVEA_CUBLASLT counts, and without that the dynamic linker searches. The library stays loaded
/// until the process ends.
OpenedLibrary open_library(const std::string& folder = {});

/// Returns where `status` is success; otherwise throws cuda (out_of_memory where memory ran out)
/// with `what` was called and cuBLASLt's words.
void check(const Library& library, cublasStatus_t status, const char* what);

/// cuBLASLt on the calling thread's current device. Any thread may use it.
class Handle {
 public:
  /// Throws cuda where cuBLASLt refuses, as it does without a device.
  explicit Handle(std::shared_ptr<const Library> library);
  ~Handle();
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  const Library& library() const { return *library_; }
  cublasLtHandle_t get() const { return handle_; }

 private:
  std::shared_ptr<const Library> library_;
  cublasLtHandle_t handle_ = nullptr;
};

}  // namespace fovea::cuda::cublaslt
