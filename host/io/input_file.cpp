// Reading files: every short read is continued, every failure names the path.
#include "host/io/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fovea/error.h"

namespace fovea {

InputFile::InputFile(std::string path) : path_(std::move(path)) {
  // Without O_NONBLOCK, opening a FIFO would wait for a writer; regular files ignore the flag.
  file_ = FileDescriptor(
      retry_interrupted([&] { return ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); }));
  if (!file_.valid()) fail_io("cannot read " + path_, errno);
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) fail_io("cannot read " + path_, errno);
  if (S_ISDIR(status.st_mode)) fail_io("cannot read " + path_, EISDIR);
  FOVEA_REQUIRE(S_ISREG(status.st_mode), io, "cannot read ", path_, ": it is not a regular file");
  size_ = static_cast<std::uint64_t>(status.st_size);
}

void InputFile::read(void* data, std::size_t bytes) {
  auto* target = static_cast<char*>(data);
  while (bytes > 0) {
    const ssize_t got = retry_interrupted([&] { return ::read(file_.get(), target, bytes); });
    if (got < 0) fail_io("cannot read " + path_, errno);
    FOVEA_REQUIRE(got > 0, io, "cannot read ", path_, ": it ended at byte ", offset_, ", ", bytes,
                  " bytes early; was it shortened while it was read?");
    target += got;
    bytes -= static_cast<std::size_t>(got);
    offset_ += static_cast<std::uint64_t>(got);
  }
}

std::string read_text_file(const std::string& path) {
  InputFile file(path);
  std::string text(file.size(), '\0');
  file.read(text.data(), text.size());
  return text;
}

}  // namespace fovea
