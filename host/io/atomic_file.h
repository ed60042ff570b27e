// AtomicFile: replaces a file as a whole or not at all, whatever happens in between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fovea/export.h"
#include "host/io/posix.h"

namespace fovea {

/// Writes go to a temporary file in the same folder, "<path>.fovea-tmp-<process>-<number>";
/// commit() makes it durable and renames it to `path`. Until then, and after any failure, `path` is
/// as it was. The temporary file goes with this object; those of killed processes go when the next
/// AtomicFile of the same path is made. Several processes may write one path: the last commit wins.
///
/// A symbolic link is followed, and an existing file's mode is kept. A device or FIFO cannot be
/// replaced and is written in place.
///
/// Errors are io and name the path, the cause and the remedy. A process that lowers RLIMIT_FSIZE
/// must ignore SIGXFSZ to get one.
class FOVEA_INTERNAL AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, std::size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  /// Flushes to the disk and puts the file in place. Nothing may be written afterwards.
  void commit();

 private:
  void open_temporary();
  void remove_temporary() noexcept;
  [[noreturn]] void fail_write(int error_number);

  std::string path_;            // as given, for messages
  std::string target_;          // links resolved
  std::string temporary_path_;  // empty: none, the target is written in place
  FileDescriptor file_;
  std::uint64_t offset_ = 0;
};

/// Replaces the file at `path` by `text`, atomically. Throws io.
FOVEA_INTERNAL void write_text_file(const std::string& path, std::string_view text);

}  // namespace fovea
