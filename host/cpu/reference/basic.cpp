// Arithmetic, shapes, reductions and random masks as plain loops.
#include "fovea/ops/basic.h"

#include <cmath>
#include <cstring>

#include "fovea/detail/philox.h"
#include "fovea/float16.h"
#include "fovea/ops/transpose.h"
#include "host/cpu/reference/elements.h"
#include "host/cpu/reference/kernels.h"

namespace fovea::cpu {
namespace {

// ---- Arithmetic ----

template <class T>
void add(const ops::Add&, const KernelContext& context) {
  const T* a = context.input<T>(0);
  const T* b = context.input<T>(1);
  T* y = context.output<T>(0);
  for_each_element(context.threads(), context.output_shape(0).numel(),
                   [=](std::int64_t i) { y[i] = a[i] + b[i]; });
}

template <class T>
void multiply(const ops::Multiply&, const KernelContext& context) {
  const T* a = context.input<T>(0);
  const T* b = context.input<T>(1);
  T* y = context.output<T>(0);
  for_each_element(context.threads(), context.output_shape(0).numel(),
                   [=](std::int64_t i) { y[i] = a[i] * b[i]; });
}

template <class T>
void scale(const ops::Scale& op, const KernelContext& context) {
  const T* x = context.input<T>(0);
  T* y = context.output<T>(0);
  const T factor = static_cast<T>(op.factor);
  for_each_element(context.threads(), context.output_shape(0).numel(),
                   [=](std::int64_t i) { y[i] = factor * x[i]; });
}

/// The attributes of Rescale laid out for a loop over elements: repeated until they are long enough
/// for vector units, so that element i of a block meets factor i, however few channels there are.
template <class T>
struct RescalePattern {
  std::vector<T> scale, offset;

  explicit RescalePattern(const ops::Rescale& op) {
    do {
      for (double value : op.scale) scale.push_back(static_cast<T>(value));
      for (double value : op.offset) offset.push_back(static_cast<T>(value));
    } while (scale.size() < kLeastLength);
  }
  static constexpr std::size_t kLeastLength = 64;
};

template <class In, class T>
void rescale(const RescalePattern<T>& pattern, const KernelContext& context) {
  const In* x = context.input<In>(0);
  T* y = context.output<T>(0);
  const std::int64_t count = context.output_shape(0).numel();
  const std::int64_t length = static_cast<std::int64_t>(pattern.scale.size());
  const T* factor = pattern.scale.data();
  const T* offset = pattern.offset.data();
  const std::int64_t blocks = (count + length - 1) / length;
  parallel_for(context.threads(), blocks, grain_of(length),
               [=](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t block = begin; block < end; ++block) {
                   const std::int64_t first = block * length;
                   const std::int64_t size = std::min(length, count - first);
                   const In* from = x + first;
                   T* to = y + first;
#pragma omp simd
                   for (std::int64_t i = 0; i < size; ++i) {
                     to[i] = static_cast<T>(from[i]) * factor[i] + offset[i];
                   }
                 }
               });
}

template <class In, class T>
Lowering lower_rescale(const ops::Rescale& op) {
  Lowering lowering;
  lowering.kernel = make_kernel([pattern = RescalePattern<T>(op)](const KernelContext& context) {
    rescale<In, T>(pattern, context);
  });
  return lowering;
}

template <class T>
LowerResult lower_rescale_to(const ops::Rescale& op, DType input) {
  if (input == DType::u8) return lower_rescale<std::uint8_t, T>(op);
  if (input == DType::f32) return lower_rescale<float, T>(op);
  if (input == DType::f64) return lower_rescale<double, T>(op);
  return Decline{detail::decline_reason(input)};
}

LowerResult choose_rescale(const ops::Rescale& op, const LowerRequest& request) {
  if (op.dtype == DType::f32) return lower_rescale_to<float>(op, request.inputs[0].dtype);
  if (op.dtype == DType::f64) return lower_rescale_to<double>(op, request.inputs[0].dtype);
  return Decline{detail::decline_reason(op.dtype)};
}

template <class In, class Out>
void cast(const ops::Cast&, const KernelContext& context) {
  const In* x = context.input<In>(0);
  Out* y = context.output<Out>(0);
  for_each_element(context.threads(), context.output_shape(0).numel(), [=](std::int64_t i) {
    if constexpr (std::is_arithmetic_v<In>) {
      y[i] = static_cast<Out>(x[i]);
    } else {
      y[i] = static_cast<Out>(static_cast<float>(x[i]));
    }
  });
}

template <class In>
ReferenceKernel<ops::Cast> cast_from(DType to) {
  if (to == DType::f32) return cast<In, float>;
  if (to == DType::f64) return cast<In, double>;
  if (to == DType::f16) return cast<In, Float16>;
  return cast<In, BFloat16>;
}

ReferenceKernel<ops::Cast> cast_between(DType from, DType to) {
  if (from == DType::f32) return cast_from<float>(to);
  if (from == DType::f64) return cast_from<double>(to);
  if (from == DType::f16) return cast_from<Float16>(to);
  return cast_from<BFloat16>(to);
}

LowerResult choose_cast(const ops::Cast& op, const LowerRequest& request) {
  return detail::lower(op, request, cast_between(request.inputs[0].dtype, op.dtype), {});
}

// ---- Shapes: bytes are copied, whatever their type ----

template <class SameBytes>
void copy(const SameBytes&, const KernelContext& context) {
  if (const std::int64_t bytes = context.output_type(0).bytes(); bytes > 0) {
    std::memcpy(context.output(0), context.input(0), static_cast<std::size_t>(bytes));
  }
}

/// A tensor seen along one axis: so many rows, each of this many bytes, which the axes from this
/// one on make up; one cell of the axis is `cell_bytes` of them.
struct AxisRows {
  std::int64_t rows = 1, row_bytes = 0, cell_bytes = 0;

