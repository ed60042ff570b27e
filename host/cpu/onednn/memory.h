// How a plan's layouts and oneDNN's memory descriptors translate into each other. oneDNN names the
// axes of a picture (N, C, H, W) whatever their order in memory; ours are (N, H, W, C).
#pragma once

#include "fovea/kernel.h"
#include "host/cpu/onednn/compat.h"

namespace fovea::onednn {

using Dims = dnnl::memory::dims;
using Tag = dnnl::memory::format_tag;

inline constexpr const char* kLibrary = "onednn";

/// The one engine of the process.
const dnnl::engine& cpu_engine();

/// The sizes as oneDNN orders them: (N, H, W, C) becomes (N, C, H, W), other ranks stay.
Dims dims_of(const Shape& shape);

/// A value's descriptor in a format of the library's, such as Tag::any or Tag::nChw16c (rank 4).
Desc tagged_desc(const ValueType& type, Tag tag);
/// A value's descriptor in our row-major order.
Desc plain_desc(const ValueType& type);
/// The same, to be reordered into `other`: the library gives weights in groups an axis of their
/// own.
Desc plain_desc_for(const ValueType& type, const Desc& other);
/// The same from a layout of a plan, which is plain or came from layout_of.
Desc desc_of(const ValueType& type, const Layout& layout);
/// A descriptor as a plan's layout: plain where the memory is in our row-major order.
Layout layout_of(const ValueType& type, const Desc& desc);

}  // namespace fovea::onednn
