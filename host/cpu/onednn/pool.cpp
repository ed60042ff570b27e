// Pooling by our own loops, in the format in which the input lies. oneDNN 2.6's max pooling for
// training takes five times as long as reading and writing the tensors, so it is not used.
//
// One item of work is one plane (see Picture) and one group of lanes: an output cell's window is
// reduced in a vector register. The backward passes clear each row of dx just before the first
// window that touches it, so dx goes through the caches once.
#include "fovea/ops/pool.h"

#include <algorithm>
#include <type_traits>

#include "host/cpu/onednn/families.h"
#include "host/cpu/onednn/lanes.h"
#include "host/cpu/onednn/picture.h"
#include "host/cpu/onednn/recipe.h"
#include "host/cpu/parallel.h"

namespace fovea::onednn {
namespace {

/// What all passes share. Large is the tensor before pooling, small the one after.
struct Job {
  WindowGeometry window;
  Picture large;
  const float* from = nullptr;
  float* to = nullptr;
  void* argmax = nullptr;  ///< Index per element of the small tensor; null where nobody wants it

  std::int64_t small_cells() const { return window.output.h * window.output.w; }
  std::int64_t small_offset(std::int64_t plane) const {
    return plane * small_cells() * large.lanes;
  }
};

/// The cells of the picture in one window: rows [top, bottom) and columns [left, right). The
/// window's own first cell is (row, column), which may lie in the padding.
struct Cells {
  std::int64_t row, column, top, bottom, left, right;

  FOVEA_INLINE Cells(const WindowGeometry& window, std::int64_t oh, std::int64_t ow)
      : row(oh * window.stride.h - window.pad_top),
        column(ow * window.stride.w - window.pad_left),
        top(std::max<std::int64_t>(row, 0)),
        bottom(std::min(row + window.kernel.h, window.input.h)),
        left(std::max<std::int64_t>(column, 0)),
        right(std::min(column + window.kernel.w, window.input.w)) {}

  FOVEA_INLINE float share() const {
    return 1.0F / static_cast<float>((bottom - top) * (right - left));
  }
};

/// Windows as in most networks: 2x2 cells side by side, none in padding.
bool are_tiles(const WindowGeometry& window) {
  const Size2 two = 2;
  return window.kernel == two && window.stride == two && window.pad_top == 0 &&
         window.pad_left == 0 && 2 * window.output.h <= window.input.h &&
         2 * window.output.w <= window.input.w;
}

/// Like Cells, but known to the compiler, which writes the loops over a window out.
struct TileCells {
  std::int64_t row, column, top, bottom, left, right;

  FOVEA_INLINE TileCells(const WindowGeometry&, std::int64_t oh, std::int64_t ow)
      : row(2 * oh), column(2 * ow), top(row), bottom(row + 2), left(column), right(column + 2) {}
};

/// Index is u8, i32, or void where the argmax is not wanted; kTiles: see are_tiles.
template <class Index, bool kTiles = false>
struct MaxPool {
  const Job& job;
  std::int64_t plane;

  template <int W>
  FOVEA_INLINE void run(std::int64_t lane) const {
    const WindowGeometry& window = job.window;
    const std::int64_t lanes = job.large.lanes;
    const std::int64_t kernel_width = kTiles ? 2 : window.kernel.w;
    const float* x = job.from + plane * job.large.plane_size() + lane;
    std::int64_t at = job.small_offset(plane) + lane;
    for (std::int64_t oh = 0; oh < window.output.h; ++oh) {
      for (std::int64_t ow = 0; ow < window.output.w; ++ow, at += lanes) {
        const std::conditional_t<kTiles, TileCells, Cells> cells(window, oh, ow);
        const float* corner = x + (cells.top * window.input.w + cells.left) * lanes;
        float best[W];
        std::int32_t where[W];
#pragma omp simd
        for (int l = 0; l < W; ++l) {
          best[l] = corner[l];
          where[l] = static_cast<std::int32_t>((cells.top - cells.row) * kernel_width +
                                               (cells.left - cells.column));
        }
        for (std::int64_t ih = cells.top; ih < cells.bottom; ++ih) {
          for (std::int64_t iw = cells.left; iw < cells.right; ++iw) {
            const float* value = x + (ih * window.input.w + iw) * lanes;
            const auto here =
                static_cast<std::int32_t>((ih - cells.row) * kernel_width + iw - cells.column);
#pragma omp simd
            for (int l = 0; l < W; ++l) {
              const bool larger =
                  (value[l] > best[l]) | (value[l] != value[l]);  // a NaN beats any number
              best[l] = larger ? value[l] : best[l];
              where[l] = larger ? here : where[l];
            }
          }
        }
#pragma omp simd
        for (int l = 0; l < W; ++l) job.to[at + l] = best[l];
        if constexpr (!std::is_void_v<Index>) {
          auto* argmax = static_cast<Index*>(job.argmax) + at;
#pragma omp simd
          for (int l = 0; l < W; ++l) argmax[l] = static_cast<Index>(where[l]);
        }
      }
    }
  }
};

struct AvgPool {
  const Job& job;
  std::int64_t plane;

