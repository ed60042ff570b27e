#include "host/cli/download.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "fovea/data.h"
#include "fovea/error.h"
#include "fovea/names.h"

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;

/// A file to fetch, and the MD5 sum that its publishers give.
struct RemoteFile {
  const char* name;
  const char* md5;
};

/// The files of a set at one address. An archive is unpacked, and holds the folder.
struct RemoteSet {
  const char* name;
  const char* folder;
  const char* address;
  std::vector<RemoteFile> files;
  bool archive = false;
};

const std::vector<RemoteSet>& remote_sets() {
  static const std::vector<RemoteSet> list = {
      {"mnist",
       "mnist",
       "https://ossci-datasets.s3.amazonaws.com/mnist/",
       {{"train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"},
        {"train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"},
        {"t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"},
        {"t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"}}},
      {"fashion_mnist",
       "fashion_mnist",
       "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
       {{"train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"},
        {"train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"},
        {"t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"},
        {"t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"}}},
      {"cifar100",
       "cifar-100-binary",
       "https://www.cs.toronto.edu/~kriz/",
       {{"cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"}},
       true},
  };
  return list;
}

/// The exit code of a program, and what it wrote to standard output. Standard error is the user's.
struct Finished {
  int code = -1;
  std::string output;
};

/// Throws unsupported where there is no such program.
Finished run(std::vector<std::string> words) {
  std::array<int, 2> ends{};
  FOVEA_REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0, io,
                "cannot make a pipe: ", std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_t child = 0;
  const int error = posix_spawnp(&child, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (error != 0) close(ends[0]);
  FOVEA_REQUIRE(error == 0, unsupported, "the program ", words[0], " cannot be started (",
                std::strerror(error), "); install it");
  Finished finished;
  std::array<char, 4096> buffer{};
  for (ssize_t count = 0; (count = read(ends[0], buffer.data(), buffer.size())) != 0;) {
    if (count > 0) finished.output.append(buffer.data(), static_cast<std::size_t>(count));
    if (count < 0 && errno != EINTR) break;
  }
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  finished.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return finished;
}

void fetch(const std::string& url, const fs::path& part, bool show_progress) {
  const Finished curl =
      run({"curl", "--fail", "--location", "--proto", "=http,https",
           show_progress ? "--progress-bar" : "--silent", "--show-error", "--connect-timeout", "20",
           "--retry", "3", "--output", part.string(), "--url", url});
  FOVEA_REQUIRE(curl.code == 0, io, "cannot download ", url, ": curl ended with code ", curl.code,
                "; check the connection and the proxy, or fetch the file by other means and put it "
                "in ",
                part.parent_path().string());
}

/// Throws, and deletes the file, where its sum is another.
void verify(const fs::path& part, const RemoteFile& file, const std::string& url) {
  const Finished sum = run({"md5sum", "--", part.string()});
  FOVEA_REQUIRE(sum.code == 0 && sum.output.size() >= 32, io, "md5sum cannot read ", part.string());
  if (sum.output.compare(0, 32, file.md5) == 0) return;
  std::error_code ignored;
  fs::remove(part, ignored);
  fail(ErrorCode::io, "what came from ", url, " is not the expected file: its MD5 sum is ",
       sum.output.substr(0, 32), ", not ", file.md5,
       "; it was deleted. Download again; if this "
       "repeats, a proxy or the server alters it");
}

void rename_to(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  FOVEA_REQUIRE(!error, io, "cannot move ", from.string(), " to ", to.string(), ": ",
                error.message());
}

/// Unpacks beside the place, then moves the set's folder there.
void unpack(const fs::path& archive, const fs::path& target) {
  const fs::path temporary = target.string() + ".unpacking-" + std::to_string(getpid());
  std::error_code ignored;
  fs::create_directories(temporary, ignored);
  const Finished tar = run({"tar", "--extract", "--gzip", "--no-same-owner", "--file",
                            archive.string(), "--directory", temporary.string()});
  const fs::path unpacked = temporary / target.filename();
  const bool complete = tar.code == 0 && fs::is_directory(unpacked, ignored);
  if (complete) rename_to(unpacked, target);
  fs::remove_all(temporary, ignored);
  FOVEA_REQUIRE(complete, io, "cannot unpack ", archive.string(), "; is the disk full?");
  fs::remove(archive, ignored);
}

fs::path download_files(const RemoteSet& set, const fs::path& place, const std::string& mirror,
                        bool show_progress) {
  fs::path target = place / set.folder;
  std::error_code error;
  if (set.archive && fs::is_directory(target, error)) return target;
  const fs::path folder = set.archive ? place : target;
  fs::create_directories(folder, error);
  FOVEA_REQUIRE(!error, io, "cannot make the folder ", folder.string(), ": ", error.message());
  for (const RemoteFile& file : set.files) {
    const fs::path path = folder / file.name;
    if (!fs::exists(path, error)) {
      const std::string url = (mirror.empty() ? std::string(set.address) : mirror) + file.name;
      const fs::path part = path.string() + ".part";
      fetch(url, part, show_progress);
      verify(part, file, url);
      rename_to(part, path);
    }
    if (set.archive) unpack(path, target);
  }
  return target;
}

}  // namespace

std::vector<std::string> downloadable_sets() {
  std::vector<std::string> names = {"cifar10"};
  for (const RemoteSet& set : remote_sets()) names.emplace_back(set.name);
  return names;
}

fs::path download(const std::string& set, const fs::path& place, const std::string& mirror,
                  bool show_progress) {
  if (set == "cifar10") {
    DownloadOptions options;
    options.folder = place;
    options.show_progress = show_progress;
    if (!mirror.empty()) options.url = mirror + "cifar-10-binary.tar.gz";
    return download_cifar10(options);
  }
  for (const RemoteSet& known : remote_sets()) {
    if (set == known.name) return download_files(known, place, mirror, show_progress);
  }
  fail_unknown("data set to fetch", set, downloadable_sets());
}

}  // namespace fovea::cli
