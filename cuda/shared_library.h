// Libraries that are opened at run time, where there are any.
#pragma once

#include <string>
#include <vector>

namespace fovea::cuda {

/// A library opened with dlopen, or why there is none. It stays loaded until the process ends: what
/// it gave out, and threads that it started, may outlive any owner.
class SharedLibrary {
 public:
  explicit operator bool() const { return handle_ != nullptr; }
  const std::string& path() const { return path_; }
  const std::string& problem() const { return problem_; }

  /// Sets `function` to the entry point of that name; false where there is none.
  template <class Function>
  bool find(Function*& function, const char* name) const {
    function = reinterpret_cast<Function*>(symbol(name));
    return function != nullptr;
  }

 private:
  friend SharedLibrary open_shared_library(const std::vector<std::string>&, const std::string&,
                                           const std::vector<std::string>&);
  void* symbol(const char* name) const;

  void* handle_ = nullptr;
  std::string path_;
  std::string problem_;
};

/// Opens the first of `files` that is found in `root` or one of the folders below it that `below`
/// names; where `root` is empty, as the dynamic linker searches.
SharedLibrary open_shared_library(const std::vector<std::string>& files, const std::string& root,
                                  const std::vector<std::string>& below);

/// True once exit() has begun to end what the opened libraries have. What they gave out is then
/// left to the system, as by a model in a static variable, which outlives them.
bool libraries_are_ending() noexcept;

}  // namespace fovea::cuda
