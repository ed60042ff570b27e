#include "host/cpu/onednn/memory.h"

#include <deque>
#include <mutex>

namespace fovea::onednn {
namespace {

dnnl::memory::data_type data_type_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return dnnl::memory::data_type::f32;
    case DType::i32:
      return dnnl::memory::data_type::s32;
    case DType::u8:
      return dnnl::memory::data_type::u8;
    default:
      fail(ErrorCode::unsupported, "the oneDNN path has no type ", dtype_name(dtype));
  }
}

/// Every descriptor that was ever given out as a layout; Layout::id is an index into it.
class DescTable {
 public:
  int id_of(const Desc& desc) {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < descs_.size(); ++i) {
      if (descs_[i] == desc) return static_cast<int>(i);
    }
    descs_.push_back(desc);
    return static_cast<int>(descs_.size()) - 1;
  }

  Desc at(int id) {
    const std::lock_guard lock(mutex_);
    return descs_.at(static_cast<std::size_t>(id));
  }

 private:
  std::mutex mutex_;
  std::deque<Desc> descs_;
};

DescTable& desc_table() {
  static DescTable table;
  return table;
}

/// Whether two descriptors mean the same bytes in the same places. Strides of axes of size 1, in
/// which descriptors of equal meaning may differ, do not count.
bool same_memory(const Desc& a, const Desc& b) {
  if (a == b) return true;
  if (!is_blocked_kind(a) || !is_blocked_kind(b)) return false;
  const DescParts left = parts_of(a);
  const DescParts right = parts_of(b);
  if (left.inner_blocks != 0 || right.inner_blocks != 0 || left.dims != right.dims ||
      left.padded_dims != left.dims || right.padded_dims != right.dims) {
    return false;
  }
  for (std::size_t i = 0; i < left.dims.size(); ++i) {
    if (left.dims[i] != 1 && left.strides[i] != right.strides[i]) return false;
  }
  return true;
}

}  // namespace

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

Dims dims_of(const Shape& shape) {
  if (shape.rank() == 0) return {1};
  if (shape.rank() == 4) return {shape.n(), shape.c(), shape.h(), shape.w()};
  return {shape.begin(), shape.end()};
}

Desc tagged_desc(const ValueType& type, Tag tag) {
  return {dims_of(type.shape), data_type_of(type.dtype), tag};
}

Desc plain_desc(const ValueType& type) {
  if (type.shape.rank() == 4) return tagged_desc(type, Tag::nhwc);
  const Dims dims = dims_of(type.shape);
  Dims strides(dims.size(), 1);
  for (std::size_t i = dims.size() - 1; i > 0; --i) strides[i - 1] = strides[i] * dims[i];
  return {dims, data_type_of(type.dtype), strides};
}

Desc plain_desc_for(const ValueType& type, const Desc& other) {
  const Dims dims = parts_of(other).dims;
  const Shape& w = type.shape;
  if (dims.size() != 5 || w.rank() != 4) return plain_desc(type);
  return {dims, data_type_of(type.dtype),
          Dims{dims[1] * w[1] * w[2] * w[3], w[1] * w[2] * w[3], 1, w[2] * w[3], w[3]}};
}

Desc desc_of(const ValueType& type, const Layout& layout) {
  return layout.plain() ? plain_desc(type) : desc_table().at(layout.id);
}

Layout layout_of(const ValueType& type, const Desc& desc) {
  if (same_memory(desc, plain_desc(type))) return {};
  return {kLibrary, desc_table().id_of(desc), static_cast<std::int64_t>(desc.get_size())};
}

}  // namespace fovea::onednn
