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
FOVEA_INLINE void add_to(double* sums, const typename Lanes<W>::Floats& values) {
  typename Lanes<W>::Doubles total;
  load(total, sums);
  total += __builtin_convertvector(values, typename Lanes<W>::Doubles);
  store(sums, total);
}

struct Moments : Run {
  template <int W>
  FOVEA_INLINE void run(std::int64_t lane) const {
    using Floats = typename Lanes<W>::Floats;
    const std::int64_t lanes = job.picture.lanes;
    Floats first;
    load(first, job.x + channel / lanes * job.picture.plane_size() + lane);
    Floats sum = {};
    Floats squares = {};
    const float* cell = job.x + offset + lane;
    for (std::int64_t i = 0; i < count; ++i, cell += lanes) {
      Floats x;
      load(x, cell);
      const Floats difference = x - first;
      sum += difference;
      squares += difference * difference;
    }
    add_to<W>(sums(0, lane), sum);
    add_to<W>(sums(1, lane), squares);
  }
};

/// d = dy, or with kRelu dy where saved > 0.
template <bool kRelu, class Floats>
FOVEA_INLINE void load_gradient(Floats& d, const NormJob& job, std::int64_t cell) {
  load(d, job.dy + cell);
  if constexpr (kRelu) {
    Floats saved;
    load(saved, job.saved + cell);
    d = saved > 0 ? d : Floats{};
  }
}

template <bool kRelu>
struct Gradients : Run {
  template <int W>
  FOVEA_INLINE void run(std::int64_t lane) const {
    using Floats = typename Lanes<W>::Floats;
    Floats mean;
    load(mean, job.mean + channel + lane);
    Floats sum = {};
    Floats products = {};
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t cell = offset + lane + i * job.picture.lanes;
      Floats d, x;
      load_gradient<kRelu>(d, job, cell);
      if constexpr (kRelu) {
        if (job.d != nullptr) store(job.d + cell, d);
      }
      load(x, job.x + cell);
      sum += d;
      products += d * (x - mean);
    }
    add_to<W>(sums(0, lane), sum);
    add_to<W>(sums(1, lane), products);
  }
};

template <bool kRelu, bool kResidual>
struct Normalize : Run {
  template <int W>
  FOVEA_INLINE void run(std::int64_t lane) const {
    using Floats = typename Lanes<W>::Floats;
    Floats mean, factor, shift;
    load(mean, job.mean + channel + lane);
    load(factor, job.factor + channel + lane);
    load(shift, job.offset + channel + lane);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t cell = offset + lane + i * job.picture.lanes;
      Floats y;
      load(y, job.x + cell);
      y = (y - mean) * factor + shift;
      if constexpr (kResidual) {
        Floats residual;
        load(residual, job.residual + cell);
        y += residual;
      }
      if constexpr (kRelu) y = y < 0 ? Floats{} : y;  // in this order, a NaN stays one
      store(job.y + cell, y);
    }
  }
};

template <bool kRelu>
struct ApplyGradients : Run {
  template <int W>
  FOVEA_INLINE void run(std::int64_t lane) const {
    using Floats = typename Lanes<W>::Floats;
    Floats mean, factor, slope, shift;
    load(mean, job.mean + channel + lane);
    load(factor, job.factor + channel + lane);
    load(slope, job.slope + channel + lane);
    load(shift, job.offset + channel + lane);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t cell = offset + lane + i * job.picture.lanes;
      Floats d, x;
      load_gradient<kRelu>(d, job, cell);
      load(x, job.x + cell);
      x = d * factor + (x - mean) * slope + shift;
      store(job.dx + cell, x);
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
  run_items<Gradients<false>>(job, begin, end);
}
FOVEA_CLONES void gradients_relu(const NormJob& job, std::int64_t begin, std::int64_t end) {
  run_items<Gradients<true>>(job, begin, end);
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
  run_parallel(job, threads, job.saved != nullptr ? gradients_relu : gradients);
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
