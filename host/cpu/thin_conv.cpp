// Convolutions of few cells with many constant filters, as the last layers of a network have them
// when single pictures are predicted.
//
// Each weight is used for a few cells only, so memory sets the time. Weights are packed once into
// panels of 16 filters, (K / 16, R, S, C, 16), which a thread reads from front to back, four panels
// at a time: a core waits for as many reads at once as it has streams, and one stream gets half the
// bandwidth. A block of 4 cells by 4 panels of sums stays in registers.
#include <algorithm>
#include <array>
#include <vector>

#include "fovea/ops/basic.h"
#include "fovea/ops/conv.h"
#include "host/cpu/parallel.h"
#include "host/cpu/table.h"

namespace fovea::cpu {
namespace {

constexpr const char* kLibrary = "thin";  // of the panels' layout
constexpr std::int64_t kPanel = 16;
constexpr std::int64_t kPanels = 4;  // read side by side
constexpr std::int64_t kFilters = kPanels * kPanel;
constexpr std::int64_t kBlock = 4;                 // cells
constexpr std::int64_t kMaxCells = 64;             // whose sums lie in the first-level cache
constexpr std::int64_t kChunk = 64;                // channels whose weights lie there, too
constexpr std::int64_t kMinWeightBytes = 1 << 20;  // less stays in a cache from run to run

#if defined(__x86_64__)

bool has_wide_vectors() { return __builtin_cpu_supports("avx512f") != 0; }

using Lanes =
    float __attribute__((vector_size(kPanel * sizeof(float)), aligned(sizeof(float)), may_alias));

/// sums[cell][filter] += sum over c of x[cell][c] w[panel][c][filter], for one block. `stride` is
/// from panel to panel. (This file is compiled so that products and sums are fused.)
__attribute__((target("avx512f"))) void add_products(const std::array<const float*, kBlock>& x,
                                                     const float* w, std::int64_t stride,
                                                     std::int64_t channels, float* sums) {
  auto* targets = reinterpret_cast<Lanes*>(sums);
  Lanes acc[kBlock][kPanels];
  for (int i = 0; i < kBlock; ++i) {
    for (int p = 0; p < kPanels; ++p) acc[i][p] = targets[i * kPanels + p];
  }
  const float* x0 = x[0];
  const float* x1 = x[1];
  const float* x2 = x[2];
  const float* x3 = x[3];
  for (std::int64_t c = 0; c < channels; ++c) {
    for (int p = 0; p < kPanels; ++p) {
      const Lanes weights = *reinterpret_cast<const Lanes*>(w + p * stride + c * kPanel);
      acc[0][p] += weights * x0[c];
      acc[1][p] += weights * x1[c];
      acc[2][p] += weights * x2[c];
      acc[3][p] += weights * x3[c];
    }
  }
  for (int i = 0; i < kBlock; ++i) {
    for (int p = 0; p < kPanels; ++p) targets[i * kPanels + p] = acc[i][p];
  }
}

#else

bool has_wide_vectors() { return false; }

void add_products(const std::array<const float*, kBlock>&, const float*, std::int64_t, std::int64_t,
                  float*) {}

#endif

/// Where each cell of y reads x: for each tap of the window a row of cells, whole blocks of them;
/// -1 for zeros, outside of the picture.
struct Reads {
  Reads(const WindowGeometry& window, std::int64_t pictures, std::int64_t channels)
      : taps(window.kernel.h * window.kernel.w),
        cells(pictures * window.output.h * window.output.w),
        blocks((cells + kBlock - 1) / kBlock),
        offsets(static_cast<std::size_t>(taps * blocks * kBlock), -1) {
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      for (std::int64_t cell = 0; cell < cells; ++cell) {
        const std::int64_t row = cell / window.output.w;
        const std::int64_t h = row % window.output.h * window.stride.h - window.pad_top +
                               tap / window.kernel.w * window.dilation.h;
        const std::int64_t w = cell % window.output.w * window.stride.w - window.pad_left +
                               tap % window.kernel.w * window.dilation.w;
        if (h < 0 || h >= window.input.h || w < 0 || w >= window.input.w) continue;
        const std::int64_t picture = row / window.output.h;
        offsets[static_cast<std::size_t>(tap * blocks * kBlock + cell)] =
            ((picture * window.input.h + h) * window.input.w + w) * channels;
      }
    }
  }

  std::int64_t taps, cells, blocks;
  std::vector<std::int64_t> offsets;
};

struct ThinConv {
  Reads reads;
  std::int64_t channels, filters;
  bool biased, residual, relu;

