#include "host/cpu/onednn/picture.h"

namespace fovea::onednn {
namespace {

struct Blocked {
  Tag tag;
  std::int64_t lanes;
};
constexpr Blocked kBlocked[] = {{Tag::nChw16c, 16}, {Tag::nChw8c, 8}};

Picture plain_picture(const ValueType& type) {
  const Shape& shape = type.shape;
  Picture picture;
  picture.channels = picture.lanes = shape.rank() == 0 ? 1 : shape.c();
  const std::int64_t cells = picture.channels == 0 ? 0 : shape.numel() / picture.channels;
  if (shape.rank() == 4) {
    picture.images = shape.n();
    picture.cells = shape.h() * shape.w();
  } else {
    picture.tag = Tag::undef;
    picture.cells = cells;
  }
  return picture;
}

}  // namespace

std::optional<Picture> picture_of(const ValueType& type, const Layout& layout) {
  Picture picture = plain_picture(type);
  if (layout.plain()) return picture;
  if (layout.library != kLibrary || type.shape.rank() != 4) return {};
  const Desc desc = desc_of(type, layout);
  for (const Blocked& blocked : kBlocked) {
    if (desc != tagged_desc(type, blocked.tag)) continue;
    picture.tag = blocked.tag;
    picture.lanes = blocked.lanes;
    picture.blocks = (picture.channels + blocked.lanes - 1) / blocked.lanes;
    return picture;
  }
  return {};
}

Layout layout_like(const Picture& picture, const ValueType& type) {
  return picture.tag == Tag::undef ? Layout{} : layout_of(type, tagged_desc(type, picture.tag));
}

Picture leading_picture(const LowerRequest& request, std::initializer_list<std::size_t> inputs) {
  for (const std::size_t i : inputs) {
    if (request.input_layouts[i].plain()) continue;
    if (const auto picture = picture_of(request.inputs[i], request.input_layouts[i])) {
      return *picture;
    }
  }
  return plain_picture(request.inputs[*inputs.begin()]);
}

}  // namespace fovea::onednn
