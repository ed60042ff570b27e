// What the tests of pictures and pages read them with: a strict parser of XML and of the HTML that
// the library writes, base64, and pixels.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/image.h"
#include "fovea/report.h"
#include "tests/io/io_test_support.h"

namespace fovea::test {

struct Element {
  std::string name;
  std::map<std::string, std::string> attributes{};
  std::string text{};  // its own, entities resolved
  int depth = 0;

  bool has_class(const std::string& wanted) const {
    const auto found = attributes.find("class");
    if (found == attributes.end()) return false;
    std::istringstream words(found->second);
    for (std::string word; words >> word;) {
      if (word == wanted) return true;
    }
    return false;
  }
  const std::string& at(const std::string& attribute) const {
    const auto found = attributes.find(attribute);
    if (found == attributes.end()) throw std::runtime_error(name + " has no " + attribute);
    return found->second;
  }
  double number(const std::string& attribute) const { return std::stod(at(attribute)); }
};

/// Reads XML, or HTML whose elements are all closed but the void ones; throws runtime_error, with
/// the place, for what is not well formed.
class MarkupParser {
 public:
  MarkupParser(std::string_view text, bool html) : text_(text), html_(html) {}

  std::vector<Element> parse() {
    if (html_ && starts("<!DOCTYPE html>")) at_ += 15;
    while (at_ < text_.size()) {
      if (starts("</")) {
        end_tag();
      } else if (text_[at_] == '<') {
        start_tag();
      } else {
        characters();
      }
    }
    require(open_.empty(), "an element is not closed");
    return elements_;
  }

 private:
  bool starts(std::string_view part) const { return text_.substr(at_, part.size()) == part; }
  void require(bool condition, const std::string& problem) const {
    if (condition) return;
    const std::size_t begin = at_ < 40 ? 0 : at_ - 40;
    throw std::runtime_error(problem + " at " + std::to_string(at_) + ": ..." +
                             std::string(text_.substr(begin, 80)) + "...");
  }
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }
  std::string word() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 ||
                                  std::string_view("-_:").find(text_[at_]) != std::string::npos)) {
      ++at_;
    }
    require(at_ > begin, "a name is missing");
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string resolve(std::string_view raw) const {
    static const std::map<std::string, std::string> entities = {
        {"amp", "&"}, {"lt", "<"}, {"gt", ">"}, {"quot", "\""}, {"#39", "'"}};
    std::string result;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      require(raw[i] != '<', "a raw <");
      require(static_cast<unsigned char>(raw[i]) >= 0x20 || raw[i] == '\n', "a control character");
      if (raw[i] != '&') {
        result += raw[i];
        continue;
      }
      const std::size_t end = raw.find(';', i);
      require(end != std::string_view::npos, "an & that is no entity");
      const std::string name(raw.substr(i + 1, end - i - 1));
      if (html_ && name.size() == 5 && name[0] == '#') {  // arrows
        result += name;
      } else {
        require(entities.count(name) == 1, "an unknown entity " + name);
        result += entities.at(name);
      }
      i = end;
    }
    return result;
  }

  void start_tag() {
    ++at_;
    Element element{word()};
    element.depth = static_cast<int>(open_.size());
    while (true) {
      skip_space();
      require(at_ < text_.size(), "an unfinished tag");
      if (starts("/>") || text_[at_] == '>') break;
      const std::string name = word();
      std::string value;
      if (at_ < text_.size() && text_[at_] == '=') {
        ++at_;
        require(starts("\""), "a value without quotes");
        const std::size_t end = text_.find('"', ++at_);
        require(end != std::string_view::npos, "a quote without end");
        value = resolve(text_.substr(at_, end - at_));
        at_ = end + 1;
      } else {
        require(html_, "an attribute without a value");
      }
      require(element.attributes.emplace(name, value).second, "an attribute twice: " + name);
    }
    const bool closed = starts("/>");
    at_ += closed ? 2 : 1;
    static const std::set<std::string> kVoid = {"meta", "link", "img", "input"};
    elements_.push_back(element);
    if (closed || (html_ && kVoid.count(element.name) == 1)) return;
    open_.push_back(elements_.size() - 1);
    if (html_ && (element.name == "script" || element.name == "style")) {
      const std::size_t end = text_.find("</", at_);
      require(end != std::string_view::npos, "no end of a script");
      elements_.back().text = std::string(text_.substr(at_, end - at_));
      at_ = end;
    }
  }

  void end_tag() {
    at_ += 2;
    const std::string name = word();
    require(!open_.empty() && elements_[open_.back()].name == name, "</" + name + "> out of place");
    require(starts(">"), "an end tag with more in it");
    ++at_;
    open_.pop_back();
  }

  void characters() {
    const std::size_t end = std::min(text_.find('<', at_), text_.size());
    const std::string value = resolve(text_.substr(at_, end - at_));
    if (!open_.empty()) elements_[open_.back()].text += value;
    at_ = end;
  }

  std::string_view text_;
  bool html_;
  std::size_t at_ = 0;
  std::vector<Element> elements_;
  std::vector<std::size_t> open_;
};

inline std::vector<Element> parse_svg(const Picture& picture) {
  return MarkupParser(picture.svg, false).parse();
}

inline std::vector<Element> of_class(const std::vector<Element>& elements,
                                     const std::string& name) {
  std::vector<Element> result;
  for (const Element& element : elements) {
    if (element.has_class(name)) result.push_back(element);
  }
  return result;
}

inline bool has_text(const std::vector<Element>& elements, const std::string& text) {
  for (const Element& element : elements) {
    if (element.text == text) return true;
  }
  return false;
}

/// The picture that a data: URI holds.
inline Tensor decode_uri(const std::string& uri) {
  const std::string head = "data:image/png;base64,";
  if (uri.rfind(head, 0) != 0) throw std::runtime_error("no PNG in a data: URI");
  std::vector<std::uint8_t> bytes;
  std::uint32_t word = 0;
  int bits = 0;
  for (const char c : uri.substr(head.size())) {
    const auto value = std::string_view(
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                           "0123456789+/")
                           .find(c);
    if (value == std::string_view::npos) break;  // =
    word = word << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) bytes.push_back(static_cast<std::uint8_t>(word >> (bits -= 8)));
  }
  return decode_image(bytes);
}

/// A picture as pixels, one for each of its own.
inline Tensor rasterize(const Picture& picture) {
  const TemporaryFolder folder;
  write_picture(folder.file("a.png"), picture, 1);
  return read_image(folder.file("a.png"));
}

using Color = std::array<int, 3>;

inline Color pixel(const Tensor& image, double x, double y) {
  const auto row = static_cast<std::int64_t>(y);
  const auto column = static_cast<std::int64_t>(x);
  const std::uint8_t* p = image.data<std::uint8_t>() + 3 * (row * image.shape()[1] + column);
  return {p[0], p[1], p[2]};
}

/// How many different colours a picture has: a blank one has a single one.
inline std::size_t color_count(const Tensor& image) {
  std::set<Color> colors;
  for (std::int64_t y = 0; y < image.shape()[0]; ++y) {
    for (std::int64_t x = 0; x < image.shape()[1]; ++x) {
      colors.insert(pixel(image, static_cast<double>(x), static_cast<double>(y)));
    }
  }
  return colors.size();
}

}  // namespace fovea::test

/// Pictures become pixels by two plug-ins.
#define FOVEA_NEEDS_PIXELS() \
  if (!FOVEA_HAS_SVG || !FOVEA_HAS_PNG) GTEST_SKIP() << "needs librsvg and libpng"
