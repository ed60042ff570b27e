// The layered view of a network: what every layer gives, as a block in perspective.
#include <algorithm>
#include <array>
#include <cmath>

#include "fovea/error.h"
#include "host/report/kinds.h"
#include "host/report/svg.h"

namespace fovea {
namespace report {
namespace {

constexpr std::size_t kMostBlocks = 22;  // above that, modules are merged
constexpr double kPageWidth = 1080;
constexpr double kMargin = 20;
constexpr double kBlockHeight = 132;  // of the largest picture
constexpr double kBandWidth = 4.5;
constexpr double kSlabGap = 5;  // between the slabs of a block

/// One tensor: a cuboid, or a column.
struct Slab {
  Shape shape;
  std::string look;
  std::vector<std::string> bands{};  // of the element-wise layers behind it
};

/// Slabs under one label.
struct Block {
  std::string name;
  std::string kind;
  std::vector<Slab> slabs{};
};

/// The part of a layer's name before its last dot: "stage1.block2".
std::string module_of(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string::npos ? "" : name.substr(0, dot);
}

/// Every layer's block; element-wise layers and sums are bands of the block before them.
std::vector<Block> blocks_of(const Network& network) {
  std::vector<Block> blocks;
  for (const LayerRecord& layer : network.layers()) {
    const char* look = look_of(layer.kind).look;
    const bool sum = layer.kind == "Add" || layer.kind == "Multiply";
    if (!blocks.empty() && (sum || is_elementwise(layer.kind))) {
      if (layer.kind != "Flatten") blocks.back().slabs.back().bands.emplace_back(look);
      continue;
    }
    blocks.push_back({layer.name, layer.kind, {{layer.output, look}}});
  }
  return blocks;
}

/// Neighbours of one module as one block.
std::vector<Block> merge_modules(const std::vector<Block>& blocks) {
  std::vector<Block> merged;
  std::vector<std::string> modules;
  for (const Block& block : blocks) {
    const std::string module = module_of(block.name);
    if (module.empty() || modules.empty() || modules.back() != module) {
      merged.push_back(block);
      modules.push_back(module);
      continue;
    }
    Block& last = merged.back();
    last.name = module;
    last.slabs.insert(last.slabs.end(), block.slabs.begin(), block.slabs.end());
    last.kind = std::to_string(last.slabs.size()) + " layers";
  }
  return merged;
}

/// The size of a slab on the page: thickness along the channels, height, and depth into the page.
struct Extent {
  double thickness, height, depth;
};

class Scale {
 public:
  explicit Scale(const std::vector<Block>& blocks) {
    for (const Block& block : blocks) {
      for (const Slab& slab : block.slabs) {
        if (slab.shape.rank() >= 2) largest_ = std::max(largest_, slab.shape[0]);
      }
    }
  }

  /// Bands make a slab thicker.
  Extent extent(const Slab& slab) const {
    const Shape& shape = slab.shape;
    const auto channels = static_cast<double>(shape.rank() > 0 ? shape.c() : 1);
    const double bands =
        slab.bands.empty() ? 0 : 1.5 + kBandWidth * static_cast<double>(slab.bands.size());
    if (shape.rank() < 2) {
      return {9 + bands, std::min(16 + 9.5 * std::log2(1 + channels), 150.0), 7};
    }
    const double depth = shape.rank() > 2 ? 0.34 * side(shape[1]) : 7;
    return {2 + 2.3 * std::log2(1 + channels) + bands, side(shape[0]), depth};
  }

 private:
  double side(std::int64_t size) const {
    const double part = static_cast<double>(size) / static_cast<double>(largest_);
    return std::max(8.0, kBlockHeight * std::sqrt(part));
  }

