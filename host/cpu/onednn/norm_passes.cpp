#include "host/cpu/onednn/norm_passes.h"

#include <algorithm>

#include "host/cpu/onednn/lanes.h"
#include "host/cpu/parallel.h"

namespace fovea::onednn {
namespace {

/// Neighbouring cells that are worked on at a time: they stay in the first-level cache while the
/// groups of lanes take their turns, and so few floats sum up without losing digits.
constexpr std::int64_t kRun = 64;

/// A run of cells of one part and block.
struct Run {
  const NormJob& job;
  std::int64_t part;
  std::int64_t channel;  ///< of lane 0
  std::int64_t offset;   ///< of the first cell's lane 0
  std::int64_t count;

  FOVEA_INLINE double* sums(int which, std::int64_t lane) const {
    return job.sums + (part * 2 + which) * job.picture.padded_channels() + channel + lane;
  }
};

template <int W>
FOVEA_INLINE void add_to(double* totals, const float* sums) {
#pragma omp simd
  for (int l = 0; l < W; ++l) totals[l] += double{sums[l]};
}

struct Moments : Run {
  template <int W>
  FOVEA_INLINE void run(std::int64_t lane) const {
    const std::int64_t lanes = job.picture.lanes;
    const float* first = job.x + channel / lanes * job.picture.plane_size() + lane;
    const float* x = job.x + offset + lane;
    float sum[W] = {};
    float squares[W] = {};
    for (std::int64_t i = 0; i < count; ++i, x += lanes) {
#pragma omp simd
      for (int l = 0; l < W; ++l) {
        const float difference = x[l] - first[l];
        sum[l] += difference;
        squares[l] += difference * difference;
      }
    }
    add_to<W>(sums(0, lane), sum);
    add_to<W>(sums(1, lane), squares);
  }
};

/// kRelu: d = dy where saved > 0. kWriteD: d is written.
template <bool kRelu, bool kWriteD>
struct Gradients : Run {
  template <int W>
  FOVEA_INLINE void run(std::int64_t lane) const {
    const float* mean = job.mean + channel + lane;
    float sum[W] = {};
    float products[W] = {};
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t cell = offset + lane + i * job.picture.lanes;
      const float* x = job.x + cell;
      const float* dy = job.dy + cell;
#pragma omp simd
      for (int l = 0; l < W; ++l) {
        float d = dy[l];
        if constexpr (kRelu) d = job.saved[cell + l] > 0 ? d : 0;
        if constexpr (kWriteD) job.d[cell + l] = d;
        sum[l] += d;
        products[l] += d * (x[l] - mean[l]);
      }
    }
    add_to<W>(sums(0, lane), sum);
    add_to<W>(sums(1, lane), products);
  }
};

template <bool kRelu, bool kResidual>
struct Normalize : Run {
  template <int W>
  FOVEA_INLINE void run(std::int64_t lane) const {
    const float* mean = job.mean + channel + lane;
    const float* factor = job.factor + channel + lane;
    const float* shift = job.offset + channel + lane;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t cell = offset + lane + i * job.picture.lanes;
      const float* x = job.x + cell;
#pragma omp simd
      for (int l = 0; l < W; ++l) {
        float y = (x[l] - mean[l]) * factor[l] + shift[l];
        if constexpr (kResidual) y += job.residual[cell + l];
        if constexpr (kRelu) y = y < 0 ? 0 : y;  // in this order, a NaN stays one
        job.y[cell + l] = y;
      }
    }
  }
};

template <bool kRelu>
struct ApplyGradients : Run {
  template <int W>
  FOVEA_INLINE void run(std::int64_t lane) const {
    const float* mean = job.mean + channel + lane;
    const float* factor = job.factor + channel + lane;
    const float* slope = job.slope + channel + lane;
    const float* shift = job.offset + channel + lane;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t cell = offset + lane + i * job.picture.lanes;
      const float* x = job.x + cell;
      const float* dy = job.dy + cell;
#pragma omp simd
      for (int l = 0; l < W; ++l) {
        float d = dy[l];
        if constexpr (kRelu) d = job.saved[cell + l] > 0 ? d : 0;
        job.dx[cell + l] = d * factor[l] + (x[l] - mean[l]) * slope[l] + shift[l];
      }
    }
  }
};

