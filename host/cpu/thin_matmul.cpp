// Products of a few rows with large weights, as dense layers have them when single samples are
// predicted: y = activation(x w + b), w (in, out) plain.
//
// Each weight is used once or twice, so memory sets the time, and the fastest way is to read w from
// front to back: four of its rows at a time, whose multiples are added to y, which stays in the
// first-level cache. (Kernels for blocks, which jump between rows, get half the bandwidth.)
#include <algorithm>

#include "fovea/ops/matmul.h"
#include "host/cpu/parallel.h"
#include "host/cpu/table.h"

namespace fovea::cpu {
namespace {

constexpr std::int64_t kMaxRows = 2;
constexpr std::int64_t kMinWeightBytes = 1 << 20;  // less stays in a cache from run to run
constexpr std::int64_t kMinColumns = 1024;         // of a thread: no two share a page

/// y[first, last) += a x[k..k+4) w[k..k+4), columns of one row of y.
void add_four_rows(const float* x, const float* w, std::int64_t columns, std::int64_t first,
                   std::int64_t last, float* y) {
  const float a = x[0], b = x[1], c = x[2], d = x[3];
  const float* w1 = w + columns;
  const float* w2 = w1 + columns;
  const float* w3 = w2 + columns;
#pragma omp simd
  for (std::int64_t n = first; n < last; ++n) {
    y[n] += (a * w[n] + b * w1[n]) + (c * w2[n] + d * w3[n]);
  }
}

struct ThinProduct {
  const float* bias;  ///< null: none
  bool relu;

  void run(const KernelContext& context) const {
    const float* x = context.input<float>(0);
    const float* w = context.input<float>(1);
    float* y = context.output<float>(0);
    const std::int64_t rows = context.input_shape(0)[0];
    const std::int64_t inner = context.input_shape(1)[0];
    const std::int64_t columns = context.input_shape(1)[1];
    parallel_for(context.threads(), columns, kMinColumns,
                 [&](std::int64_t first, std::int64_t last) {
                   begin(y, rows, columns, first, last);
                   const std::int64_t whole = inner / 4 * 4;
                   for (std::int64_t k = 0; k < whole; k += 4) {
                     for (std::int64_t m = 0; m < rows; ++m) {
                       add_four_rows(x + m * inner + k, w + k * columns, columns, first, last,
                                     y + m * columns);
                     }
                   }
                   for (std::int64_t k = whole; k < inner; ++k) {
                     for (std::int64_t m = 0; m < rows; ++m) {
                       const float a = x[m * inner + k];
                       for (std::int64_t n = first; n < last; ++n) {
                         y[m * columns + n] += a * w[k * columns + n];
                       }
                     }
                   }
                   finish(y, rows, columns, first, last);
                 });
  }

 private:
  void begin(float* y, std::int64_t rows, std::int64_t columns, std::int64_t first,
             std::int64_t last) const {
    for (std::int64_t m = 0; m < rows; ++m) {
      float* row = y + m * columns;
      if (bias == nullptr) {
        std::fill(row + first, row + last, 0.0F);
      } else {
        std::copy(bias + first, bias + last, row + first);
      }
    }
  }

  void finish(float* y, std::int64_t rows, std::int64_t columns, std::int64_t first,
              std::int64_t last) const {
    if (!relu) return;
    for (std::int64_t m = 0; m < rows; ++m) {
      for (std::int64_t n = first; n < last; ++n) {
        // Not std::max, which would turn NaN into 0.
        float& value = y[m * columns + n];
        value = value < 0 ? 0 : value;
      }
    }
  }
};

std::string obstacle(const LowerRequest& request) {
  for (const ValueType& type : request.inputs) {
    if (type.dtype != DType::f32) return "only f32";
  }
  if (request.inputs[0].shape[0] > kMaxRows) return "there are too many rows";
  if (request.inputs[1].bytes() < kMinWeightBytes) return "the weights are small";
  return {};
}

LowerResult matmul(const ops::MatMul& op, const LowerRequest& request) {
  if (op.transpose_a || op.transpose_b) return Decline{"an operand is transposed"};
  if (std::string reason = obstacle(request); !reason.empty()) return Decline{reason};
  Lowering lowering;
  lowering.kernel = make_kernel([](const KernelContext& context) {
    ThinProduct{nullptr, false}.run(context);
  });
  return lowering;
}

LowerResult matmul_bias_act(const ops::MatMulBiasAct& op, const LowerRequest& request) {
  const bool relu = op.activation.kind == Activation::Kind::relu;
  if (!relu && op.activation.kind != Activation::Kind::identity) {
    return Decline{"the activation is neither relu nor none"};
  }
  if (std::string reason = obstacle(request); !reason.empty()) return Decline{reason};
  Lowering lowering;
  lowering.kernel = make_kernel([relu](const KernelContext& context) {
    ThinProduct{context.input<float>(2), relu}.run(context);
  });
  return lowering;
}

}  // namespace

void add_thin_matmul(KernelTable& table) {
  table.add<ops::MatMul>("thin", matmul);
  table.add<ops::MatMulBiasAct>("thin", matmul_bias_act);
}

}  // namespace fovea::cpu