  template <int W>
  FOVEA_INLINE void run(std::int64_t lane) const {
    const WindowGeometry& window = job.window;
    const std::int64_t lanes = job.large.lanes;
    const float* x = job.from + plane * job.large.plane_size() + lane;
    float* y = job.to + job.small_offset(plane) + lane;
    for (std::int64_t oh = 0; oh < window.output.h; ++oh) {
      for (std::int64_t ow = 0; ow < window.output.w; ++ow, y += lanes) {
        const Cells cells(window, oh, ow);
        const float share = cells.share();
        float sum[W] = {};
        for (std::int64_t ih = cells.top; ih < cells.bottom; ++ih) {
          for (std::int64_t iw = cells.left; iw < cells.right; ++iw) {
            const float* value = x + (ih * window.input.w + iw) * lanes;
#pragma omp simd
            for (int l = 0; l < W; ++l) sum[l] += value[l];
          }
        }
#pragma omp simd
        for (int l = 0; l < W; ++l) y[l] = sum[l] * share;
      }
    }
  }
};

/// Sets rows [from, to) of a group's lanes to zero and returns max(from, to).
template <int W>
FOVEA_INLINE std::int64_t clear_rows(float* dx, const Job& job, std::int64_t from,
                                     std::int64_t to) {
  const std::int64_t lanes = job.large.lanes;
  const std::int64_t row = job.window.input.w * lanes;
  for (std::int64_t at = from * row; at < to * row; at += lanes) {
#pragma omp simd
    for (int l = 0; l < W; ++l) dx[at + l] = 0;
  }
  return std::max(from, to);
}

template <class Index, bool kTiles = false>
struct MaxPoolBackward {
  const Job& job;
  std::int64_t plane;

  template <int W>
  FOVEA_INLINE void run(std::int64_t lane) const {
    const WindowGeometry& window = job.window;
    const std::int64_t lanes = job.large.lanes;
    const std::int64_t kernel_width = kTiles ? 2 : window.kernel.w;
    const bool covered =  // dx by the windows, each cell by one: there is nothing to clear
        kTiles && window.input == Size2{2 * window.output.h, 2 * window.output.w};
    float* dx = job.to + plane * job.large.plane_size() + lane;
    const float* dy = job.from + job.small_offset(plane) + lane;
    const auto* argmax = static_cast<const Index*>(job.argmax) + job.small_offset(plane) + lane;
    std::int64_t cleared = covered ? window.input.h : 0;
    for (std::int64_t oh = 0; oh < window.output.h; ++oh) {
      cleared = clear_rows<W>(dx, job, cleared, Cells(window, oh, 0).bottom);
      for (std::int64_t ow = 0; ow < window.output.w; ++ow, dy += lanes, argmax += lanes) {
        const std::conditional_t<kTiles, TileCells, Cells> cells(window, oh, ow);
        float gradient[W];
        std::int32_t where[W];
#pragma omp simd
        for (int l = 0; l < W; ++l) {
          gradient[l] = dy[l];
          where[l] = argmax[l];
        }
        for (std::int64_t ih = cells.top; ih < cells.bottom; ++ih) {
          for (std::int64_t iw = cells.left; iw < cells.right; ++iw) {
            float* cell = dx + (ih * window.input.w + iw) * lanes;
            const auto here =
                static_cast<std::int32_t>((ih - cells.row) * kernel_width + iw - cells.column);
#pragma omp simd
            for (int l = 0; l < W; ++l) {
              const float share = where[l] == here ? gradient[l] : 0;
              cell[l] = kTiles ? share : cell[l] + share;  // tiles do not overlap
            }
          }
        }
      }
    }
    clear_rows<W>(dx, job, cleared, window.input.h);
  }
};

struct AvgPoolBackward {
  const Job& job;
  std::int64_t plane;