/// Items [begin, end) of parts times blocks, each cut into runs.
template <class Pass>
FOVEA_INLINE void run_items(const NormJob& job, std::int64_t begin, std::int64_t end) {
  const Picture& picture = job.picture;
  const LaneGroups groups(picture.lanes);
  const std::int64_t total = picture.images * picture.cells;
  for (std::int64_t item = begin; item < end; ++item) {
    const std::int64_t part = item / picture.blocks;
    const std::int64_t block = item % picture.blocks;
    const std::int64_t last = total * (part + 1) / job.parts;
    std::int64_t cell = total * part / job.parts;
    while (cell < last) {
      const std::int64_t image = cell / picture.cells;
      const std::int64_t within = cell % picture.cells;
      const std::int64_t count = std::min({kRun, last - cell, picture.cells - within});
      const std::int64_t offset =
          (image * picture.blocks + block) * picture.plane_size() + within * picture.lanes;
      const Pass pass{{job, part, block * picture.lanes, offset, count}};
      for (std::int64_t i = 0; i < groups.count; ++i) with_width(groups[i], pass);
      cell += count;
    }
  }
}

using Items = void (*)(const NormJob& job, std::int64_t begin, std::int64_t end);

FOVEA_CLONES void moments(const NormJob& job, std::int64_t begin, std::int64_t end) {
  run_items<Moments>(job, begin, end);
}
FOVEA_CLONES void gradients(const NormJob& job, std::int64_t begin, std::int64_t end) {
  run_items<Gradients<false, false>>(job, begin, end);
}
FOVEA_CLONES void gradients_relu(const NormJob& job, std::int64_t begin, std::int64_t end) {
  run_items<Gradients<true, false>>(job, begin, end);
}
FOVEA_CLONES void gradients_relu_kept(const NormJob& job, std::int64_t begin, std::int64_t end) {
  run_items<Gradients<true, true>>(job, begin, end);
}
FOVEA_CLONES void normalize_alone(const NormJob& job, std::int64_t begin, std::int64_t end) {
  run_items<Normalize<false, false>>(job, begin, end);
}
FOVEA_CLONES void normalize_relu(const NormJob& job, std::int64_t begin, std::int64_t end) {
  run_items<Normalize<true, false>>(job, begin, end);
}
FOVEA_CLONES void normalize_add_relu(const NormJob& job, std::int64_t begin, std::int64_t end) {
  run_items<Normalize<true, true>>(job, begin, end);
}
FOVEA_CLONES void apply_alone(const NormJob& job, std::int64_t begin, std::int64_t end) {
  run_items<ApplyGradients<false>>(job, begin, end);
}
FOVEA_CLONES void apply_relu(const NormJob& job, std::int64_t begin, std::int64_t end) {
  run_items<ApplyGradients<true>>(job, begin, end);
}

void run_parallel(const NormJob& job, int threads, Items items) {
  const std::int64_t count = job.parts * job.picture.blocks;
  const std::int64_t work = job.picture.images * job.picture.cells * job.picture.lanes / job.parts;
  cpu::parallel_for(threads, count, cpu::grain_of(work),
                    [&](std::int64_t begin, std::int64_t end) { items(job, begin, end); });
}

void clear_sums(const NormJob& job) {
  std::fill_n(job.sums, job.parts * 2 * job.picture.padded_channels(), 0.0);
}

}  // namespace

std::int64_t parts_of(const Picture& picture) {
  constexpr std::int64_t kMostParts = 16;
  return std::clamp<std::int64_t>(picture.images * picture.cells / kRun, 1, kMostParts);
}

void sum_moments(const NormJob& job, int threads) {
  clear_sums(job);
  run_parallel(job, threads, moments);
}

void sum_gradients(const NormJob& job, int threads) {
  clear_sums(job);
  const Items items = job.saved == nullptr ? gradients
                      : job.d == nullptr   ? gradients_relu
                                           : gradients_relu_kept;
  run_parallel(job, threads, items);
}

void normalize(const NormJob& job, int threads) {
  const Items items = !job.relu                 ? normalize_alone
                      : job.residual != nullptr ? normalize_add_relu
                                                : normalize_relu;
  run_parallel(job, threads, items);
}

void apply_gradients(const NormJob& job, int threads) {
  run_parallel(job, threads, job.saved != nullptr ? apply_relu : apply_alone);
}

}  // namespace fovea::onednn
