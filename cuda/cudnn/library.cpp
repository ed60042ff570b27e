#include "cuda/cudnn/library.h"

#include <cstdlib>

#include "cuda/shared_library.h"
#include "fovea/error.h"

namespace fovea::cuda::cudnn {
namespace {

constexpr const char* kFile = "libcudnn.so.9";
// The graph API for devices that are described instead of present, and the last error's text.
constexpr int kOldestVersion = 90800;

std::string version_text(int version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

/// Sets all functions; returns the name of one that is missing, or null.
const char* resolve(const SharedLibrary& file, Library& library) {
  const char* missing = nullptr;
  const auto find = [&](auto& function, const char* name) {
    if (!file.find(function, name)) missing = name;
  };
  find(library.get_version, "cudnnGetVersion");
  find(library.get_error_string, "cudnnGetErrorString");
  find(library.get_last_error_string, "cudnnGetLastErrorString");
  find(library.create, "cudnnCreate");
  find(library.destroy, "cudnnDestroy");
  find(library.set_stream, "cudnnSetStream");
  find(library.create_descriptor, "cudnnBackendCreateDescriptor");
  find(library.destroy_descriptor, "cudnnBackendDestroyDescriptor");
  find(library.finalize, "cudnnBackendFinalize");
  find(library.set_attribute, "cudnnBackendSetAttribute");
  find(library.get_attribute, "cudnnBackendGetAttribute");
  find(library.execute, "cudnnBackendExecute");
  return missing;
}

}  // namespace

OpenedLibrary open_library(const std::string& folder) {
  const char* named = std::getenv("FOVEA_CUDNN");
  const std::string root = !folder.empty() ? folder : named != nullptr ? named : "";
  const SharedLibrary file =
      open_shared_library({kFile}, root, {"", "lib", "lib64", "cudnn/lib", "nvidia/cudnn/lib"});
  if (!file) {
    return {nullptr, "cuDNN 9 was not found (" + file.problem() +
                         "); install it, or name its folder in FOVEA_CUDNN"};
  }
  auto library = std::make_shared<Library>();
  library->path = file.path();
  if (const char* missing = resolve(file, *library)) {
    return {nullptr, file.path() + " has no " + missing + "; install cuDNN " +
                         version_text(kOldestVersion) + " or newer"};
  }
  library->version = static_cast<int>(library->get_version());
  if (library->version < kOldestVersion) {
    return {nullptr, file.path() + " is cuDNN " + version_text(library->version) + "; install " +
                         version_text(kOldestVersion) + " or newer"};
  }
  return {library, {}};
}

std::string words_of(const Library& library, cudnnStatus_t status) {
  std::string words = library.get_error_string(status);
  char last[1024] = "";
  library.get_last_error_string(last, sizeof last);
  last[sizeof last - 1] = '\0';
  if (last[0] != '\0') words += std::string(", ") + last;
  return words;
}

void check(const Library& library, cudnnStatus_t status, const std::string& what) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  const bool memory = status == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED ||
                      status == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED;
  fail(memory ? ErrorCode::out_of_memory : ErrorCode::cudnn, what, ": ", words_of(library, status));
}

}  // namespace fovea::cuda::cudnn
