// Fetches CIFAR-10: curl continues the .part file, SHA-256 decides, tar unpacks next to the place
// where the folder is then moved, so that it is either complete or not there.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "fovea/data.h"
#include "host/data/cifar10.h"
#include "host/data/files.h"
#include "host/data/process.h"
#include "host/data/sha256.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;

/// The file that the archive arrives in, locked against a second download.
class PartFile {
 public:
  explicit PartFile(fs::path path)
      : path_(std::move(path)),
        descriptor_(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    FOVEA_REQUIRE(descriptor_ >= 0, io, "cannot write ", path_, ": ", std::strerror(errno),
                  "; choose another folder, or make this one writable");
    if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      close(descriptor_);
      fail(ErrorCode::io, "another process is downloading to ", path_, "; wait until it is done");
    }
  }
  ~PartFile() {
    std::error_code ignored;
    if (bytes() == 0) fs::remove(path_, ignored);
    close(descriptor_);
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  const fs::path& path() const { return path_; }
  std::int64_t bytes() const { return lseek(descriptor_, 0, SEEK_END); }
  /// Empties the file, which the destructor then removes.
  void discard() {
    FOVEA_REQUIRE(ftruncate(descriptor_, 0) == 0, io, "cannot empty ", path_, ": ",
                  std::strerror(errno), "; delete it, then download again");
  }

 private:
  fs::path path_;
  int descriptor_;
};

/// A folder that is deleted with all that is in it.
struct TemporaryFolder {
  explicit TemporaryFolder(fs::path where) : path(std::move(where)) {
    std::error_code error;
    fs::create_directory(path, error);
    FOVEA_REQUIRE(!error, io, "cannot create the folder ", path, ": ", error.message());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  fs::path path;
};

std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text.substr(text.find_last_of("\n\r") + 1);
}

data::ProcessResult run_curl(const DownloadOptions& options, const fs::path& part) {
  return data::run_process({"curl",
                            "--fail",
                            "--location",
                            "--proto",
                            "=http,https",
                            options.show_progress ? "--progress-bar" : "--silent",
                            "--show-error",
                            "--connect-timeout",
                            "20",
                            "--speed-limit",
                            "1000",
                            "--speed-time",
                            "30",
                            "--continue-at",
                            "-",
                            "--output",
                            part.string(),
                            "--write-out",
                            "%{http_code}",
                            "--url",
                            options.url},
                           options.show_progress);
}

/// What an exit code of curl means, for those that have a remedy.
std::string explain(const data::ProcessResult& curl) {
  switch (curl.exit_code) {
    case 6:
      return "the server's name is not known here; check the network connection and the proxy";
    case 7:
      return "the server cannot be reached; check the network connection and the proxy";
    case 22:
      return "the server answered with HTTP status " + curl.output;
    case 23:
      return "the data could not be written; is the disk full?";
    case 35:
    case 60:
    case 77:
      return "the server's certificate could not be verified; are ca-certificates installed?";
    default:
      return "the connection broke off";
  }
}

/// Whether another attempt may help: not where the address, the certificate or the disk is at
/// fault.
bool worth_retrying(const data::ProcessResult& curl) {
  if (curl.exit_code == 22) return curl.output >= "500" || curl.output == "429";
  constexpr int kFinal[] = {1, 3, 23, 35, 60, 77};
  return std::find(std::begin(kFinal), std::end(kFinal), curl.exit_code) == std::end(kFinal);
}

