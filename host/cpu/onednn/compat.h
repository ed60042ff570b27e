// The differences between oneDNN 2 and oneDNN 3, in one place. Version 3 dropped the operation
// descriptors: a primitive descriptor is made from the arguments at once, and some primitives take
// source and destination where version 2 took one descriptor for both.
#pragma once

#include <dnnl.hpp>
#include <vector>

namespace fovea::onednn {

using Desc = dnnl::memory::desc;

/// A primitive descriptor from the arguments that both versions share, in their order.
/// Throws dnnl::error where the library has no implementation.
template <class Primitive, class... Arguments>
typename Primitive::primitive_desc describe(const dnnl::engine& engine,
                                            const dnnl::primitive_attr& attributes,
                                            const Arguments&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine, arguments..., attributes};
#else
  return {typename Primitive::desc(arguments...), attributes, engine};
#endif
}

/// As `describe`, for backward primitives, which are given the forward pass's descriptor as a hint.
template <class Primitive, class Hint, class... Arguments>
typename Primitive::primitive_desc describe_backward(const dnnl::engine& engine,
                                                     const dnnl::primitive_attr& attributes,
                                                     const Hint& hint,
                                                     const Arguments&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine, arguments..., hint, attributes};
#else
  return {typename Primitive::desc(arguments...), attributes, engine, hint};
#endif
}

/// An elementwise function whose source and destination lie alike.
inline dnnl::eltwise_forward::primitive_desc describe_eltwise(
    const dnnl::engine& engine, const dnnl::primitive_attr& attributes, dnnl::algorithm algorithm,
    const Desc& desc, float alpha) {
  const auto kind = dnnl::prop_kind::forward_training;
#if DNNL_VERSION_MAJOR >= 3
  return {engine, kind, algorithm, desc, desc, alpha, 0.0F, attributes};
#else
  return {dnnl::eltwise_forward::desc(kind, algorithm, desc, alpha), attributes, engine};
#endif
}

inline dnnl::eltwise_backward::primitive_desc describe_eltwise_backward(
    const dnnl::engine& engine, const dnnl::primitive_attr& attributes,
    const dnnl::eltwise_forward::primitive_desc& hint, dnnl::algorithm algorithm, const Desc& desc,
    float alpha) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine, algorithm, desc, desc, desc, alpha, 0.0F, hint, attributes};
#else
  return {dnnl::eltwise_backward::desc(algorithm, desc, desc, alpha), attributes, engine, hint};
#endif
}

inline dnnl::concat::primitive_desc describe_concat(const dnnl::engine& engine,
                                                    const dnnl::primitive_attr& attributes,
                                                    const Desc& destination, int axis,
                                                    const std::vector<Desc>& sources) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine, destination, axis, sources, attributes};
#else
  return {destination, axis, sources, engine, attributes};
#endif
}

inline void append_eltwise(dnnl::post_ops& operations, dnnl::algorithm algorithm, float alpha) {
#if DNNL_VERSION_MAJOR >= 3
  operations.append_eltwise(algorithm, alpha, 0.0F);
#else
  operations.append_eltwise(1.0F, algorithm, alpha, 0.0F);
#endif
}

/// What is inside a blocked memory descriptor.
struct DescParts {
  dnnl::memory::dims dims;
  dnnl::memory::dims padded_dims;
  dnnl::memory::dims strides;
  int inner_blocks = 0;
};

inline DescParts parts_of(const Desc& desc) {
#if DNNL_VERSION_MAJOR >= 3
  return {desc.get_dims(), desc.get_padded_dims(), desc.get_strides(), desc.get_inner_nblks()};
#else
  const auto list = [&](const dnnl_dims_t& values) {
    return dnnl::memory::dims(values, values + desc.data.ndims);
  };
  const dnnl_blocking_desc_t& blocking = desc.data.format_desc.blocking;
  return {list(desc.data.dims), list(desc.data.padded_dims), list(blocking.strides),
          blocking.inner_nblks};
#endif
}

inline bool is_blocked_kind(const Desc& desc) {
#if DNNL_VERSION_MAJOR >= 3
  return desc.get_format_kind() == dnnl::memory::format_kind::blocked;
#else
  return desc.data.format_kind == dnnl_blocked;
#endif
}

/// Points a memory object at `data`. Both versions then write zeros into the padding of a blocked
/// format, so this is for when a pointer has changed, not for every run.
inline dnnl_status_t set_data(const dnnl::memory& memory, void* data) {
#if DNNL_VERSION_MAJOR >= 3
  return dnnl_memory_set_data_handle(memory.get(), data);
#else
  return dnnl_memory_set_data_handle_v2(memory.get(), data, nullptr);
#endif
}

}  // namespace fovea::onednn