  std::int64_t largest_ = 1;
};

/// Where a block lies, and how much room it takes.
struct Frame {
  double width = 0;   // of the cuboids
  double height = 0;  // likewise
  double room = 0;    // with the label
};

std::array<std::string, 3> label_of(const Block& block) {
  return {shorten(block.name, 18), shorten(block.kind, 23), size_text(block.slabs.back().shape)};
}

Frame frame_of(const Block& block, const Scale& scale) {
  Frame frame;
  double depth = 0;
  for (const Slab& slab : block.slabs) {
    const Extent extent = scale.extent(slab);
    frame.width += extent.thickness;
    frame.height = std::max(frame.height, extent.height + extent.depth);
    depth = std::max(depth, extent.depth);
  }
  frame.width += depth + kSlabGap * static_cast<double>(block.slabs.size() - 1);
  double label = 0;
  for (const std::string& line : label_of(block)) label = std::max(label, text_width(line, 11));
  frame.room = std::max(frame.width, label) + 26;
  return frame;
}

/// The front and the top, from `left` to `right`, of a cuboid whose front begins at (x, y), its
/// lower left corner; its depth leads up and to the right.
std::string front_and_top(double x, double y, const Extent& e, double left, double right) {
  const auto n = [](double value) { return coordinate(value) + " "; };
  return "M" + n(x + left) + n(y) + "h" + n(right - left) + "v" + n(-e.height) + "l" + n(e.depth) +
         n(-e.depth) + "h" + n(left - right) + "l" + n(-e.depth) + n(e.depth) + "z";
}

/// A cuboid with stripes for its bands, and shades on its top and its right side.
void draw_slab(Svg& svg, double x, double y, const Slab& slab, const Extent& e) {
  const auto n = [](double value) { return coordinate(value) + " "; };
  const std::string diagonal = "l" + n(e.depth) + n(-e.depth);
  const std::string back = "l" + n(-e.depth) + n(e.depth) + "z";
  const std::string side = "M" + n(x + e.thickness) + n(y) + diagonal + "v" + n(-e.height) + back;
  const auto look = [](const std::string& name) { return "class=\"" + name + "\""; };
  svg.path(front_and_top(x, y, e, 0, e.thickness) + side, look(slab.look));
  double right = e.thickness - 1.5;
  for (auto band = slab.bands.rbegin(); band != slab.bands.rend(); ++band) {
    svg.path(front_and_top(x, y, e, right - kBandWidth, right), look(*band));
    right -= kBandWidth;
  }
  svg.path(side, "fill=\"#000\" fill-opacity=\".22\"");
  svg.path("M" + n(x) + n(y - e.height) + diagonal + "h" + n(e.thickness) + back,
           "fill=\"#fff\" fill-opacity=\".36\"");
}

void draw_block(Svg& svg, const Block& block, const Scale& scale, double x, double middle) {
  svg.open("g", "class=\"fv-block\" data-layer=\"" + escape(block.name) + "\"");
  for (const Slab& slab : block.slabs) {
    const Extent extent = scale.extent(slab);
    draw_slab(svg, x, middle + (extent.height + extent.depth) / 2, slab, extent);
    x += extent.thickness + kSlabGap;
  }
  svg.close("g");
}

void draw_label(Svg& svg, const Block& block, double middle, double y) {
  const auto lines = label_of(block);
  svg.text(middle, y, lines[0], {.anchor = "middle", .look = "fv-ink", .size = 11, .bold = true});
  svg.text(middle, y + 15, lines[1], {.anchor = "middle", .size = 11});
  svg.text(middle, y + 30, lines[2], {.anchor = "middle", .size = 11});
}

/// Rows of blocks from left to right; returns the height that they take.
double draw_rows(Svg& svg, const std::vector<Block>& blocks, double top, double& width) {
  const Scale scale(blocks);
  std::vector<Frame> frames;
  frames.reserve(blocks.size());
  for (const Block& block : blocks) frames.push_back(frame_of(block, scale));
  double y = top;
  for (std::size_t begin = 0; begin < blocks.size();) {
    std::size_t end = begin;
    double row_width = kMargin;
    double row_height = 0;
    for (; end < blocks.size(); ++end) {
      if (end > begin && row_width + frames[end].room > kPageWidth - kMargin) break;
      row_width += frames[end].room;
      row_height = std::max(row_height, frames[end].height);
    }
    const double middle = y + row_height / 2;
    double x = kMargin;
    double previous = x - 12;  // where the last block ended
    for (std::size_t i = begin; i < end; ++i) {
      const Frame& frame = frames[i];
      const double left = x + (frame.room - frame.width) / 2;
      if (i > 0 && left - previous > 8) {
        svg.line(previous + 3, middle, left - 4, middle, "class=\"fv-edge\" stroke-width=\"1.5\"");
        svg.path("M" + coordinate(left - 2) + " " + coordinate(middle) + "l-6 -3.5v7z",
                 "class=\"fv-tip\"");
      }
      draw_block(svg, blocks[i], scale, left, middle);
      draw_label(svg, blocks[i], x + frame.room / 2, y + row_height + 20);
      previous = left + frame.width;
      x += frame.room;
    }
    width = std::max(width, row_width + kMargin);
    y += row_height + 84;
    begin = end;
  }
  return y - top;
}

/// The families of layers that the picture has.
void draw_legend(Svg& svg, const Network& network, double y, double& width) {
  std::vector<const KindLook*> looks;
  for (const LayerRecord& layer : network.layers()) {
    if (layer.kind == "Flatten") continue;  // is not drawn
    const KindLook* look = &look_of(layer.kind);
    if (std::find(looks.begin(), looks.end(), look) == looks.end()) looks.push_back(look);
  }
  double x = kMargin;
  for (const KindLook* look : looks) {
    svg.rect(x, y - 10, 11, 11, "rx=\"2\" class=\"" + std::string(look->look) + "\"");
    svg.text(x + 17, y, look->name, {.size = 11.5});
    x += 36 + text_width(look->name, 11.5);
  }
  width = std::max(width, x);
}

}  // namespace
}  // namespace report

Picture draw_architecture(const Network& network, const NetworkPictureOptions& options) {
  using namespace report;  // NOLINT(google-build-using-namespace)
  std::vector<Block> blocks = blocks_of(network);
  FOVEA_REQUIRE(!blocks.empty(), invalid_argument, "the network '", network.name(),
                "' has no layers to draw");
  if (blocks.size() > kMostBlocks) blocks = merge_modules(blocks);
  const std::string title = shorten(options.title.empty() ? network.name() : options.title, 60);
  Svg svg;
  svg.text(kMargin, 30, title, {.look = "fv-ink", .size = 17, .bold = true});
  const std::string count = with_commas(network.parameter_count()) + " parameters";
  svg.text(kMargin, 49, count);
  double width = 2 * kMargin + std::max(text_width(title, 18), text_width(count, 12));
  const double height = draw_rows(svg, blocks, 70, width);
  draw_legend(svg, network, 70 + height, width);
  return svg.finish(width, 70 + height + 18,
                    "Layers of " + title + " as blocks, sized by height, width and channels");
}

}  // namespace fovea
