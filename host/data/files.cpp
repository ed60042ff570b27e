// Files read from front to back: stdio for plain ones, zlib for gz; and where the cache lies.
#include "host/data/files.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <sstream>
#include <utility>

#include "fovea/error.h"

#ifdef FOVEA_HAS_ZLIB
#include <zlib.h>
#endif

namespace fovea::data {
namespace {

class PlainFile final : public InputFile {
 public:
  explicit PlainFile(const std::filesystem::path& path)
      : path_(path), size_(file_bytes(path)), file_(std::fopen(path.c_str(), "rb")) {
    FOVEA_REQUIRE(file_ != nullptr, io, "cannot open ", path, ": ", std::strerror(errno));
  }
  ~PlainFile() override { std::fclose(file_); }
  PlainFile(const PlainFile&) = delete;
  PlainFile& operator=(const PlainFile&) = delete;

  std::int64_t read(void* target, std::int64_t count) override {
    const std::size_t got = std::fread(target, 1, static_cast<std::size_t>(count), file_);
    FOVEA_REQUIRE(std::ferror(file_) == 0, io, "cannot read ", path_, ": ", std::strerror(errno));
    return static_cast<std::int64_t>(got);
  }
  std::int64_t max_bytes() const override { return size_; }

 private:
  std::filesystem::path path_;
  std::int64_t size_;
  std::FILE* file_;
};

#ifdef FOVEA_HAS_ZLIB

class GzipFile final : public InputFile {
 public:
  explicit GzipFile(const std::filesystem::path& path)
      : path_(path), compressed_size_(file_bytes(path)), file_(gzopen(path.c_str(), "rb")) {
    FOVEA_REQUIRE(file_ != nullptr, io, "cannot open ", path, ": ", std::strerror(errno));
    if (gzdirect(file_) != 0) {
      gzclose(file_);
      fail(ErrorCode::parse, path, " is not gz-compressed, though its name ends in .gz");
    }
  }
  ~GzipFile() override { gzclose(file_); }
  GzipFile(const GzipFile&) = delete;
  GzipFile& operator=(const GzipFile&) = delete;

  std::int64_t read(void* target, std::int64_t count) override {
    std::int64_t done = 0;
    while (done < count) {
      const std::int64_t wanted = std::min<std::int64_t>(count - done, 1 << 20);
      const int got =
          gzread(file_, static_cast<char*>(target) + done, static_cast<unsigned>(wanted));
      if (got < wanted) check_stream();
      if (got == 0) break;
      done += got;
    }
    return done;
  }

  std::int64_t max_bytes() const override {
    // Deflate cannot compress better than 1032 to 1.
    return compressed_size_ < std::numeric_limits<std::int64_t>::max() / 1032
               ? compressed_size_ * 1032
               : std::numeric_limits<std::int64_t>::max();
  }

 private:
  void check_stream() {
    int code = Z_OK;
    const char* message = gzerror(file_, &code);
    if (code == Z_OK || code == Z_STREAM_END) return;
    FOVEA_REQUIRE(code != Z_ERRNO, io, "cannot read ", path_, ": ", std::strerror(errno));
    fail(ErrorCode::parse, path_, " is not complete, correct gz data (",
         code == Z_BUF_ERROR ? "it ends too early" : message, "); fetch the file again");
  }

  std::filesystem::path path_;
  std::int64_t compressed_size_;
  gzFile file_;
};

#endif

}  // namespace

InputFile::~InputFile() = default;

bool path_exists(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::optional<std::filesystem::path> cache_folder() {
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') return std::nullopt;
  return std::filesystem::path(home) / ".cache" / "fovea";
}

std::int64_t file_bytes(const std::filesystem::path& path) {
  std::error_code error;
  const bool is_file = std::filesystem::is_regular_file(path, error);
  FOVEA_REQUIRE(!error, io, "cannot read ", path, ": ", error.message());
  FOVEA_REQUIRE(is_file, io, path, " is not a regular file");
  const auto bytes = std::filesystem::file_size(path, error);
  FOVEA_REQUIRE(!error, io, "cannot read ", path, ": ", error.message());
  return static_cast<std::int64_t>(bytes);
}

std::unique_ptr<InputFile> open_input(const std::filesystem::path& path) {
  if (path.extension() != ".gz") return std::make_unique<PlainFile>(path);
#ifdef FOVEA_HAS_ZLIB
  return std::make_unique<GzipFile>(path);
#else
  fail(ErrorCode::unsupported, path, " is gz-compressed, but this build of Fovea has no zlib; ",
       "unpack it with gunzip, or install zlib1g-dev and build again");
#endif
}

std::string read_text(const std::filesystem::path& path) {
  const auto input = open_input(path);
  std::string text;
  constexpr std::size_t kChunk = 1 << 20;
  std::size_t got = kChunk;
  while (got == kChunk) {
    const std::size_t size = text.size();
    text.resize(size + kChunk);
    got = static_cast<std::size_t>(input->read(text.data() + size, kChunk));
    text.resize(size + got);
  }
  return text;
}

std::vector<std::string> read_lines(const std::filesystem::path& path) {
  std::istringstream text(read_text(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) {
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace fovea::data
