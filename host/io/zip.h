// Zip archives in memory: .keras and .npz files. libzip lies in the plug-in libfovea_zip.so.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/export.h"

namespace fovea {

struct ZipEntry {
  std::string name;
  std::vector<std::uint8_t> bytes;
};

/// The files in an archive. `source` begins messages. Throws unsupported without the plug-in and
/// for encrypted files or unknown ways to compress; parse for what is damaged, or claims to hold
/// more than it can.
FOVEA_INTERNAL std::vector<ZipEntry> read_zip(std::span<const std::uint8_t> bytes,
                                              const std::string& source);

/// An archive of files that are not compressed, the same bytes for the same files. There must be at
/// least one. Throws unsupported without the plug-in.
FOVEA_INTERNAL std::vector<std::uint8_t> write_zip(const std::vector<ZipEntry>& entries);

/// Whether a file that begins so is a zip archive.
bool is_zip(std::string_view head);

/// What the plug-in offers, by its entry fovea_zip_codec.
struct ZipCodec {
  std::vector<ZipEntry> (*read)(std::span<const std::uint8_t> bytes, const std::string& source);
  std::vector<std::uint8_t> (*write)(const std::vector<ZipEntry>& entries);
};
using ZipCodecEntry = const ZipCodec* (*)();

}  // namespace fovea
