// InputFile: reads a file from front to back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "fovea/export.h"
#include "host/io/posix.h"

namespace fovea {

/// A regular file open for reading. Its size is taken at opening.
class FOVEA_INTERNAL InputFile {
 public:
  /// Throws io, naming the path and the cause, if the file cannot be opened or is no regular file.
  explicit InputFile(std::string path);

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  std::uint64_t offset() const { return offset_; }

  /// Reads exactly `bytes` bytes. Throws io on a read error, and if the file ends before.
  void read(void* data, std::size_t bytes);

 private:
  std::string path_;
  FileDescriptor file_;
  std::uint64_t size_ = 0;
  std::uint64_t offset_ = 0;
};

/// The whole contents of a regular file, byte for byte. Throws io.
FOVEA_INTERNAL std::string read_text_file(const std::string& path);

}  // namespace fovea
