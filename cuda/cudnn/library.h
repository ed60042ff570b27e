// cuDNN, opened at run time: the entry points of its graph API, and its errors as ours.
#pragma once

#include <cudnn_backend.h>

#include <memory>
#include <string>

namespace fovea::cuda::cudnn {

/// The functions of libcudnn.so.9 that are used here, under cuDNN's names without their prefix.
struct Library {
  decltype(&cudnnGetVersion) get_version;
  decltype(&cudnnGetErrorString) get_error_string;
  decltype(&cudnnGetLastErrorString) get_last_error_string;
  decltype(&cudnnCreate) create;
  decltype(&cudnnDestroy) destroy;
  decltype(&cudnnSetStream) set_stream;
  decltype(&cudnnBackendCreateDescriptor) create_descriptor;
  decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor;
  decltype(&cudnnBackendFinalize) finalize;
  decltype(&cudnnBackendSetAttribute) set_attribute;
  decltype(&cudnnBackendGetAttribute) get_attribute;
  decltype(&cudnnBackendExecute) execute;

  int version = 0;   ///< 91900 for 9.19.0
  std::string path;  ///< the file that was opened
};

struct OpenedLibrary {
  std::shared_ptr<const Library> library;  ///< null where there is none
  std::string problem;                     ///< why there is none, and the remedy
};

/// Opens libcudnn.so.9 from `folder`, which may also be the root of an installation (lib/ or lib64/
/// below it) or Python's site-packages (nvidia/cudnn/lib below it). Where `folder` is empty, the
/// one named by FOVEA_CUDNN counts, and without that the dynamic linker searches. The library stays
/// loaded until the process ends.
OpenedLibrary open_library(const std::string& folder = {});

/// cuDNN's words for a status, with those of its last error in this thread.
std::string words_of(const Library& library, cudnnStatus_t status);

/// Returns where `status` is success; otherwise throws cudnn (out_of_memory where memory ran out)
/// with `what` was called and cuDNN's words.
void check(const Library& library, cudnnStatus_t status, const std::string& what);

}  // namespace fovea::cuda::cudnn
