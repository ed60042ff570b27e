#include "host/base/plugin.h"

#include <dlfcn.h>

#include <cstdlib>
#include <sstream>

namespace fovea {
namespace {

/// The folder that this library was loaded from, with a slash at its end.
std::string own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&open_plugin), &info) == 0 || info.dli_fname == nullptr) {
    return {};
  }
  const std::string path = info.dli_fname;
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

}  // namespace

bool plugin_disabled(const std::string& name) {
  const char* list = std::getenv("FOVEA_DISABLE_PLUGINS");
  if (list == nullptr) return false;
  std::istringstream names(list);
  for (std::string item; std::getline(names, item, ',');) {
    if (item == name) return true;
  }
  return false;
}

Plugin open_plugin(const std::string& name, const char* symbol) {
  if (plugin_disabled(name)) return {nullptr, "turned off by FOVEA_DISABLE_PLUGINS"};
  const std::string path = own_folder() + "libfovea_" + name + ".so";
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return {nullptr, dlerror()};
  void* found = dlsym(library, symbol);
  if (found == nullptr)
    return {nullptr, path + " has no " + symbol + "; build and install it again"};
  return {found, {}};
}

}  // namespace fovea
