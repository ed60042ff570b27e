#include "cuda/shared_library.h"

#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>

namespace fovea::cuda {
namespace {

std::atomic<bool> ending = false;

/// exit() works backwards: it comes here before it ends what was opened earlier.
void notice_the_end() {
  static const int noticed = std::atexit([] { ending = true; });
  static_cast<void>(noticed);
}

}  // namespace

bool libraries_are_ending() noexcept { return ending; }

void* SharedLibrary::symbol(const char* name) const { return dlsym(handle_, name); }

SharedLibrary open_shared_library(const std::vector<std::string>& files, const std::string& root,
                                  const std::vector<std::string>& below) {
  namespace fs = std::filesystem;
  SharedLibrary library;
  const auto open = [&](const std::string& path) {
    library.handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    library.path_ = path;
    if (library.handle_ == nullptr && library.problem_.empty()) library.problem_ = dlerror();
    if (library.handle_ != nullptr) notice_the_end();
    return library.handle_ != nullptr;
  };
  for (const std::string& file : files) {
    if (root.empty()) {
      if (open(file)) return library;
      continue;
    }
    for (const std::string& folder : below) {
      const fs::path path = fs::path(root) / folder / file;
      std::error_code ignored;
      if (fs::exists(path, ignored) && open(path.string())) return library;
    }
  }
  if (library.problem_.empty()) library.problem_ = "there is no " + files.front() + " in " + root;
  return library;
}

}  // namespace fovea::cuda
