#include "host/report/svg.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <vector>

#include "fovea/image.h"
#include "host/report/page_text.h"

namespace fovea::report {
namespace {

// The looks that pictures use. Pages have their own sheet for these classes (page/report.css), in
// light and dark.
constexpr std::string_view kStyle =
    "<style>"
    ".fv-page{fill:#fff}.fv-gap{stroke:#fff;fill:none}.fv-blank{fill:#fff}"
    ".fv-ink{fill:#0b0b0b}.fv-soft{fill:#52514e}.fv-faint{fill:#85837d}.fv-on{fill:#fff}"
    ".fv-grid{stroke:#e6e5df;fill:none}.fv-axis{stroke:#b9b7ae;fill:none}"
    ".fv-edge{stroke:#85837d;fill:none}.fv-tip{fill:#85837d}.fv-card{fill:#fff;stroke:#c9c7be}"
    ".fv-train{stroke:#2a78d6;fill:none}.fv-val{stroke:#e2592a;fill:none}"
    ".fv-heat{fill:#174f99}.fv-bar{fill:#2a78d6}"
    ".fv-input{fill:#9aa3ad}.fv-conv{fill:#2a78d6}.fv-pool{fill:#1a9f70}.fv-norm{fill:#e0a100}"
    ".fv-act{fill:#e2592a}.fv-dense{fill:#6a4fc4}.fv-merge{fill:#d6589a}"
    ".fv-drop{fill:#5d6b78}.fv-other{fill:#8a8880}"
    "</style>";

/// Bytes of the UTF-8 character that `text` begins with; 0 where it begins with none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = byte(0) < 0x80                      ? 1
                             : byte(0) >= 0xc2 && byte(0) < 0xe0 ? 2
                             : byte(0) >= 0xe0 && byte(0) < 0xf0 ? 3
                             : byte(0) >= 0xf0 && byte(0) < 0xf5 ? 4
                                                                 : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Longer than need be, halves of surrogate pairs, beyond U+10FFFF, and two that XML excludes.
  if (byte(0) == 0xe0 && byte(1) < 0xa0) return 0;
  if (byte(0) == 0xed && byte(1) >= 0xa0) return 0;
  if (byte(0) == 0xf0 && byte(1) < 0x90) return 0;
  if (byte(0) == 0xf4 && byte(1) >= 0x90) return 0;
  if (byte(0) == 0xef && byte(1) == 0xbf && byte(2) >= 0xbe) return 0;
  return length;
}

std::vector<std::string> characters(std::string_view text) {
  std::vector<std::string> result;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    result.emplace_back(length == 0 ? "\xef\xbf\xbd" : text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return result;
}

}  // namespace

std::string escape(std::string_view text) {
  std::string result;
  for (const std::string& c : characters(text)) {
    if (c == "&") {
      result += "&amp;";
    } else if (c == "<") {
      result += "&lt;";
    } else if (c == ">") {
      result += "&gt;";
    } else if (c == "\"") {
      result += "&quot;";
    } else if (c == "'") {
      result += "&#39;";
    } else if (static_cast<unsigned char>(c[0]) < 0x20 || c[0] == 0x7f) {
      result += ' ';
    } else {
      result += c;
    }
  }
  return result;
}

std::int64_t character_count(std::string_view text) {
  return static_cast<std::int64_t>(characters(text).size());
}

std::string shorten(std::string_view text, std::int64_t limit) {
  const std::vector<std::string> all = characters(text);
  const auto count = static_cast<std::int64_t>(all.size());
  std::string result;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t head = limit / 2;
    const std::int64_t tail = limit - head - 1;
    if (count > limit && i == head) result += "…";
    if (count <= limit || i < head || i >= count - tail) result += all[static_cast<std::size_t>(i)];
  }
  return result;
}

double text_width(std::string_view text, double font_size) {
  return 0.61 * font_size * static_cast<double>(character_count(text));
}

