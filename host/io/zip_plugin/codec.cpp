// The plug-in for zip archives, on libzip.
#include <zip.h>

#include <algorithm>
#include <memory>

#include "fovea/error.h"
#include "host/io/zip.h"

namespace fovea {
namespace {

/// The most that deflate makes of a byte.
constexpr std::uint64_t kMostExpansion = 1032;
/// Of the archive, so that the same files give the same bytes: 1 January 2020.
constexpr time_t kModified = 1577836800;

struct DiscardArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Archive = std::unique_ptr<zip_t, DiscardArchive>;

struct CloseFile {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

struct FreeSource {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};
using Source = std::unique_ptr<zip_source_t, FreeSource>;

/// A reason of libzip's, with what it holds freed at the end.
class Reason {
 public:
  Reason() { zip_error_init(&error_); }
  ~Reason() { zip_error_fini(&error_); }
  Reason(const Reason&) = delete;
  Reason& operator=(const Reason&) = delete;
  zip_error_t* get() { return &error_; }
  const char* text() { return zip_error_strerror(&error_); }

 private:
  zip_error_t error_{};
};

std::vector<std::uint8_t> read_file(zip_t* archive, const zip_stat_t& stat,
                                    const std::string& source) {
  const std::unique_ptr<zip_file_t, CloseFile> file(zip_fopen_index(archive, stat.index, 0));
  FOVEA_REQUIRE(file != nullptr, unsupported, source, ": cannot open '", stat.name,
                "': ", zip_strerror(archive));
  std::vector<std::uint8_t> bytes(stat.size);
  std::uint64_t done = 0;
  while (done < stat.size) {
    const zip_int64_t got = zip_fread(file.get(), bytes.data() + done, stat.size - done);
    FOVEA_REQUIRE(got > 0, parse, source, ": '", stat.name, "' is damaged at offset ", done, ": ",
                  got < 0 ? zip_file_strerror(file.get()) : "it ends too early");
    done += static_cast<std::uint64_t>(got);
  }
  std::uint8_t more = 0;  // the checksum is compared where the file ends
  FOVEA_REQUIRE(zip_fread(file.get(), &more, 1) == 0, parse, source, ": '", stat.name,
                "' is damaged: its checksum or its size does not fit");
  return bytes;
}

std::vector<ZipEntry> read(std::span<const std::uint8_t> bytes, const std::string& source) {
  Reason reason;
  Source buffer(zip_source_buffer_create(bytes.data(), bytes.size(), 0, reason.get()));
  FOVEA_REQUIRE(buffer != nullptr, out_of_memory, source, ": ", reason.text());
  const Archive archive(zip_open_from_source(buffer.get(), ZIP_RDONLY, reason.get()));
  FOVEA_REQUIRE(archive != nullptr, parse, source,
                " is damaged or no zip archive: ", reason.text());
  static_cast<void>(buffer.release());  // the archive's now
  std::vector<ZipEntry> entries;
  std::uint64_t compressed = 0;
  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t stat;
    zip_stat_init(&stat);
    constexpr zip_uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
    const int status = zip_stat_index(archive.get(), static_cast<zip_uint64_t>(i), 0, &stat);
    FOVEA_REQUIRE(status == 0 && (stat.valid & kNeeded) == kNeeded, parse, source, ": entry ", i,
                  " is damaged");
    stat.index = static_cast<zip_uint64_t>(i);
    // Entries that share their bytes would make much of little.
    FOVEA_REQUIRE(
        stat.comp_size <= bytes.size() - std::min<std::uint64_t>(compressed, bytes.size()), parse,
        source, ": '", stat.name, "' claims more bytes than the archive has");
    compressed += stat.comp_size;
    FOVEA_REQUIRE(stat.size <= kMostExpansion * stat.comp_size, parse, source, ": '", stat.name,
                  "' claims ", stat.size, " bytes out of ", stat.comp_size);
    entries.push_back({stat.name, read_file(archive.get(), stat, source)});
  }
  return entries;
}

void check_written(bool done, zip_t* archive, const std::string& name) {
  FOVEA_REQUIRE(done, internal, "libzip cannot write '", name, "': ", zip_strerror(archive));
}

void add_entry(zip_t* archive, const ZipEntry& entry) {
  Source source(zip_source_buffer(archive, entry.bytes.data(), entry.bytes.size(), 0));
  check_written(source != nullptr, archive, entry.name);
  const zip_int64_t index =
      zip_file_add(archive, entry.name.c_str(), source.get(), ZIP_FL_ENC_UTF_8);
  check_written(index >= 0, archive, entry.name);
  static_cast<void>(source.release());  // the archive's now
  const auto number = static_cast<zip_uint64_t>(index);
  check_written(zip_set_file_compression(archive, number, ZIP_CM_STORE, 0) == 0 &&
                    zip_file_set_mtime(archive, number, kModified, 0) == 0,
                archive, entry.name);
}

std::vector<std::uint8_t> write(const std::vector<ZipEntry>& entries) {
  Reason reason;
  Source target(zip_source_buffer_create(nullptr, 0, 0, reason.get()));
  FOVEA_REQUIRE(target != nullptr, out_of_memory, "zip archive: ", reason.text());
  Archive archive(zip_open_from_source(target.get(), ZIP_TRUNCATE, reason.get()));
  FOVEA_REQUIRE(archive != nullptr, internal, "zip archive: ", reason.text());
  zip_source_keep(target.get());  // beyond the archive's end
  for (const ZipEntry& entry : entries) add_entry(archive.get(), entry);
  check_written(zip_close(archive.get()) == 0, archive.get(), "an archive");
  static_cast<void>(archive.release());
  zip_stat_t stat;
  zip_stat_init(&stat);
  const bool opened =
      zip_source_stat(target.get(), &stat) == 0 && zip_source_open(target.get()) == 0;
  FOVEA_REQUIRE(opened, internal, "libzip cannot read the archive that it wrote");
  std::vector<std::uint8_t> bytes(stat.size);
  const zip_int64_t got = zip_source_read(target.get(), bytes.data(), bytes.size());
  zip_source_close(target.get());
  FOVEA_REQUIRE(got == static_cast<zip_int64_t>(bytes.size()), internal,
                "libzip cannot read the archive that it wrote");
  return bytes;
}

}  // namespace
}  // namespace fovea

extern "C" FOVEA_API const fovea::ZipCodec* fovea_zip_codec();

const fovea::ZipCodec* fovea_zip_codec() {
  static constexpr fovea::ZipCodec kCodec = {fovea::read, fovea::write};
  return &kCodec;
}
