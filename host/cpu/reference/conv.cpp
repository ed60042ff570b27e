// The three passes of a convolution as matrix products over patches.
//
// The patch of an output pixel is the row of the input cells that its window sees, in the order
// (r, s, c) in which weights lie, with zeros where the window hangs over the edge. With P the
// patches of many pixels (pixels x D, D = kernel cells x channels of a group) and W the weights
// (filters x D):
//   forward          Y  = P W^T
//   backward filter  dW = dY^T P
//   backward data    dP = dY W, then each patch is added back to the cells it came from.
// Stride, dilation, padding and groups are the business of the copying between pictures and patches
// alone. Patches are made a block of pixels at a time.
#include "fovea/ops/conv.h"

#include <algorithm>

#include "host/cpu/parallel.h"
#include "host/cpu/reference/kernels.h"
#include "host/cpu/reference/matrix.h"

namespace fovea::cpu {
namespace {

/// The numbers that all three passes need.
struct Problem {
  WindowGeometry window;
  std::int64_t images, channels, filters, groups;

  Problem(const ops::ConvAttributes& attributes, const Shape& x, const Shape& w)
      : window(attributes.geometry({x.h(), x.w()}, {w[1], w[2]})),
        images(x.n()),
        channels(x.c()),
        filters(w[0]),
        groups(attributes.groups) {}

