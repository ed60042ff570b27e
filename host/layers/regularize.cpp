#include "host/layers/regularize.h"

#include "fovea/ops/basic.h"
#include "host/layers/checks.h"

namespace fovea {
namespace detail {

void require_regularizer(std::string_view kind, const Regularizer& regularizer) {
  FOVEA_REQUIRE(regularizer.l1 >= 0 && regularizer.l2 >= 0, invalid_argument, kind,
                ": the factors of a regularizer are >= 0, not l1 = ", regularizer.l1,
                ", l2 = ", regularizer.l2);
}

void append_activity_penalty(Builder& b, Value x, const Regularizer& regularizer) {
  if (regularizer.l1 == 0 && regularizer.l2 == 0) return;
  const auto scope = b.scope("activity_penalty");
  ops::WeightPenalty penalty;
  penalty.l1 = regularizer.l1;
  penalty.l2 = regularizer.l2;
  b.add(penalty, {x});
}

}  // namespace detail

ActivityRegularization::ActivityRegularization(Regularizer regularizer, std::string name)
    : LayerBase(std::move(name)), regularizer_(regularizer) {
  detail::require_regularizer(kKind, regularizer);
}

Value ActivityRegularization::build(Builder& b, Value x) const {
  detail::require_floating(b, *this, x);
  detail::append_activity_penalty(b, x, regularizer_);
  return x;
}

}  // namespace fovea
