#include "host/report/view/base64.h"

#include <cstdint>
#include <string_view>

namespace fovea::report {

std::string base64(const void* data, std::size_t bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto* in = static_cast<const std::uint8_t*>(data);
  std::string text;
  text.reserve((bytes + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes; i += 3) {
    const std::size_t rest = bytes - i;
    const std::uint32_t word = (std::uint32_t{in[i]} << 16) |
                               (rest > 1 ? std::uint32_t{in[i + 1]} << 8 : 0) |
                               (rest > 2 ? std::uint32_t{in[i + 2]} : 0);
    text += kDigits[word >> 18];
    text += kDigits[(word >> 12) & 63];
    text += rest > 1 ? kDigits[(word >> 6) & 63] : '=';
    text += rest > 2 ? kDigits[word & 63] : '=';
  }
  return text;
}

}  // namespace fovea::report
