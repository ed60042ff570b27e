// The update phase sees all parameters as one list of segments, none longer than a chunk, which is
// split evenly over threads however sizes differ, and along which sums always add up in the same
// order.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "host/cpu/reference/elements.h"
#include "host/cpu/reference/kernels.h"

namespace fovea::cpu {

/// Whether the step may change anything.
inline bool is_finite(const KernelContext& context, std::size_t flag) {
  return *context.input<std::int32_t>(flag) != 0;
}

/// Elements [begin, end) of one tensor.
struct Segment {
  std::size_t input;  ///< its place among the op's inputs
  std::int64_t begin, end;
};

/// Cuts every `stride`th input from `first` on into segments.
inline std::vector<Segment> cut(std::span<const ValueType> inputs, std::size_t first,
                                std::size_t stride) {
  std::vector<Segment> segments;
  for (std::size_t input = first; input < inputs.size(); input += stride) {
    const std::int64_t count = inputs[input].shape.numel();
    for (std::int64_t begin = 0; begin < count; begin += kChunk) {
      segments.push_back({input, begin, std::min(begin + kChunk, count)});
    }
  }
  return segments;
}

template <class Body>
void for_each_segment(const KernelContext& context, std::span<const Segment> segments,
                      const Body& body) {
  parallel_for(context.threads(), static_cast<std::int64_t>(segments.size()), grain_of(kChunk),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   body(static_cast<std::size_t>(i), segments[static_cast<std::size_t>(i)]);
                 }
               });
}

template <class T>
double sum_of_squares(const T* values, const Segment& segment) {
  return sum_elements(segment.begin, segment.end, [=](std::int64_t i) {
    const double value = static_cast<double>(values[i]);
    return value * value;
  });
}

/// partial[i] = the sum of squares of segment i of input `offset` places behind the segment's.
inline void sum_squares_of_segments(const KernelContext& context, std::span<const Segment> segments,
                                    std::size_t offset, double* partial) {
  for_each_segment(context, segments, [&](std::size_t i, const Segment& segment) {
    const std::size_t input = segment.input + offset;
    partial[i] = context.input_type(input).dtype == DType::f32
                     ? sum_of_squares(context.input<float>(input), segment)
                     : sum_of_squares(context.input<double>(input), segment);
  });
}

/// Empty where the CPU can compute in the types of all inputs from `first` on.
inline std::string decline_reason(std::span<const ValueType> inputs, std::size_t first) {
  for (const ValueType& type : inputs.subspan(first)) {
    if (type.dtype != DType::f32 && type.dtype != DType::f64) {
      return detail::decline_reason(type.dtype);
    }
  }
  return {};
}

}  // namespace fovea::cpu