  void run(const KernelContext& context) const {
    parallel_for(context.threads(), filters / kFilters, 1,
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t k = begin * kFilters; k < end * kFilters; k += kFilters) {
                     convolve(context, k);
                   }
                 });
  }

 private:
  /// Filters k to k + kFilters of all cells.
  void convolve(const KernelContext& context, std::int64_t k) const {
    alignas(64) std::array<float, kMaxCells * kFilters> sums;
    for (std::int64_t cell = 0; cell < reads.blocks * kBlock; ++cell) {
      float* row = sums.data() + cell * kFilters;
      if (biased) {
        std::copy_n(context.input<float>(2) + k, kFilters, row);
      } else {
        std::fill_n(row, kFilters, 0.0F);
      }
    }
    const std::int64_t stride = reads.taps * channels * kPanel;  // from panel to panel
    const float* w = context.input<float>(1) + k * reads.taps * channels;
    for (std::int64_t tap = 0; tap < reads.taps; ++tap) {
      const std::int64_t* offsets = reads.offsets.data() + tap * reads.blocks * kBlock;
      for (std::int64_t c = 0; c < channels; c += kChunk) {
        for (std::int64_t block = 0; block < reads.blocks; ++block) {
          std::array<const float*, kBlock> x;
          if (!find(context.input<float>(0) + c, offsets + block * kBlock, x)) continue;
          add_products(x, w + (tap * channels + c) * kPanel, stride, std::min(kChunk, channels - c),
                       sums.data() + block * kBlock * kFilters);
        }
      }
    }
    finish(context, k, sums.data());
  }

  /// What the cells of a block read; false where all of that are zeros.
  static bool find(const float* x, const std::int64_t* offsets,
                   std::array<const float*, kBlock>& found) {
    static constexpr std::array<float, kChunk> kZeros = {};
    bool any = false;
    for (std::size_t i = 0; i < kBlock; ++i) {
      found[i] = offsets[i] < 0 ? kZeros.data() : x + offsets[i];
      any = any || offsets[i] >= 0;
    }
    return any;
  }

  void finish(const KernelContext& context, std::int64_t k, const float* sums) const {
    const float* added = residual ? context.input<float>(3) : nullptr;
    float* y = context.output<float>(0);
    for (std::int64_t cell = 0; cell < reads.cells; ++cell) {
      const std::int64_t at = cell * filters + k;
      for (std::int64_t i = 0; i < kFilters; ++i) {
        float value = sums[cell * kFilters + i];
        if (added != nullptr) value += added[at + i];
        // Not std::max, which would turn NaN into 0.
        y[at + i] = relu && value < 0 ? 0 : value;
      }
    }
  }
};

LowerResult lower(const ops::ConvAttributes& op, const LowerRequest& request,
                  const Activation& activation, bool residual) {
  const Shape& x = request.inputs[0].shape;
  const ValueType& weights = request.inputs[1];
  const Shape& w = weights.shape;
  for (const ValueType& type : request.inputs) {
    if (type.dtype != DType::f32) return Decline{"only f32"};
  }
  if (!has_wide_vectors()) return Decline{"this CPU has no AVX-512"};
  if (op.groups != 1) return Decline{"only one group"};
  const bool relu = activation.kind == Activation::Kind::relu;
  if (!relu && activation.kind != Activation::Kind::identity) {
    return Decline{"the activation is neither relu nor none"};
  }
  if (request.input_constant.empty() || !request.input_constant[1]) {
    return Decline{"the weights are not constant"};
  }
  if (w[0] % kFilters != 0) return Decline{"the filters are not a multiple of 64"};
  if (weights.bytes() < kMinWeightBytes) return Decline{"the weights are small"};
  const bool biased = request.inputs.size() > 2;
  const std::int64_t cells = x.n() * request.outputs[0].shape.h() * request.outputs[0].shape.w();
  if (cells > kMaxCells) return Decline{"there are too many cells"};
  if (request.threads > w[0] / kFilters) return Decline{"the threads would not all have filters"};
  const ThinConv conv = {Reads(op.geometry({x.h(), x.w()}, {w[1], w[2]}), x.n(), w[3]),
                         w[3],
                         w[0],
                         biased,
                         residual,
                         relu};
  Lowering lowering;
  lowering.kernel = make_kernel([conv](const KernelContext& context) { conv.run(context); });
  lowering.input_layouts.resize(request.inputs.size());
  lowering.input_layouts[1] = {kLibrary, 1, weights.bytes()};
  return lowering;
}

LowerResult conv2d(const ops::Conv2d& op, const LowerRequest& request) {
  return lower(op, request, {}, false);
}

LowerResult conv2d_bias_act(const ops::Conv2dBiasAct& op, const LowerRequest& request) {
  return lower(op, request, op.activation, op.residual);
}

/// (K, R, S, C) -> (K / 16, R, S, C, 16).
void pack(const KernelContext& context) {
  const Shape& shape = context.input_shape(0);
  const float* w = context.input<float>(0);
  float* panels = context.output<float>(0);
  const std::int64_t numbers = shape.numel() / shape[0];  // of a filter
  parallel_for(context.threads(), shape[0] / kPanel, 1, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t panel = begin; panel < end; ++panel) {
      const std::int64_t first = panel * kPanel * numbers;
      for (std::int64_t i = 0; i < numbers; ++i) {
        for (std::int64_t k = 0; k < kPanel; ++k) {
          panels[first + i * kPanel + k] = w[first + k * numbers + i];
        }
      }
    }
  });
}

LowerResult reorder(const ops::Reorder&, const LowerRequest& request) {
  if (!request.input_layouts[0].plain() || request.wanted_outputs.size() != 1 ||
      request.wanted_outputs[0].library != kLibrary) {
    return Decline{"only from plain weights to panels"};
  }
  Lowering lowering;
  lowering.kernel = make_kernel(pack);
  lowering.output_layouts = {request.wanted_outputs[0]};
  return lowering;
}

}  // namespace

void add_thin_conv(KernelTable& table) {
  table.add<ops::Conv2d>("thin", conv2d);
  table.add<ops::Conv2dBiasAct>("thin", conv2d_bias_act);
  table.add<ops::Reorder>("thin", reorder);
}

}  // namespace fovea::cpu
