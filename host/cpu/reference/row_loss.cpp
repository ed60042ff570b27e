// Losses of whole rows as plain loops.
#include <cmath>

#include "fovea/ops/loss.h"
#include "host/cpu/reference/elements.h"
#include "host/cpu/reference/kernels.h"

namespace fovea::cpu {
namespace {

using Kind = ops::RowLoss::Kind;

/// What the losses of a row are made of.
struct RowSums {
  double product = 0, p_squares = 0, t_squares = 0;
  double worst = 0;           ///< the largest |p - t|
  std::int64_t worst_at = 0;  ///< the first place where it stands
  double rival = 0;           ///< the largest (1 - t) p
  std::int64_t rival_at = 0;  ///< likewise

  template <class T>
  RowSums(const T* p, const T* t, std::int64_t classes) {
    for (std::int64_t c = 0; c < classes; ++c) {
      const double prediction = double{p[c]}, target = double{t[c]};
      product += prediction * target;
      p_squares += prediction * prediction;
      t_squares += target * target;
      const double error = std::abs(prediction - target);
      const double other = (1 - target) * prediction;
      if (c == 0 || error > worst || error != error) worst = error, worst_at = c;
      if (c == 0 || other > rival || other != other) rival = other, rival_at = c;
    }
  }
  double norms() const { return std::sqrt(at_least(p_squares) * at_least(t_squares)); }
  static double at_least(double squares) { return squares < 1e-12 ? 1e-12 : squares; }
};

double loss_of(Kind kind, const RowSums& row) {
  switch (kind) {
    case Kind::chebyshev:
      return row.worst;
    case Kind::tanimoto:
      return -row.product / (row.p_squares + row.t_squares - row.product);
    case Kind::cauchy_schwarz:
      return -std::log(row.product / std::sqrt(row.p_squares * row.t_squares));
    case Kind::cosine_similarity:
      return -row.product / row.norms();
    case Kind::categorical_hinge: {
      const double missing = 1 + row.rival - row.product;
      return missing < 0 ? 0 : missing;
    }
  }
  return 0;
}

/// By the prediction p of class c.
double slope_of(Kind kind, const RowSums& row, std::int64_t c, double p, double t) {
  switch (kind) {
    case Kind::chebyshev:
      return c == row.worst_at ? (p > t ? 1 : p < t ? -1 : 0) : 0;
    case Kind::tanimoto: {
      const double whole = row.p_squares + row.t_squares - row.product;
      return -(t * whole - row.product * (2 * p - t)) / (whole * whole);
    }
    case Kind::cauchy_schwarz:
      return p / row.p_squares - t / row.product;
    case Kind::cosine_similarity: {
      const double pull = row.p_squares < 1e-12 ? 0 : row.product * p / row.p_squares;
      return (pull - t) / row.norms();
    }
    case Kind::categorical_hinge:
      if (1 + row.rival - row.product <= 0) return 0;
      return (c == row.rival_at ? 1 - t : 0) - t;
  }
  return 0;
}

template <class T>
void row_loss(const ops::RowLoss& op, const KernelContext& context) {
  const Shape& shape = context.input_shape(0);
  for_each_row(context.threads(), shape[0], shape[1], [&](std::int64_t n) {
    const RowSums row(context.input<T>(0) + n * shape[1], context.input<T>(1) + n * shape[1],
                      shape[1]);
    context.output<T>(0)[n] = static_cast<T>(loss_of(op.kind, row));
  });
}

template <class T>
void row_loss_backward(const ops::RowLossBackward& op, const KernelContext& context) {
  const Shape& shape = context.input_shape(1);
  const std::int64_t classes = shape[1];
  for_each_row(context.threads(), shape[0], classes, [&](std::int64_t n) {
    const T* p = context.input<T>(1) + n * classes;
    const T* t = context.input<T>(2) + n * classes;
    const RowSums row(p, t, classes);
    const double dloss = double{context.input<T>(0)[n]};
    for (std::int64_t c = 0; c < classes; ++c) {
      const double slope = slope_of(op.kind, row, c, double{p[c]}, double{t[c]});
      context.output<T>(0)[n * classes + c] = static_cast<T>(dloss * slope);
    }
  });
}

}  // namespace

void add_reference_row_loss(KernelTable& table) {
  table.add<ops::RowLoss>("reference", reference(row_loss<float>, row_loss<double>));
  table.add<ops::RowLossBackward>("reference",
                                  reference(row_loss_backward<float>, row_loss_backward<double>));
}

}  // namespace fovea::cpu
