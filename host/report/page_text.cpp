#include "host/report/page_text.h"

#include <cstdint>

#include "fovea/error.h"

namespace fovea::report {

std::string fill_page(std::string_view page, const std::map<std::string, std::string_view>& parts) {
  std::string html;
  while (true) {
    const std::size_t begin = page.find("{{");
    html += page.substr(0, begin);
    if (begin == std::string_view::npos) return html;
    const std::size_t end = page.find("}}", begin);
    const auto part = parts.find(std::string(page.substr(begin + 2, end - begin - 2)));
    FOVEA_REQUIRE(part != parts.end(), internal, "the page has no ",
                  page.substr(begin + 2, end - begin - 2));
    html += part->second;
    page.remove_prefix(end + 2);
  }
}

std::string script_json(const Json& json) {
  std::string text;
  for (const char c : json.to_string()) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

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
