#include "cuda/libraries.h"

#include "fovea/error.h"
#include "host/base/plugin.h"
#ifdef FOVEA_HAS_CUBLASLT
#include "cuda/cublaslt/library.h"
#endif
#ifdef FOVEA_HAS_CUDNN
#include "cuda/cudnn/plan_cache.h"
#endif

namespace fovea::cuda {
namespace {

/// Calls open(problem) unless `name` is turned off; an error becomes the problem.
template <class Open>
std::string problem_of(const std::string& name, const Open& open) {
  if (plugin_disabled(name)) return "turned off by FOVEA_DISABLE_PLUGINS";
  try {
    return open();
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

Libraries open_libraries([[maybe_unused]] const DeviceProperties& device) {
  Libraries libraries;
  libraries.cudnn_problem = problem_of("cudnn", [&]() -> std::string {
#ifdef FOVEA_HAS_CUDNN
    cudnn::OpenedLibrary opened = cudnn::open_library();
    if (opened.library == nullptr) return opened.problem;
    libraries.cudnn = std::make_shared<cudnn::Target>(opened.library, device);
    libraries.cudnn_plans =
        std::make_shared<cudnn::PlanCache>(DiskMemo::path_of("cudnn_plans.json"));
    libraries.versions += ", cuDNN " + std::to_string(opened.library->version);
    return {};
#else
    return "this build was made without cuDNN's headers";
#endif
  });
  libraries.cublaslt_problem = problem_of("cublaslt", [&]() -> std::string {
#ifdef FOVEA_HAS_CUBLASLT
    cublaslt::OpenedLibrary opened = cublaslt::open_library();
    if (opened.library == nullptr) return opened.problem;
    libraries.cublaslt = std::make_shared<const cublaslt::Handle>(opened.library);
    libraries.versions += ", cuBLASLt " + std::to_string(opened.library->get_version());
    return {};
#else
    return "this build was made without cuBLAS's headers";
#endif
  });
  return libraries;
}

void save_choices([[maybe_unused]] const Libraries& libraries) noexcept {
#ifdef FOVEA_HAS_CUDNN
  if (libraries.cudnn_plans != nullptr) libraries.cudnn_plans->try_to_save();
#endif
}

}  // namespace fovea::cuda