  AxisRows(const ValueType& type, int axis) {
    for (int i = 0; i < axis; ++i) rows *= type.shape[i];
    cell_bytes =
        type.shape.drop_front(axis + 1).numel() * static_cast<std::int64_t>(dtype_size(type.dtype));
    row_bytes = type.shape[axis] * cell_bytes;
  }

  /// Calls body(row) for all rows.
  template <class Body>
  void for_each(int threads, const Body& body) const {
    parallel_for(threads, rows, grain_of(row_bytes / 4), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) body(row);
    });
  }
};

void copy_bytes(char* to, const char* from, std::int64_t bytes) {
  if (bytes > 0) std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

void zero_bytes(char* to, std::int64_t bytes) {
  if (bytes > 0) std::memset(to, 0, static_cast<std::size_t>(bytes));
}

void concat(const ops::Concat& op, const KernelContext& context) {
  const AxisRows y(context.output_type(0), op.axis);
  y.for_each(context.threads(), [&](std::int64_t row) {
    char* to = context.output<char>(0) + row * y.row_bytes;
    for (std::size_t i = 0; i < context.input_count(); ++i) {
      const std::int64_t bytes = context.input_shape(i)[op.axis] * y.cell_bytes;
      copy_bytes(to, context.input<char>(i) + row * bytes, bytes);
      to += bytes;
    }
  });
}

void slice(const ops::Slice& op, const KernelContext& context) {
  const AxisRows x(context.input_type(0), op.axis);
  const AxisRows y(context.output_type(0), op.axis);
  const char* from = context.input<char>(0) + op.begin * x.cell_bytes;
  char* to = context.output<char>(0);
  y.for_each(context.threads(), [&](std::int64_t row) {
    copy_bytes(to + row * y.row_bytes, from + row * x.row_bytes, y.row_bytes);
  });
}

void pad(const ops::Pad& op, const KernelContext& context) {
  const AxisRows x(context.input_type(0), op.axis);
  const AxisRows y(context.output_type(0), op.axis);
  const char* from = context.input<char>(0);
  const std::int64_t before = op.before * x.cell_bytes;
  const std::int64_t after = op.after * x.cell_bytes;
  y.for_each(context.threads(), [&](std::int64_t row) {
    char* to = context.output<char>(0) + row * y.row_bytes;
    zero_bytes(to, before);
    copy_bytes(to + before, from + row * x.row_bytes, x.row_bytes);
    zero_bytes(to + before + x.row_bytes, after);
  });
}

/// Rows of y along its innermost axis.
template <class T>
void transpose_elements(const ops::TransposedAxes& axes, const KernelContext& context) {
  const T* x = context.input<T>(0);
  T* y = context.output<T>(0);
  const std::int64_t count = context.output_shape(0).numel();
  if (axes.sizes.empty()) return std::copy_n(x, count, y), void();
  const std::int64_t width = axes.sizes.back(), step = axes.strides.back();
  const std::int64_t rows = width == 0 ? 0 : count / width;
  parallel_for(context.threads(), rows, grain_of(width), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      std::int64_t source = 0, rest = row;
      for (std::size_t axis = axes.sizes.size() - 1; axis-- > 0; rest /= axes.sizes[axis]) {
        source += rest % axes.sizes[axis] * axes.strides[axis];
      }
      for (std::int64_t i = 0; i < width; ++i) y[row * width + i] = x[source + i * step];
    }
  });
}

