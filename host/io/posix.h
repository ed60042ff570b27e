// The few things that reading and writing files have in common: owning a descriptor, surviving
// signals, and saying what went wrong and what to do about it.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "fovea/export.h"

namespace fovea {

/// Owns a file descriptor; -1 is none.
class FOVEA_INTERNAL FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor();

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// Repeats a system call for as long as signals interrupt it.
template <class Call>
auto retry_interrupted(Call&& call) {
  while (true) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

/// Throws io: "cannot write a/b: No space left on device; free some space or ...". `doing` is the
/// part before the colon, `note` is put last.
[[noreturn]] void fail_io(std::string_view doing, int error_number, std::string_view note = "");

}  // namespace fovea
