#include "host/train/targets.h"

#include "fovea/ops/basic.h"
#include "fovea/ops/loss.h"

namespace fovea {
namespace {

Shape without_last_one(const Shape& shape) {
  if (shape.rank() < 2 || shape.c() != 1) return shape;
  return Shape(shape.sizes().first(static_cast<std::size_t>(shape.rank() - 1)));
}

}  // namespace

bool is_sparse(const ValueType& target) {
  return target.dtype == DType::i32 && target.shape.rank() == 1;
}

void require_same_batch(std::string_view what, const ValueType& prediction,
                        const ValueType& target) {
  FOVEA_REQUIRE(prediction.shape.rank() >= 1 && target.shape.rank() >= 1, shape_mismatch, what,
                " is of batches of samples, (N, ...), not of ", to_string(prediction), " and ",
                to_string(target));
  FOVEA_REQUIRE(prediction.shape[0] == target.shape[0], shape_mismatch, what, ": ",
                prediction.shape[0], " predictions, but ", target.shape[0], " targets");
}

void require_class_scores(std::string_view what, const ValueType& prediction, int least_classes) {
  FOVEA_REQUIRE(prediction.shape.rank() == 2, shape_mismatch, what,
                " takes predictions of shape (N, classes), not ", to_string(prediction),
                "; end the model with Flatten or global pooling and a Dense layer");
  FOVEA_REQUIRE(prediction.shape[1] >= least_classes, shape_mismatch, what, " takes at least ",
                least_classes, " classes, but the model has ", prediction.shape[1],
                " output; use 'binary_crossentropy' with it, or a layer of one unit per class");
}

Value match_target(Builder& b, std::string_view what, Value prediction, Value target) {
  const ValueType wanted = b.type(prediction);
  const ValueType given = b.type(target);
  require_same_batch(what, wanted, given);
  FOVEA_REQUIRE(without_last_one(given.shape) == without_last_one(wanted.shape), shape_mismatch,
                what, " compares predictions and targets of one shape, not ", to_string(wanted),
                " and ", to_string(given));
  FOVEA_REQUIRE(given.dtype == DType::u8 || is_floating(given.dtype), shape_mismatch, what,
                " takes floating-point targets, ", to_string(wanted), ", not ", to_string(given));
  if (given.dtype != wanted.dtype) {
    ops::Rescale convert;
    convert.dtype = wanted.dtype;
    target = b.add(convert, {target});
  }
  if (given.shape != wanted.shape) {
    target = b.add(ops::Reshape(wanted.shape.drop_front()), {target});
  }
  return target;
}

// The second column of their one-hot rows.
Value answers_from_labels(Builder& b, DType dtype, Value labels) {
  ops::OneHot one_hot;
  one_hot.classes = 2;
  one_hot.dtype = dtype;
  ops::Slice second;
  second.axis = 1;
  second.begin = 1;
  second.size = 1;
  return b.add(second, {b.add(one_hot, {labels})});
}

}  // namespace fovea