  template <int W>
  FOVEA_INLINE void run(std::int64_t lane) const {
    const WindowGeometry& window = job.window;
    const std::int64_t lanes = job.large.lanes;
    const float* dy = job.from + job.small_offset(plane) + lane;
    float* dx = job.to + plane * job.large.plane_size() + lane;
    std::int64_t cleared = 0;
    for (std::int64_t oh = 0; oh < window.output.h; ++oh) {
      cleared = clear_rows<W>(dx, job, cleared, Cells(window, oh, 0).bottom);
      for (std::int64_t ow = 0; ow < window.output.w; ++ow, dy += lanes) {
        const Cells cells(window, oh, ow);
        const float share = cells.share();
        for (std::int64_t ih = cells.top; ih < cells.bottom; ++ih) {
          for (std::int64_t iw = cells.left; iw < cells.right; ++iw) {
            float* cell = dx + (ih * window.input.w + iw) * lanes;
#pragma omp simd
            for (int l = 0; l < W; ++l) cell[l] += dy[l] * share;
          }
        }
      }
    }
    clear_rows<W>(dx, job, cleared, window.input.h);
  }
};

/// The mean of each plane goes to `to`, a plain (images, channels) matrix.
struct GlobalAvgPool {
  const Job& job;
  std::int64_t plane;

