// Svg: writes SVG documents, and what they have in common: a style, names of colours, escaping.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "fovea/report.h"
#include "fovea/tensor.h"

namespace fovea::report {

/// Text as it stands in XML and HTML, between tags or in quotes: markup is escaped, what is not
/// UTF-8 becomes U+FFFD, control characters become spaces.
std::string escape(std::string_view text);

/// The characters of UTF-8 text.
std::int64_t character_count(std::string_view text);
/// At most so many characters, an ellipsis in the place of what is left out of the middle.
std::string shorten(std::string_view text, std::int64_t characters);
/// About how wide a line of sans-serif text is drawn, in pixels.
double text_width(std::string_view text, double font_size);

/// A coordinate: at most two decimals, "12.5".
std::string coordinate(double value);
/// A number for people: so many significant digits, "0.00123", "1.5e-07".
std::string readable(double value, int digits = 4);
/// So many decimals: "0.570".
std::string fixed(double value, int decimals);
/// A share as "99.1 %", so many decimals; the space does not break lines.
std::string percent(double share, int decimals = 1);
/// 1234567 as "1,234,567".
std::string with_commas(std::int64_t value);
/// Sizes of one sample as "32 × 32 × 3"; a scalar is "1".
std::string size_text(const Shape& shape);

/// A picture, u8 (H, W), (H, W, 1) or (H, W, 3), as a data: URI of its PNG file.
std::string png_uri(const Tensor& image);

/// How a text is set: at its start ("start"), "middle" or "end".
struct TextStyle {
  const char* anchor = "start";
  const char* look = "fv-soft";  ///< a class of the style sheet: fv-ink, fv-soft, fv-faint, fv-on
  double size = 12;
  bool bold = false;
  double turn = 0;  ///< degrees, clockwise
};

/// A document in the making. Attributes are written as they are given: they must be escaped.
class Svg {
 public:
  /// For an HTML page alone, or for all programs: then pixels are enlarged here, since not all of
  /// them keep these sharp.
  explicit Svg(bool for_page = false) : for_page_(for_page) {}

  void open(std::string_view tag, std::string_view attributes = {});
  void close(std::string_view tag);
  void rect(double x, double y, double width, double height, std::string_view attributes);
  void line(double x1, double y1, double x2, double y2, std::string_view attributes);
  void path(std::string_view d, std::string_view attributes);
  void circle(double x, double y, double radius, std::string_view attributes);
  /// `text` is escaped here.
  void text(double x, double y, std::string_view text, const TextStyle& style = {});
  /// A picture as for png_uri, whose pixels stay sharp when they are enlarged.
  void image(double x, double y, double width, double height, const Tensor& pixels);

  /// The document, on a white page; `label` says what it shows to those who cannot see it.
  Picture finish(double width, double height, std::string_view label) const;

 private:
  bool for_page_;
  std::string body_;
};

/// A finished picture as a part of an HTML page, whose style sheet has the classes: without its own
/// style, as wide as its place allows.
std::string inline_svg(const Picture& picture);

}  // namespace fovea::report
