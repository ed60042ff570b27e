#include "host/base/byte_size.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <utility>

#include "fovea/error.h"

namespace fovea {
namespace {

constexpr std::array<std::pair<std::string_view, double>, 4> kUnits = {
    {{"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}}};

}  // namespace

std::int64_t parse_byte_size(std::string_view text, std::string_view what) {
  double number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  double factor = unit.empty() ? 1 : 0;
  for (const auto& [name, bytes] : kUnits) {
    if (unit == name) factor = bytes;
  }
  const double bytes = number * factor;
  FOVEA_REQUIRE(error == std::errc() && factor > 0 && bytes >= 0 && bytes < 0x1p62,
                invalid_argument, what, " is '", text,
                "'; write bytes, or a number with KiB, MiB, GiB or TiB, such as 8GiB");
  return static_cast<std::int64_t>(bytes);
}

std::string byte_size_text(std::int64_t bytes) {
  const auto size = static_cast<double>(bytes);
  for (std::size_t i = kUnits.size(); i-- > 0;) {
    if (size < kUnits.at(i).second) continue;
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f %s", size / kUnits.at(i).second,
                  kUnits.at(i).first.data());
    return text.data();
  }
  return std::to_string(bytes) + " bytes";
}

}  // namespace fovea