  template <int W>
  FOVEA_INLINE void run(std::int64_t lane) const {
    const Picture& large = job.large;
    const float* x = job.from + plane * large.plane_size() + lane;
    float sum[W] = {};
    // Rows are summed by themselves first: it costs nothing and loses fewer digits.
    for (std::int64_t ih = 0; ih < job.window.input.h; ++ih) {
      float row[W] = {};
      for (std::int64_t iw = 0; iw < job.window.input.w; ++iw, x += large.lanes) {
#pragma omp simd
        for (int l = 0; l < W; ++l) row[l] += x[l];
      }
#pragma omp simd
      for (int l = 0; l < W; ++l) sum[l] += row[l];
    }
    const std::int64_t channel = plane % large.blocks * large.lanes + lane;
    float* y = job.to + plane / large.blocks * large.channels + channel;
    const std::int64_t valid = std::min<std::int64_t>(W, large.channels - channel);
    for (std::int64_t l = 0; l < valid; ++l) y[l] = sum[l] / static_cast<float>(large.cells);
  }
};

/// Items [begin, end) of planes times groups of lanes.
template <class Pass>
FOVEA_INLINE void run_items(const Job& job, std::int64_t begin, std::int64_t end) {
  const LaneGroups groups(job.large.lanes);
  for (std::int64_t item = begin; item < end; ++item) {
    with_width(groups[item % groups.count], Pass{job, item / groups.count});
  }
}

using Items = void (*)(const Job& job, std::int64_t begin, std::int64_t end);

FOVEA_CLONES void max_pool_u8(const Job& job, std::int64_t begin, std::int64_t end) {
  run_items<MaxPool<std::uint8_t>>(job, begin, end);
}
FOVEA_CLONES void max_pool_i32(const Job& job, std::int64_t begin, std::int64_t end) {
  run_items<MaxPool<std::int32_t>>(job, begin, end);
}
FOVEA_CLONES void max_pool_alone(const Job& job, std::int64_t begin, std::int64_t end) {
  run_items<MaxPool<void>>(job, begin, end);
}
FOVEA_CLONES void max_pool_tiles(const Job& job, std::int64_t begin, std::int64_t end) {
  run_items<MaxPool<std::uint8_t, true>>(job, begin, end);
}
FOVEA_CLONES void max_pool_tiles_alone(const Job& job, std::int64_t begin, std::int64_t end) {
  run_items<MaxPool<void, true>>(job, begin, end);
}
FOVEA_CLONES void max_pool_backward_u8(const Job& job, std::int64_t begin, std::int64_t end) {
  run_items<MaxPoolBackward<std::uint8_t>>(job, begin, end);
}
FOVEA_CLONES void max_pool_backward_i32(const Job& job, std::int64_t begin, std::int64_t end) {
  run_items<MaxPoolBackward<std::int32_t>>(job, begin, end);
}
FOVEA_CLONES void max_pool_backward_tiles(const Job& job, std::int64_t begin, std::int64_t end) {
  run_items<MaxPoolBackward<std::uint8_t, true>>(job, begin, end);
}
FOVEA_CLONES void avg_pool(const Job& job, std::int64_t begin, std::int64_t end) {
  run_items<AvgPool>(job, begin, end);
}
FOVEA_CLONES void avg_pool_backward(const Job& job, std::int64_t begin, std::int64_t end) {
  run_items<AvgPoolBackward>(job, begin, end);
}
FOVEA_CLONES void global_avg_pool(const Job& job, std::int64_t begin, std::int64_t end) {
  run_items<GlobalAvgPool>(job, begin, end);
}

void run_parallel(const Job& job, int threads, Items items) {
  const std::int64_t groups = LaneGroups(job.large.lanes).count;
  cpu::parallel_for(threads, job.large.planes() * groups,
                    cpu::grain_of(job.large.plane_size() / groups),
                    [&](std::int64_t begin, std::int64_t end) { items(job, begin, end); });
}

std::string float_obstacle(const LowerRequest& request) {
  return request.inputs[0].dtype == DType::f32 ? "" : "this kernel computes in f32";
}

LowerResult lower_max_pool(const ops::MaxPool2d& op, const LowerRequest& request) {
  if (auto obstacle = float_obstacle(request); !obstacle.empty()) return Decline{obstacle};
  const Shape& x = request.inputs[0].shape;
  Job job{op.geometry({x.h(), x.w()}), leading_picture(request, {0})};
  const bool indexed = request.output_used[1];
  const bool tiles = are_tiles(job.window);  // so few cells that the index is u8
  const Items items = !indexed ? (tiles ? max_pool_tiles_alone : max_pool_alone)
                      : tiles  ? max_pool_tiles
                      : request.outputs[1].dtype == DType::u8 ? max_pool_u8
                                                              : max_pool_i32;
  Lowering lowering;
  lowering.input_layouts = {layout_like(job.large, request.inputs[0])};
  lowering.output_layouts = {layout_like(job.large, request.outputs[0]),
                             layout_like(job.large, request.outputs[1])};
  lowering.kernel = make_kernel([job, items](const KernelContext& context) mutable {
    job.from = context.input<float>(0);
    job.to = context.output<float>(0);
    job.argmax = context.output(1);
    run_parallel(job, context.threads(), items);
  });
  return lowering;
}

LowerResult lower_max_pool_backward(const ops::MaxPool2dBackward& op, const LowerRequest& request) {
  if (auto obstacle = float_obstacle(request); !obstacle.empty()) return Decline{obstacle};
  // The argmax's format is that of the forward pass.
  Job job{op.geometry(op.input_size), leading_picture(request, {1, 0})};
  job.large.cells = op.input_size.h * op.input_size.w;
  const Items items = are_tiles(job.window)                  ? max_pool_backward_tiles
                      : request.inputs[1].dtype == DType::u8 ? max_pool_backward_u8
                                                             : max_pool_backward_i32;
  Lowering lowering;
  lowering.input_layouts = {layout_like(job.large, request.inputs[0]),
                            layout_like(job.large, request.inputs[1])};
  lowering.output_layouts = {layout_like(job.large, request.outputs[0])};
  lowering.kernel = make_kernel([job, items](const KernelContext& context) mutable {
    job.from = context.input<float>(0);
    job.argmax = context.mutable_input(1);  // only read
    job.to = context.output<float>(0);
    run_parallel(job, context.threads(), items);
  });
  return lowering;
}

/// The pools with one floating input and output. `y_plain`: the output is a plain matrix.
LowerResult lower_mean(Job job, Items items, const LowerRequest& request, bool y_plain = false) {
  if (auto obstacle = float_obstacle(request); !obstacle.empty()) return Decline{obstacle};
  Lowering lowering;
  lowering.input_layouts = {layout_like(job.large, request.inputs[0])};
  lowering.output_layouts = {y_plain ? Layout{} : layout_like(job.large, request.outputs[0])};
  lowering.kernel = make_kernel([job, items](const KernelContext& context) mutable {
    job.from = context.input<float>(0);
    job.to = context.output<float>(0);
    run_parallel(job, context.threads(), items);
  });
  return lowering;
}

LowerResult lower_avg_pool(const ops::AvgPool2d& op, const LowerRequest& request) {
  const Shape& x = request.inputs[0].shape;
  return lower_mean({op.geometry({x.h(), x.w()}), leading_picture(request, {0})}, avg_pool,
                    request);
}

LowerResult lower_avg_pool_backward(const ops::AvgPool2dBackward& op, const LowerRequest& request) {
  Job job{op.geometry(op.input_size), leading_picture(request, {0})};
  job.large.cells = op.input_size.h * op.input_size.w;
  return lower_mean(job, avg_pool_backward, request);
}

LowerResult lower_global_avg_pool(const ops::GlobalAvgPool&, const LowerRequest& request) {
  const Shape& x = request.inputs[0].shape;
  Job job{{}, leading_picture(request, {0})};
  job.window.input = {x.h(), x.w()};
  return lower_mean(job, global_avg_pool, request, true);
}

}  // namespace

void add_pooling(KernelTable& table) {
  table.add<ops::MaxPool2d>("blocked", lower_max_pool);
  table.add<ops::MaxPool2dBackward>("blocked", lower_max_pool_backward);
  table.add<ops::AvgPool2d>("blocked", lower_avg_pool);
  table.add<ops::AvgPool2dBackward>("blocked", lower_avg_pool_backward);
  table.add<ops::GlobalAvgPool>("blocked", lower_global_avg_pool);
}

}  // namespace fovea::onednn