  std::int64_t group_channels() const { return channels / groups; }
  std::int64_t group_filters() const { return filters / groups; }
  std::int64_t patch_size() const { return window.kernel.h * window.kernel.w * group_channels(); }
  std::int64_t image_pixels() const { return window.output.h * window.output.w; }
  std::int64_t pixels() const { return images * image_pixels(); }
  std::int64_t image_size() const { return window.input.h * window.input.w * channels; }
  /// Pixels whose patches are made at once: as many as stay in the second-level cache, and a
  /// multiple of the four that multiply_add adds at a time.
  std::int64_t block_pixels() const {
    const std::int64_t fitting = std::max<std::int64_t>(65536 / patch_size(), 16);
    return std::min(fitting, pixels() + 3) / 4 * 4;
  }
  std::int64_t block_size() const { return block_pixels() * patch_size(); }
  bool padded() const {
    return window.pad_top + window.pad_bottom + window.pad_left + window.pad_right > 0;
  }
};

/// The indices k of [0, count) for which 0 <= start + k step < size.
struct Range {
  std::int64_t begin, end;
};
Range indices_inside(std::int64_t start, std::int64_t step, std::int64_t count, std::int64_t size) {
  const std::int64_t begin = start >= 0 ? 0 : (-start + step - 1) / step;
  const std::int64_t end = size <= start ? 0 : (size - start + step - 1) / step;
  return {std::min(begin, count), std::min(end, count)};
}

/// Calls body(patch offset, picture offset, length) for each run of cells, contiguous in both, that
/// the window of output pixel (oh, ow) has in common with the picture.
template <class Body>
void for_each_run(const Problem& problem, std::int64_t group, std::int64_t oh, std::int64_t ow,
                  const Body& body) {
  const WindowGeometry& window = problem.window;
  const std::int64_t depth = problem.group_channels();
  const std::int64_t top = oh * window.stride.h - window.pad_top;
  const std::int64_t left = ow * window.stride.w - window.pad_left;
  const Range rows = indices_inside(top, window.dilation.h, window.kernel.h, window.input.h);
  const Range columns = indices_inside(left, window.dilation.w, window.kernel.w, window.input.w);
  const bool row_is_one_run = problem.groups == 1 && window.dilation.w == 1;
  for (std::int64_t r = rows.begin; r < rows.end; ++r) {
    const std::int64_t patch_row = r * window.kernel.w * depth;
    const std::int64_t ih = top + r * window.dilation.h;
    const auto cell = [&](std::int64_t s) {
      const std::int64_t iw = left + s * window.dilation.w;
      return (ih * window.input.w + iw) * problem.channels + group * depth;
    };
    if (row_is_one_run) {
      if (columns.begin < columns.end) {
        body(patch_row + columns.begin * depth, cell(columns.begin),
             (columns.end - columns.begin) * depth);
      }
    } else {
      for (std::int64_t s = columns.begin; s < columns.end; ++s) {
        body(patch_row + s * depth, cell(s), depth);
      }
    }
  }
}

/// Copies the columns `columns` of the patches of the output pixels [begin, end) of all images;
/// rows of `patches` have as many elements as there are columns.
template <class T>
void gather_patches(const Problem& problem, std::int64_t group, const T* x, std::int64_t begin,
                    std::int64_t end, Range columns, T* patches) {
  const std::int64_t width = columns.end - columns.begin;
  for (std::int64_t pixel = begin; pixel < end; ++pixel, patches += width) {
    const std::int64_t in_image = pixel % problem.image_pixels();
    const T* image = x + pixel / problem.image_pixels() * problem.image_size();
    if (problem.padded()) std::fill_n(patches, width, T{0});
    for_each_run(problem, group, in_image / problem.window.output.w,
                 in_image % problem.window.output.w,
                 [&](std::int64_t patch, std::int64_t picture, std::int64_t length) {
                   const std::int64_t first = std::max(patch, columns.begin);
                   const std::int64_t last = std::min(patch + length, columns.end);
                   if (first >= last) return;
                   std::copy_n(image + picture + (first - patch), last - first,
                               patches + (first - columns.begin));
                 });
  }
}

/// Adds the patches of the output pixels [begin, end) of one image back to its cells.
template <class T>
void scatter_patches(const Problem& problem, std::int64_t group, const T* patches,
                     std::int64_t begin, std::int64_t end, T* image) {
  for (std::int64_t pixel = begin; pixel < end; ++pixel, patches += problem.patch_size()) {
    for_each_run(problem, group, pixel / problem.window.output.w, pixel % problem.window.output.w,
                 [&](std::int64_t patch, std::int64_t picture, std::int64_t length) {
                   const T* from = patches + patch;
                   T* __restrict__ to = image + picture;
                   for (std::int64_t i = 0; i < length; ++i) to[i] += from[i];
                 });
  }
}

/// Scratch memory: the transposed weights, and a block of patches for each thread.
std::int64_t conv2d_workspace(const ops::Conv2d& op, const LowerRequest& request) {
  const Problem problem(op, request.inputs[0].shape, request.inputs[1].shape);
  const std::int64_t elements =
      request.inputs[1].shape.numel() + request.threads * problem.block_size();
  return elements * static_cast<std::int64_t>(dtype_size(request.inputs[0].dtype));
}

/// y (pixels, filters) = patches (pixels, D) w^T (D, filters), group by group.
template <class T>
void conv2d(const ops::Conv2d& op, const KernelContext& context) {
  const Problem problem(op, context.input_shape(0), context.input_shape(1));
  const T* x = context.input<T>(0);
  const T* w = context.input<T>(1);
  T* y = context.output<T>(0);
  const std::int64_t size = problem.patch_size();
  const std::int64_t filters = problem.group_filters();
  T* transposed_weights = static_cast<T*>(context.workspace());
  T* blocks = transposed_weights + context.input_shape(1).numel();
  for (std::int64_t group = 0; group < problem.groups; ++group) {
    transpose(filters, size, w + group * filters * size,
              transposed_weights + group * filters * size);
  }
  const auto compute = [&](int part, std::int64_t first, std::int64_t last) {
    T* patches = blocks + part * problem.block_size();
    for (std::int64_t begin = first; begin < last; begin += problem.block_pixels()) {
      const std::int64_t end = std::min(begin + problem.block_pixels(), last);
      std::fill(y + begin * problem.filters, y + end * problem.filters, T{0});
      for (std::int64_t group = 0; group < problem.groups; ++group) {
        gather_patches(problem, group, x, begin, end, {0, size}, patches);
        multiply_add(end - begin, filters, size, StridedMatrix<T>{patches, size, 1},
                     transposed_weights + group * filters * size, filters,
                     y + begin * problem.filters + group * filters, problem.filters);
      }
    }
  };
  parallel_parts(context.threads(), problem.pixels(), grain_of(size * problem.filters), compute);
}

/// Scratch memory: a block of patches for each thread.
std::int64_t backward_data_workspace(const ops::Conv2dBackwardData& op,
                                     const LowerRequest& request) {
  const Problem problem(op, request.outputs[0].shape, request.inputs[1].shape);
  return request.threads * problem.block_size() *
         static_cast<std::int64_t>(dtype_size(request.inputs[0].dtype));
}

/// Images are independent, so they are what threads share out.
template <class T>
void conv2d_backward_data(const ops::Conv2dBackwardData& op, const KernelContext& context) {
  const Problem problem(op, context.output_shape(0), context.input_shape(1));
  const T* dy = context.input<T>(0);
  const T* w = context.input<T>(1);
  T* dx = context.output<T>(0);
  const std::int64_t size = problem.patch_size();
  const std::int64_t filters = problem.group_filters();
  const std::int64_t pixels = problem.image_pixels();
  const auto compute = [&](int part, std::int64_t first, std::int64_t last) {
    T* patches = static_cast<T*>(context.workspace()) + part * problem.block_size();
    std::fill(dx + first * problem.image_size(), dx + last * problem.image_size(), T{0});
    for (std::int64_t image = first; image < last; ++image) {
      for (std::int64_t begin = 0; begin < pixels; begin += problem.block_pixels()) {
        const std::int64_t end = std::min(begin + problem.block_pixels(), pixels);
        const T* dy_block = dy + (image * pixels + begin) * problem.filters;
        for (std::int64_t group = 0; group < problem.groups; ++group) {
          std::fill_n(patches, (end - begin) * size, T{0});
          multiply_add(end - begin, size, filters,
                       StridedMatrix<T>{dy_block + group * filters, problem.filters, 1},
                       w + group * filters * size, size, patches, size);
          scatter_patches(problem, group, patches, begin, end, dx + image * problem.image_size());
        }
      }
    }
  };
  parallel_parts(context.threads(), problem.images, 1, compute);
}

/// Scratch memory: a block of patches for each thread.
std::int64_t backward_filter_workspace(const ops::Conv2dBackwardFilter& op,
                                       const LowerRequest& request) {
  const Problem problem(op, request.inputs[0].shape, request.outputs[0].shape);
  return request.threads * problem.block_size() *
         static_cast<std::int64_t>(dtype_size(request.inputs[0].dtype));
}

/// The columns `columns` of one group's weights, for all its filters.
template <class T>
void add_filter_gradient(const Problem& problem, std::int64_t group, Range columns, const T* x,
                         const T* dy, T* dw, T* patches) {
  const std::int64_t size = problem.patch_size();
  const std::int64_t filters = problem.group_filters();
  const std::int64_t width = columns.end - columns.begin;
  T* dw_group = dw + group * filters * size + columns.begin;
  for (std::int64_t k = 0; k < filters; ++k) std::fill_n(dw_group + k * size, width, T{0});
  for (std::int64_t begin = 0; begin < problem.pixels(); begin += problem.block_pixels()) {
    const std::int64_t end = std::min(begin + problem.block_pixels(), problem.pixels());
    gather_patches(problem, group, x, begin, end, columns, patches);
    const T* dy_block = dy + begin * problem.filters + group * filters;
    multiply_add(filters, width, end - begin, StridedMatrix<T>{dy_block, 1, problem.filters},
                 patches, width, dw_group, size);
  }
}

/// Threads share out the columns of dW, so that each copies the cells of its own columns only and
/// the order of every sum is that of the pixels.
template <class T>
void conv2d_backward_filter(const ops::Conv2dBackwardFilter& op, const KernelContext& context) {
  const Problem problem(op, context.input_shape(0), context.output_shape(0));
  const std::int64_t size = problem.patch_size();
  const auto compute = [&](int part, std::int64_t first, std::int64_t last) {
    T* patches = static_cast<T*>(context.workspace()) + part * problem.block_size();
    for (std::int64_t group = first / size; group * size < last; ++group) {
      const Range columns{std::max(first - group * size, std::int64_t{0}),
                          std::min(last - group * size, size)};
      add_filter_gradient(problem, group, columns, context.input<T>(0), context.input<T>(1),
                          context.output<T>(0), patches);
    }
  };
  parallel_parts(context.threads(), problem.groups * size,
                 grain_of(problem.pixels() * problem.group_filters()), compute);
}

}  // namespace

void add_reference_conv(KernelTable& table) {
  table.add<ops::Conv2d>(
      "reference", reference(conv2d<float>, conv2d<double>, {.workspace_bytes = conv2d_workspace}));
  table.add<ops::Conv2dBackwardData>(
      "reference", reference(conv2d_backward_data<float>, conv2d_backward_data<double>,
                             {.workspace_bytes = backward_data_workspace}));
  table.add<ops::Conv2dBackwardFilter>(
      "reference", reference(conv2d_backward_filter<float>, conv2d_backward_filter<double>,
                             {.workspace_bytes = backward_filter_workspace}));
}

}  // namespace fovea::cpu