std::string coordinate(double value) {
  std::string text = fixed(value, 2);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string readable(double value, int digits) {
  std::array<char, 40> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.*g", digits, value);
  return buffer.data();
}

std::string fixed(double value, int decimals) {
  std::array<char, 400> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.*f", decimals, value);
  return buffer.data();
}

std::string percent(double share, int decimals) { return fixed(100 * share, decimals) + " %"; }

std::string with_commas(std::int64_t value) {
  std::string text = std::to_string(value);
  for (auto i = static_cast<std::int64_t>(text.size()) - 3; i > (value < 0 ? 1 : 0); i -= 3) {
    text.insert(static_cast<std::size_t>(i), ",");
  }
  return text;
}

std::string size_text(const Shape& shape) {
  std::string text;
  for (std::int64_t size : shape) text += (text.empty() ? "" : " × ") + std::to_string(size);
  return text.empty() ? "1" : text;
}

std::string png_uri(const Tensor& image) {
  const std::vector<std::uint8_t> file = encode_image(".png", image);
  return "data:image/png;base64," + base64(file.data(), file.size());
}

void Svg::open(std::string_view tag, std::string_view attributes) {
  body_ += '<';
  body_ += tag;
  if (!attributes.empty()) body_ += ' ';
  body_ += attributes;
  body_ += '>';
}

void Svg::close(std::string_view tag) { body_ += "</" + std::string(tag) + ">"; }

void Svg::rect(double x, double y, double width, double height, std::string_view attributes) {
  body_ += "<rect x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\" width=\"" +
           coordinate(width) + "\" height=\"" + coordinate(height) + "\" ";
  body_ += attributes;
  body_ += "/>";
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view attributes) {
  path("M" + coordinate(x1) + " " + coordinate(y1) + "L" + coordinate(x2) + " " + coordinate(y2),
       attributes);
}

void Svg::path(std::string_view d, std::string_view attributes) {
  body_ += "<path d=\"";
  body_ += d;
  body_ += "\" ";
  body_ += attributes;
  body_ += "/>";
}

void Svg::circle(double x, double y, double radius, std::string_view attributes) {
  body_ += "<circle cx=\"" + coordinate(x) + "\" cy=\"" + coordinate(y) + "\" r=\"" +
           coordinate(radius) + "\" ";
  body_ += attributes;
  body_ += "/>";
}

void Svg::text(double x, double y, std::string_view text, const TextStyle& style) {
  body_ +=
      "<text x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\" class=\"" + style.look + "\"";
  if (std::string_view(style.anchor) != "start") {
    body_ += " text-anchor=\"" + std::string(style.anchor) + "\"";
  }
  if (style.size != 12) body_ += " font-size=\"" + coordinate(style.size) + "\"";
  if (style.bold) body_ += " font-weight=\"600\"";
  if (style.turn != 0) {
    body_ += " transform=\"rotate(" + coordinate(style.turn) + " " + coordinate(x) + " " +
             coordinate(y) + ")\"";
  }
  body_ += ">" + escape(text) + "</text>";
}

void Svg::image(double x, double y, double width, double height, const Tensor& pixels) {
  const Shape& shape = pixels.shape();
  const auto times = static_cast<std::int64_t>(std::round(width / static_cast<double>(shape[1])));
  const Tensor shown =
      for_page_ || times <= 1
          ? pixels
          : resize_image(shape.rank() == 2 ? pixels.reshape(shape.append(1)) : pixels,
                         {times * shape[0], times * shape[1]}, {.method = ResizeMethod::nearest});
  body_ += "<image x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\" width=\"" +
           coordinate(width) + "\" height=\"" + coordinate(height) +
           "\" preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" href=\"" +
           png_uri(shown) + "\"/>";
}

Picture Svg::finish(double width, double height, std::string_view label) const {
  Picture picture;
  picture.width = static_cast<int>(std::ceil(width));
  picture.height = static_cast<int>(std::ceil(height));
  const std::string w = std::to_string(picture.width);
  const std::string h = std::to_string(picture.height);
  picture.svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + w + "\" height=\"" + h +
                "\" viewBox=\"0 0 " + w + " " + h + "\" role=\"img\" aria-label=\"" +
                escape(label) +
                "\" font-family=\"DejaVu Sans,Helvetica,Arial,sans-serif\" font-size=\"12\">" +
                std::string(kStyle) + "<rect width=\"" + w + "\" height=\"" + h +
                "\" class=\"fv-page\"/>" + body_ + "</svg>\n";
  return picture;
}

std::string inline_svg(const Picture& picture) {
  std::string svg = picture.svg;
  if (const std::size_t at = svg.find(kStyle); at != std::string::npos) {
    svg.erase(at, kStyle.size());
  }
  return svg;
}

}  // namespace fovea::report
