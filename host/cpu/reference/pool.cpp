// Pooling as plain loops.
#include "fovea/ops/pool.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "host/cpu/parallel.h"
#include "host/cpu/reference/kernels.h"

namespace fovea::cpu {
namespace {

/// The cells of the picture that the window of output pixel (oh, ow) sees: rows [top, bottom) and
/// columns [left, right) of the picture, at least one cell. (origin_h, origin_w) is the window's
/// first cell, which may lie in the padding.
struct Cells {
  std::int64_t origin_h, origin_w, top, bottom, left, right;

  Cells(const WindowGeometry& window, std::int64_t oh, std::int64_t ow)
      : origin_h(oh * window.stride.h - window.pad_top),
        origin_w(ow * window.stride.w - window.pad_left),
        top(std::max<std::int64_t>(origin_h, 0)),
        bottom(std::min(origin_h + window.kernel.h, window.input.h)),
        left(std::max<std::int64_t>(origin_w, 0)),
        right(std::min(origin_w + window.kernel.w, window.input.w)) {}

  std::int64_t count() const { return (bottom - top) * (right - left); }
};

/// Calls body(pixel, cells) for every output pixel of one image, in order.
template <class Body>
void for_each_pixel(const WindowGeometry& window, const Body& body) {
  for (std::int64_t oh = 0; oh < window.output.h; ++oh) {
    for (std::int64_t ow = 0; ow < window.output.w; ++ow) {
      body(oh * window.output.w + ow, Cells(window, oh, ow));
    }
  }
}

/// The sizes that every pass needs; images are independent and shared out among threads.
struct Problem {
  WindowGeometry window;
  std::int64_t images, channels;

  Problem(const ops::PoolAttributes& attributes, const Shape& x)
      : window(attributes.geometry({x.h(), x.w()})), images(x.n()), channels(x.c()) {}

  std::int64_t input_size() const { return window.input.h * window.input.w * channels; }
  std::int64_t output_size() const { return window.output.h * window.output.w * channels; }

  /// Calls body(image) for all images.
  template <class Body>
  void for_each_image(int threads, const Body& body) const {
    parallel_for(threads, images, grain_of(input_size()),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t image = begin; image < end; ++image) body(image);
                 });
  }
};

/// One output pixel: each channel's first cell than which none is better, and its index. A NaN
/// counts as better than any number, so that none is lost.
template <class Better, class T, class Index>
void choose(const Problem& problem, const Cells& cells, const T* x, T* y, Index* chosen) {
  const std::int64_t channels = problem.channels;
  bool first = true;
  for (std::int64_t ih = cells.top; ih < cells.bottom; ++ih) {
    for (std::int64_t iw = cells.left; iw < cells.right; ++iw) {
      const T* cell = x + (ih * problem.window.input.w + iw) * channels;
      const auto index = static_cast<Index>((ih - cells.origin_h) * problem.window.kernel.w +
                                            (iw - cells.origin_w));
      for (std::int64_t c = 0; c < channels; ++c) {
        const bool first_nan = std::isnan(cell[c]) && !std::isnan(y[c]);
        const bool better = first || Better{}(cell[c], y[c]) || first_nan;
        y[c] = better ? cell[c] : y[c];
        chosen[c] = better ? index : chosen[c];
      }
      first = false;
    }
  }
}

template <class Better, class T, class Index>
void choose_indexed(const Problem& problem, const KernelContext& context) {
  const std::int64_t channels = problem.channels;
  problem.for_each_image(context.threads(), [&](std::int64_t image) {
    const T* x = context.input<T>(0) + image * problem.input_size();
    T* y = context.output<T>(0) + image * problem.output_size();
    Index* chosen = context.output<Index>(1) + image * problem.output_size();
    for_each_pixel(problem.window, [&](std::int64_t pixel, const Cells& cells) {
      choose<Better>(problem, cells, x, y + pixel * channels, chosen + pixel * channels);
    });
  });
}

template <class Better, class T>
void choose_cells(const ops::PoolAttributes& attributes, const KernelContext& context) {
  const Problem problem(attributes, context.input_shape(0));
  if (context.output_type(1).dtype == DType::u8) {
    choose_indexed<Better, T, std::uint8_t>(problem, context);
  } else {
    choose_indexed<Better, T, std::int32_t>(problem, context);
  }
}

template <class T>
void max_pool(const ops::MaxPool2d& op, const KernelContext& context) {
  choose_cells<std::greater<>, T>(op, context);
}

template <class T>
void min_pool(const ops::MinPool2d& op, const KernelContext& context) {
  choose_cells<std::less<>, T>(op, context);
}

template <class T, class Index>
void max_pool_backward_indexed(const Problem& problem, const KernelContext& context) {
  const WindowGeometry& window = problem.window;
  const std::int64_t channels = problem.channels;
  problem.for_each_image(context.threads(), [&](std::int64_t image) {
    const T* dy = context.input<T>(0) + image * problem.output_size();
    const Index* argmax = context.input<Index>(1) + image * problem.output_size();
    T* dx = context.output<T>(0) + image * problem.input_size();
    std::fill_n(dx, problem.input_size(), T{0});
    for_each_pixel(window, [&](std::int64_t pixel, const Cells& cells) {
      for (std::int64_t c = 0; c < channels; ++c) {
        const std::int64_t index = argmax[pixel * channels + c];
        const std::int64_t ih = cells.origin_h + index / window.kernel.w;
        const std::int64_t iw = cells.origin_w + index % window.kernel.w;
        dx[(ih * window.input.w + iw) * channels + c] += dy[pixel * channels + c];
      }
    });
  });
}