/// Continues the part file until it has all its bytes.
void fetch(const DownloadOptions& options, PartFile& part) {
  double pause = options.retry_seconds;
  for (int attempt = 1; part.bytes() < options.bytes; ++attempt) {
    const data::ProcessResult curl = run_curl(options, part.path());
    if (curl.exit_code == 0) return;
    FOVEA_REQUIRE(curl.exit_code < 128, interrupted, "the download was stopped after ",
                  part.bytes(), " of ", options.bytes, " bytes; the next one continues there");
    // The server cannot continue our file: begin again.
    const bool cannot_continue =
        curl.exit_code == 33 || (curl.exit_code == 22 && curl.output == "416");
    if (cannot_continue) part.discard();
    if (attempt >= options.attempts || !(cannot_continue || worth_retrying(curl))) {
      const std::string kept =
          part.bytes() == 0 ? ""
                            : detail::concat("; ", part.bytes(), " of ", options.bytes,
                                             " bytes are there, and the next download continues "
                                             "from them");
      fail(ErrorCode::io, "cannot download ", options.url, ": ", explain(curl), " (",
           last_line(curl.errors), ")", kept,
           ". The file may also be fetched by other means and unpacked in ",
           part.path().parent_path());
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(pause));
    pause *= 2;
  }
}

std::string sha256_of(const fs::path& path) {
  data::Sha256 hash;
  const auto input = data::open_input(path);
  std::vector<char> buffer(1 << 16);
  const auto capacity = static_cast<std::int64_t>(buffer.size());
  while (const std::int64_t got = input->read(buffer.data(), capacity)) {
    hash.add(buffer.data(), static_cast<std::size_t>(got));
  }
  return hash.hex();
}

void verify(const DownloadOptions& options, PartFile& part) {
  const std::int64_t bytes = part.bytes();
  const std::string digest = sha256_of(part.path());
  if (bytes == options.bytes && digest == options.sha256) return;
  part.discard();
  fail(ErrorCode::io, "what came from ", options.url, " is not the expected file: ", bytes,
       " bytes with SHA-256 ", digest, ", not ", options.bytes, " with ", options.sha256, "; ",
       part.path(),
       " was deleted. Download again; if this repeats, a proxy or the server alters it");
}

void unpack(const PartFile& part, const fs::path& target) {
  const TemporaryFolder temporary(part.path().parent_path() /
                                  detail::concat("unpacking-", getpid()));
  const data::ProcessResult tar =
      data::run_process({"tar", "--extract", "--gzip", "--no-same-owner", "--file",
                         part.path().string(), "--directory", temporary.path.string()});
  FOVEA_REQUIRE(tar.exit_code == 0, io, "cannot unpack ", part.path(), ": ", last_line(tar.errors),
                "; it was downloaded in full and stays, so correct the cause and try again");
  const fs::path unpacked = temporary.path / data::kCifar10Folder;
  const std::vector<std::string> missing = data::missing_cifar10_files(unpacked);
  FOVEA_REQUIRE(missing.empty(), parse, "the archive ", part.path(), " lacks ", data::join(missing),
                "; it is not the binary version of CIFAR-10");
  std::error_code error;
  fs::rename(unpacked, target, error);
  FOVEA_REQUIRE(!error, io, "cannot move the unpacked data to ", target, ": ", error.message());
}

fs::path folder_of(const DownloadOptions& options) {
  if (!options.folder.empty()) return options.folder;
  const auto cache = data::cache_folder();
  FOVEA_REQUIRE(cache.has_value(), invalid_argument,
                "there is no place for the download: HOME is not set; set it, or name a folder");
  return *cache;
}

}  // namespace

fs::path download_cifar10(const DownloadOptions& options) {
  const fs::path folder = folder_of(options);
  fs::path target = folder / data::kCifar10Folder;
  const std::vector<std::string> missing = data::missing_cifar10_files(target);
  if (missing.empty()) return target;
  FOVEA_REQUIRE(!data::path_exists(target), io, "the folder ", target, " is there but lacks ",
                data::join(missing), "; move it away, then download again");
  std::error_code error;
  fs::create_directories(folder, error);
  FOVEA_REQUIRE(!error, io, "cannot create the folder ", folder, ": ", error.message());

  PartFile part(folder / "cifar-10-binary.tar.gz.part");
  fetch(options, part);
  verify(options, part);
  unpack(part, target);
  part.discard();
  return target;
}

}  // namespace fovea
