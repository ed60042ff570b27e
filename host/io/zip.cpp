#include "host/io/zip.h"

#include "fovea/error.h"
#include "host/base/plugin.h"

namespace fovea {
namespace {

const ZipCodec& codec() {
  // Whether it is turned off is asked anew each time; an opened plug-in stays open.
  FOVEA_REQUIRE(!plugin_disabled("zip"), unsupported,
                ".keras and .npz files are zip archives, which are turned off by "
                "FOVEA_DISABLE_PLUGINS");
  static const Plugin plugin = open_plugin("zip", "fovea_zip_codec");
  FOVEA_REQUIRE(plugin.symbol != nullptr, unsupported,
                ".keras and .npz files need the plug-in for zip archives, which cannot be used (",
                plugin.problem, "): install libzip-dev and build Fovea again");
  return *reinterpret_cast<ZipCodecEntry>(plugin.symbol)();
}

}  // namespace

std::vector<ZipEntry> read_zip(std::span<const std::uint8_t> bytes, const std::string& source) {
  return codec().read(bytes, source);
}

std::vector<std::uint8_t> write_zip(const std::vector<ZipEntry>& entries) {
  return codec().write(entries);
}

bool is_zip(std::string_view head) { return head.starts_with("PK\x03\x04"); }

}  // namespace fovea
