// How our own loops see oneDNN's formats of pictures. Plain NHWC and the blocked formats nChw16c
// and nChw8c are one thing with different numbers: planes of cells of neighbouring channels.
#pragma once

#include <cstdint>
#include <optional>

#include "fovea/kernel.h"
#include "host/cpu/onednn/memory.h"

namespace fovea::onednn {

/// A tensor in memory is [images][blocks][cells][lanes]: NHWC has one block with all channels as
/// its lanes; nChw16c has blocks of 16 lanes, the last one filled up with zeros.
struct Picture {
  Tag tag = Tag::nhwc;  ///< Tag::undef for plain tensors of other ranks, which are one image
  std::int64_t images = 1;
  std::int64_t blocks = 1;
  std::int64_t cells = 1;
  std::int64_t lanes = 1;
  std::int64_t channels = 1;

  std::int64_t planes() const { return images * blocks; }
  std::int64_t plane_size() const { return cells * lanes; }
  std::int64_t padded_channels() const { return blocks * lanes; }
};

/// Nothing for a format that is no such thing, such as NCHW.
std::optional<Picture> picture_of(const ValueType& type, const Layout& layout);
/// A value's layout in the format of a picture; plain for Tag::undef.
Layout layout_like(const Picture& picture, const ValueType& type);

/// The picture that a kernel should work in: that of the first of these inputs that lies in one of
/// the library's formats, else plain.
Picture leading_picture(const LowerRequest& request, std::initializer_list<std::size_t> inputs);

}  // namespace fovea::onednn
