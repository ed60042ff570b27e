// What the fuzzers share. Each calls one parser with the bytes that libFuzzer makes up; scripts/
// fuzz.sh builds and runs them. A parser may answer with a result or with an Error about the bytes;
// anything else (another exception, a crash, a leak, an allocation that the bytes do not justify)
// is a find.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/error.h"

namespace fovea::fuzz {

/// Runs `parse`, which may throw an Error that blames the input.
template <class Parse>
void expect_answer(const Parse& parse) {
  try {
    parse();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::internal && error.code() != ErrorCode::out_of_memory) return;
    std::fprintf(stderr, "a parser must not answer: %s\n", error.what());
    std::abort();
  }
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// A regular file without a disk, for parsers that take a path.
class MemoryFile {
 public:
  MemoryFile() : file_(::memfd_create("fuzz", 0)) {
    if (file_ < 0) std::abort();
    path_ = "/proc/self/fd/" + std::to_string(file_);
  }
  ~MemoryFile() { ::close(file_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  const std::string& path() const { return path_; }
  void set(std::string_view bytes) const {
    if (::ftruncate(file_, 0) != 0) std::abort();
    const auto written = ::pwrite(file_, bytes.data(), bytes.size(), 0);
    if (written != static_cast<ssize_t>(bytes.size())) std::abort();
  }

 private:
  int file_;
  std::string path_;
};

/// A folder in which memory files have names, for parsers that take a folder; gone at the end.
class LinkFolder {
 public:
  LinkFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "fovea-fuzz-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~LinkFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  LinkFolder(const LinkFolder&) = delete;
  LinkFolder& operator=(const LinkFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void link(const MemoryFile& file, const std::string& name) const {
    std::filesystem::create_symlink(file.path(), path_ / name);
  }

 private:
  std::filesystem::path path_;
};

}  // namespace fovea::fuzz

/// The body of a fuzzer over `data` and `size`.
#define FOVEA_FUZZ_TARGET                                                            \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size); \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
