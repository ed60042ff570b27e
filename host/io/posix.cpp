// Descriptors and the texts of system errors.
#include "host/io/posix.h"

#include <unistd.h>

#include <system_error>

#include "fovea/error.h"

namespace fovea {
namespace {

std::string_view remedy(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return "; free some space or choose another disk";
    case EACCES:
    case EPERM:
    case EROFS:
      return "; choose a place where you have permission";
    case ENOENT:
      return "; check the path, and create the folder first";
    case ENOTDIR:
      return "; a part of the path is a file, not a folder";
    case EISDIR:
      return "; give the path of a file";
    case EFBIG:
      return "; raise the limit on file sizes (ulimit -f) or choose another file system";
    case ENAMETOOLONG:
      return "; choose a shorter name";
    case EMFILE:
    case ENFILE:
      return "; close files or raise the limit on open ones (ulimit -n)";
    case EIO:
      return "; the disk may be failing";
    default:
      return "";
  }
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (valid()) ::close(fd_);
}

void fail_io(std::string_view doing, int error_number, std::string_view note) {
  fail(ErrorCode::io, doing, ": ", std::generic_category().message(error_number),
       remedy(error_number), note);
}

}  // namespace fovea
