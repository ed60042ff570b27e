// Files and folders of the data room: reading from front to back, plain or gz-compressed, with
// errors that name the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fovea/export.h"

namespace fovea::data {

class FOVEA_INTERNAL InputFile {
 public:
  virtual ~InputFile();

  /// Reads `count` bytes, fewer only where the file ends. Throws io, or parse for corrupt gz data.
  virtual std::int64_t read(void* target, std::int64_t count) = 0;
  /// No more bytes than this can come out of the file: a limit for sizes found in its header.
  virtual std::int64_t max_bytes() const = 0;
};

/// Whether something is there; false also for what may not be looked at.
FOVEA_INTERNAL bool path_exists(const std::filesystem::path& path);

/// "a, b, c"
FOVEA_INTERNAL std::string join(const std::vector<std::string>& names);

/// ~/.cache/fovea, or nothing where HOME is not set.
FOVEA_INTERNAL std::optional<std::filesystem::path> cache_folder();

/// Size of a regular file. Throws io for anything else.
FOVEA_INTERNAL std::int64_t file_bytes(const std::filesystem::path& path);

/// Opens a file; one whose name ends in .gz is decompressed. Throws io where it cannot be opened,
/// unsupported for a .gz file in a build without zlib.
FOVEA_INTERNAL std::unique_ptr<InputFile> open_input(const std::filesystem::path& path);

/// The whole contents of a file. Throws as open_input.
FOVEA_INTERNAL std::string read_text(const std::filesystem::path& path);
/// The lines of a text file, without their ends (LF or CRLF). Throws as open_input.
FOVEA_INTERNAL std::vector<std::string> read_lines(const std::filesystem::path& path);

}  // namespace fovea::data
