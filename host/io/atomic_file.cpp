// A temporary file, fsync, rename, fsync of the folder.
//
// A writer holds a lock (flock) on its temporary file for as long as it lives. The kernel drops the
// lock of a killed process, so a temporary file that can be locked is a leftover and may go. Unlike
// a process id, this cannot be fooled by reused ids or by containers that share a folder.
#include "host/io/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <filesystem>
#include <system_error>

#include "fovea/error.h"

namespace fovea {
namespace {

constexpr std::string_view kTemporarySuffix = ".fovea-tmp-";
constexpr std::string_view kUnchanged = "; an earlier file of that name is unchanged";

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

/// "12-3": what follows the suffix in the name of a temporary file.
bool is_temporary_id(std::string_view id) {
  const std::size_t dash = id.find('-');
  const auto is_number = [](std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  };
  return dash != std::string_view::npos && is_number(id.substr(0, dash)) &&
         is_number(id.substr(dash + 1));
}

void remove_if_abandoned(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.valid() && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());
}

/// Removes what killed writers of `target` left behind. Failing to is no error.
void remove_leftovers(const std::string& target) {
  const std::string prefix =
      std::filesystem::path(target).filename().string() + std::string(kTemporarySuffix);
  std::error_code error;
  std::filesystem::directory_iterator entry(folder_of(target), error);
  for (const std::filesystem::directory_iterator end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with(prefix) && is_temporary_id(std::string_view(name).substr(prefix.size()))) {
      remove_if_abandoned(entry->path().string());
    }
  }
}

/// Takes the lock that marks a temporary file as in use. False: another process took the new file
/// for a leftover before it was locked. A file system without locks has no such process.
bool lock_temporary(int file) {
  if (retry_interrupted([&] { return ::flock(file, LOCK_EX); }) != 0) return true;
  struct stat status {};
  return ::fstat(file, &status) != 0 || status.st_nlink > 0;
}

/// Some file systems and devices have nothing to flush, and say so with EINVAL.
bool flush(int file) {
  return retry_interrupted([&] { return ::fsync(file); }) == 0 || errno == EINVAL;
}

}  // namespace

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)), target_(path_) {
  struct stat status {};
  const bool exists = ::stat(path_.c_str(), &status) == 0;
  const bool is_folder = exists ? S_ISDIR(status.st_mode) : path_.ends_with('/');
  if (path_.empty() || is_folder) fail_io("cannot write \"" + path_ + '"', EISDIR);

  if (exists && !S_ISREG(status.st_mode)) {
    file_ = FileDescriptor(
        retry_interrupted([&] { return ::open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY); }));
    if (!file_.valid()) fail_io("cannot write " + path_, errno);
    return;
  }
  std::error_code error;
  if (std::filesystem::is_symlink(path_, error) && exists) {
    target_ = std::filesystem::canonical(path_, error).string();
    if (error) fail_io("cannot write " + path_, error.value());
  }
  // A rename asks for the folder's permission only; a file marked read-only stays protected.
  if (exists && ::access(path_.c_str(), W_OK) != 0) fail_io("cannot write " + path_, errno);
  remove_leftovers(target_);
  open_temporary();
  if (exists && ::fchmod(file_.get(), status.st_mode & 07777) != 0) fail_write(errno);
}

AtomicFile::~AtomicFile() { remove_temporary(); }

void AtomicFile::open_temporary() {
  static std::atomic<std::uint64_t> next_number = 0;
  while (!file_.valid()) {
    temporary_path_ =
        detail::concat(target_, kTemporarySuffix, ::getpid(), '-', next_number.fetch_add(1));
    FileDescriptor file(retry_interrupted([&] {
      return ::open(temporary_path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }));
    if (file.valid()) {
      if (lock_temporary(file.get())) file_ = std::move(file);
    } else if (errno != EEXIST) {
      const int cause = errno;
      temporary_path_.clear();
      fail_io("cannot write " + path_, cause, kUnchanged);
    }
  }
}

void AtomicFile::write(const void* data, std::size_t bytes) {
  const auto* source = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = retry_interrupted([&] { return ::write(file_.get(), source, bytes); });
    if (written < 0) fail_write(errno);
    source += written;
    bytes -= static_cast<std::size_t>(written);
    offset_ += static_cast<std::uint64_t>(written);
  }
}

void AtomicFile::commit() {
  assert(file_.valid());
  if (!flush(file_.get())) fail_write(errno);
  if (temporary_path_.empty()) return;  // written in place
  // The descriptor, and with it the lock, must outlive the temporary name.
  if (::rename(temporary_path_.c_str(), target_.c_str()) != 0) fail_write(errno);
  temporary_path_.clear();
  // The rename itself is durable once the folder is. A folder that may not be read is left alone.
  const FileDescriptor folder(retry_interrupted(
      [&] { return ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (folder.valid() && !flush(folder.get())) {
    fail_io("cannot flush the folder of " + path_, errno,
            "; the new file is in place but may not survive a power failure");
  }
}

void AtomicFile::remove_temporary() noexcept {
  if (!temporary_path_.empty()) ::unlink(temporary_path_.c_str());
  temporary_path_.clear();
}

void AtomicFile::fail_write(int error_number) {
  const bool in_place = temporary_path_.empty();
  remove_temporary();
  fail_io(detail::concat("cannot write ", path_, " at byte ", offset_), error_number,
          in_place ? "" : kUnchanged);
}

void write_text_file(const std::string& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace fovea