void transpose(const ops::Transpose& op, const KernelContext& context) {
  const ops::TransposedAxes axes = ops::transposed_axes(context.input_shape(0), op.order);
  switch (dtype_size(context.input_type(0).dtype)) {
    case 1:
      return transpose_elements<std::uint8_t>(axes, context);
    case 2:
      return transpose_elements<std::uint16_t>(axes, context);
    case 4:
      return transpose_elements<std::uint32_t>(axes, context);
    default:
      return transpose_elements<std::uint64_t>(axes, context);
  }
}

// ---- Random masks ----

/// y = x mask / (1 - rate). Random words are made a batch at a time, so that the loop which uses
/// them is free of jumps: no processor predicts a random mask.
template <class T>
void dropout(const ops::Dropout& op, const KernelContext& context) {
  const T* x = context.input<T>(0);
  T* y = context.output<T>(0);
  const std::int64_t count = context.output_shape(0).numel();
  const auto seed = static_cast<std::uint64_t>(*context.input<std::int64_t>(1));
  const auto step = static_cast<std::uint64_t>(*context.input<std::int64_t>(2));
  const std::uint64_t key = fovea::detail::mix_key(seed, op.stream);
  const T kept_scale = static_cast<T>(1 / (1 - op.rate));
  // uniform01(word) >= rate, in whole numbers.
  const auto first_kept = static_cast<std::int32_t>(std::ceil(op.rate * 0x1p24));
  constexpr std::int64_t kBatch = 64;
  parallel_for(context.threads(), (count + kBatch - 1) / kBatch, grain_of(4 * kBatch),
               [=](std::int64_t begin, std::int64_t end) {
                 std::uint32_t words[kBatch];
                 for (std::int64_t first = begin * kBatch; first < std::min(end * kBatch, count);
                      first += kBatch) {
                   for (std::int64_t i = 0; i < kBatch; i += 4) {
                     const auto block = static_cast<std::uint64_t>((first + i) / 4);
                     const auto random = fovea::detail::philox4x32(key, step, block);
                     std::copy_n(random.word, 4, words + i);
                   }
                   const std::int64_t size = std::min(kBatch, count - first);
#pragma omp simd
                   for (std::int64_t i = 0; i < size; ++i) {
                     const bool kept = static_cast<std::int32_t>(words[i] >> 8) >= first_kept;
                     y[first + i] = x[first + i] * (kept ? kept_scale : T{0});
                   }
                 }
               });
}

// ---- Reductions to one number, and back ----