template <class T>
void max_pool_backward(const ops::MaxPool2dBackward& op, const KernelContext& context) {
  const Problem problem(op, context.output_shape(0));
  if (context.input_type(1).dtype == DType::u8) {
    max_pool_backward_indexed<T, std::uint8_t>(problem, context);
  } else {
    max_pool_backward_indexed<T, std::int32_t>(problem, context);
  }
}

template <class T>
void avg_pool(const ops::AvgPool2d& op, const KernelContext& context) {
  const Problem problem(op, context.input_shape(0));
  const std::int64_t channels = problem.channels;
  problem.for_each_image(context.threads(), [&](std::int64_t image) {
    const T* x = context.input<T>(0) + image * problem.input_size();
    T* y = context.output<T>(0) + image * problem.output_size();
    for_each_pixel(problem.window, [&](std::int64_t pixel, const Cells& cells) {
      T* mean = y + pixel * channels;
      std::fill_n(mean, channels, T{0});
      for (std::int64_t ih = cells.top; ih < cells.bottom; ++ih) {
        for (std::int64_t iw = cells.left; iw < cells.right; ++iw) {
          const T* cell = x + (ih * problem.window.input.w + iw) * channels;
          for (std::int64_t c = 0; c < channels; ++c) mean[c] += cell[c];
        }
      }
      const T share = T{1} / static_cast<T>(cells.count());
      for (std::int64_t c = 0; c < channels; ++c) mean[c] *= share;
    });
  });
}

template <class T>
void avg_pool_backward(const ops::AvgPool2dBackward& op, const KernelContext& context) {
  const Problem problem(op, context.output_shape(0));
  const std::int64_t channels = problem.channels;
  problem.for_each_image(context.threads(), [&](std::int64_t image) {
    const T* dy = context.input<T>(0) + image * problem.output_size();
    T* dx = context.output<T>(0) + image * problem.input_size();
    std::fill_n(dx, problem.input_size(), T{0});
    for_each_pixel(problem.window, [&](std::int64_t pixel, const Cells& cells) {
      const T share = T{1} / static_cast<T>(cells.count());
      for (std::int64_t ih = cells.top; ih < cells.bottom; ++ih) {
        for (std::int64_t iw = cells.left; iw < cells.right; ++iw) {
          T* cell = dx + (ih * problem.window.input.w + iw) * channels;
          for (std::int64_t c = 0; c < channels; ++c) cell[c] += dy[pixel * channels + c] * share;
        }
      }
    });
  });
}

template <class T>
void global_avg_pool(const ops::GlobalAvgPool&, const KernelContext& context) {
  const Shape& x_shape = context.input_shape(0);
  const std::int64_t pixels = x_shape.h() * x_shape.w();
  const std::int64_t channels = x_shape.c();
  const T share = T{1} / static_cast<T>(pixels);
  parallel_for(context.threads(), x_shape.n(), grain_of(pixels * channels),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t image = begin; image < end; ++image) {
                   const T* x = context.input<T>(0) + image * pixels * channels;
                   T* y = context.output<T>(0) + image * channels;
                   std::fill_n(y, channels, T{0});
                   for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
                     for (std::int64_t c = 0; c < channels; ++c) y[c] += x[pixel * channels + c];
                   }
                   for (std::int64_t c = 0; c < channels; ++c) y[c] *= share;
                 }
               });
}

template <class T>
void global_avg_pool_backward(const ops::GlobalAvgPoolBackward& op, const KernelContext& context) {
  const std::int64_t pixels = op.input_size.h * op.input_size.w;
  const std::int64_t channels = context.input_shape(0)[1];
  const T share = T{1} / static_cast<T>(pixels);
  parallel_for(context.threads(), context.input_shape(0)[0] * pixels, grain_of(channels),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t pixel = begin; pixel < end; ++pixel) {
                   const T* dy = context.input<T>(0) + pixel / pixels * channels;
                   T* dx = context.output<T>(0) + pixel * channels;
                   for (std::int64_t c = 0; c < channels; ++c) dx[c] = dy[c] * share;
                 }
               });
}

}  // namespace

void add_reference_pool(KernelTable& table) {
  table.add<ops::MaxPool2d>("reference", reference(max_pool<float>, max_pool<double>));
  table.add<ops::MinPool2d>("reference", reference(min_pool<float>, min_pool<double>));
  table.add<ops::MaxPool2dBackward>("reference",
                                    reference(max_pool_backward<float>, max_pool_backward<double>));
  table.add<ops::AvgPool2d>("reference", reference(avg_pool<float>, avg_pool<double>));
  table.add<ops::AvgPool2dBackward>("reference",
                                    reference(avg_pool_backward<float>, avg_pool_backward<double>));
  table.add<ops::GlobalAvgPool>("reference",
                                reference(global_avg_pool<float>, global_avg_pool<double>));
  table.add<ops::GlobalAvgPoolBackward>(
      "reference", reference(global_avg_pool_backward<float>, global_avg_pool_backward<double>));
}

}  // namespace fovea::cpu