template <class T>
void mean(const ops::Mean&, const KernelContext& context) {
  const T* x = context.input<T>(0);
  const std::int64_t count = context.input_shape(0).numel();
  const double sum = sum_chunks(context, count, [=](std::int64_t i) { return x[i]; });
  *context.output<T>(0) = static_cast<T>(sum / static_cast<double>(count));
}

template <class T>
void broadcast(const ops::Broadcast& op, const KernelContext& context) {
  const T value = static_cast<T>(op.factor * static_cast<double>(*context.input<T>(0)));
  T* y = context.output<T>(0);
  for_each_element(context.threads(), context.output_shape(0).numel(),
                   [=](std::int64_t i) { y[i] = value; });
}

template <class T>
void weight_penalty(const ops::WeightPenalty& op, const KernelContext& context) {
  const T* w = context.input<T>(0);
  const double l1 = op.l1;
  const double l2 = op.l2;
  const double sum = sum_chunks(context, context.input_shape(0).numel(), [=](std::int64_t i) {
    const double value = static_cast<double>(w[i]);
    return l1 * std::abs(value) + l2 * value * value;
  });
  *context.output<T>(0) = static_cast<T>(sum);
}

template <class T>
void weight_penalty_backward(const ops::WeightPenaltyBackward& op, const KernelContext& context) {
  const T dy = *context.input<T>(0);
  const T* w = context.input<T>(1);
  T* dw = context.output<T>(0);
  const T linear = static_cast<T>(op.l1) * dy;
  const T quadratic = static_cast<T>(2 * op.l2) * dy;
  for_each_element(context.threads(), context.output_shape(0).numel(), [=](std::int64_t i) {
    const T sign = w[i] > 0 ? T{1} : w[i] < 0 ? T{-1} : T{0};
    dw[i] = linear * sign + quadratic * w[i];
  });
}

template <class Reduction>
std::int64_t reduction_bytes(const Reduction&, const LowerRequest& request) {
  return chunk_sum_bytes(request.inputs[0].shape.numel());
}

/// From plain to plain; what other layouts mean, only their libraries know.
LowerResult reorder(const ops::Reorder& op, const LowerRequest& request) {
  static const auto copies = any_type(copy<ops::Reorder>);
  for (const auto& layouts : {request.input_layouts, request.wanted_outputs}) {
    for (const Layout& layout : layouts) {
      if (!layout.plain()) return Decline{"the layout is of a library, " + layout.library};
    }
  }
  return copies(op, request);
}

}  // namespace

void add_reference_basic(KernelTable& table) {
  table.add<ops::Add>("reference", reference(add<float>, add<double>, {{{0, 0}, {0, 1}}}));
  table.add<ops::Multiply>("reference",
                           reference(multiply<float>, multiply<double>, {{{0, 0}, {0, 1}}}));
  table.add<ops::Scale>("reference", reference(scale<float>, scale<double>, {{{0, 0}}}));
  table.add<ops::Rescale>("reference", choose_rescale);
  table.add<ops::Cast>("reference", choose_cast);
  table.add<ops::Reshape>("reference", any_type(copy<ops::Reshape>));
  table.add<ops::Concat>("reference", any_type(concat));
  table.add<ops::Slice>("reference", any_type(slice));
  table.add<ops::Pad>("reference", any_type(pad));
  table.add<ops::Transpose>("reference", any_type(transpose));
  table.add<ops::Dropout>("reference", reference(dropout<float>, dropout<double>, {{{0, 0}}}));
  table.add<ops::Mean>("reference",
                       reference(mean<float>, mean<double>, {{}, reduction_bytes<ops::Mean>}));
  table.add<ops::Broadcast>("reference", reference(broadcast<float>, broadcast<double>));
  table.add<ops::WeightPenalty>("reference",
                                reference(weight_penalty<float>, weight_penalty<double>,
                                          {{}, reduction_bytes<ops::WeightPenalty>}));
  table.add<ops::WeightPenaltyBackward>(
      "reference", reference(weight_penalty_backward<float>, weight_penalty_backward<double>));
  table.add<ops::Reorder>("reference", reorder);
}

}  // namespace fovea::cpu
