// Shapes and gradients of losses and metrics. Labels never get a gradient.
#include "fovea/ops/loss.h"

#include "fovea/graph.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/basic.h"
#include "host/ops/type_checks.h"

namespace fovea::ops {
namespace {

void require_smoothing(double label_smoothing) {
  FOVEA_REQUIRE(label_smoothing >= 0 && label_smoothing <= 1, invalid_argument,
                "label smoothing is in [0, 1], not ", label_smoothing);
}

/// (N, C) with C >= 1.
void require_class_scores(const ValueType& type, std::string_view what) {
  require_rank(type, 2, what);
  require_floating(type, what);
  FOVEA_REQUIRE(type.shape[1] >= 1, shape_mismatch, what, " need at least one class, not ",
                to_string(type));
}

/// i32 (N,), or of the predictions' own type (N, C).
void require_labels(const ValueType& labels, const ValueType& predictions) {
  const ValueType sparse{{predictions.shape[0]}, DType::i32};
  FOVEA_REQUIRE(labels == sparse || labels == predictions, shape_mismatch, "the labels for ",
                to_string(predictions), " must be ", to_string(sparse), " or ",
                to_string(predictions), ", not ", to_string(labels));
}

/// One number per sample of `type`.
ValueType per_sample(const ValueType& type) { return {{type.shape[0]}, type.dtype}; }

void check_pointwise(PointwiseLoss::Kind kind, double delta, double label_smoothing,
                     const ValueType& predictions) {
  const int least_rank = kind == PointwiseLoss::Kind::cross_entropy ? 2 : 1;
  const Shape& shape = predictions.shape;
  FOVEA_REQUIRE(shape.rank() >= least_rank && shape.drop_front().numel() >= 1, shape_mismatch,
                "the loss needs predictions of at least ", least_rank,
                " axes with elements in each sample, not ", to_string(predictions));
  FOVEA_REQUIRE(delta > 0, invalid_argument, "huber's delta is > 0, not ", delta);
  require_smoothing(label_smoothing);
}

}  // namespace

// ---- Softmax and cross-entropy in one ----

std::vector<ValueType> SoftmaxCrossEntropy::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 2);
  require_class_scores(inputs[0], "the logits");
  require_labels(inputs[1], inputs[0]);
  require_smoothing(label_smoothing);
  return {per_sample(inputs[0]), inputs[0]};
}

std::vector<Value> SoftmaxCrossEntropy::backward(const BackwardContext& context) const {
  const Value dlosses = context.output_grads[0];
  const Value dprobabilities = context.output_grads[1];
  const Value probabilities = context.outputs[1];
  Value dlogits;
  if (dlosses.defined()) {
    SoftmaxCrossEntropyBackward gradient;
    gradient.label_smoothing = label_smoothing;
    dlogits = context.builder.add(gradient, {dlosses, probabilities, context.inputs[1]});
  }
  if (dprobabilities.defined()) {
    const Value more = context.builder.add(SoftmaxBackward{}, {dprobabilities, probabilities});
    dlogits = dlogits.defined() ? Value(context.builder.add(Add{}, {dlogits, more})) : more;
  }
  return {dlogits, {}};
}

std::vector<ValueType> SoftmaxCrossEntropyBackward::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 3);
  require_class_scores(inputs[1], "the probabilities");
  require_type(inputs[0], per_sample(inputs[1]), "the losses' gradient");
  require_labels(inputs[2], inputs[1]);
  require_smoothing(label_smoothing);
  return {inputs[1]};
}

// ---- Losses of one prediction against one target ----

std::vector<ValueType> PointwiseLoss::infer(std::span<const ValueType> inputs) const {
  require_equal_floating(inputs, 2);
  check_pointwise(kind, delta, label_smoothing, inputs[0]);
  return {per_sample(inputs[0])};
}

std::vector<Value> PointwiseLoss::backward(const BackwardContext& context) const {
  PointwiseLossBackward gradient;
  gradient.kind = kind;
  gradient.delta = delta;
  gradient.label_smoothing = label_smoothing;
  const std::span<const Value> in = context.inputs;
  return {context.builder.add(gradient, {context.output_grads[0], in[0], in[1]}), {}};
}

std::vector<ValueType> PointwiseLossBackward::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 3);
  require_equal_floating(inputs.subspan(1), 2);
  check_pointwise(kind, delta, label_smoothing, inputs[1]);
  require_type(inputs[0], per_sample(inputs[1]), "the losses' gradient");
  return {inputs[1]};
}

// ---- Losses of whole rows ----

std::vector<ValueType> RowLoss::infer(std::span<const ValueType> inputs) const {
  require_equal_floating(inputs, 2);
  require_class_scores(inputs[0], "the predictions");
  return {per_sample(inputs[0])};
}

std::vector<Value> RowLoss::backward(const BackwardContext& context) const {
  RowLossBackward gradient;
  gradient.kind = kind;
  const std::span<const Value> in = context.inputs;
  return {context.builder.add(gradient, {context.output_grads[0], in[0], in[1]}), {}};
}

double RowLoss::flops(std::span<const ValueType> inputs, std::span<const ValueType>) const {
  return 6.0 * static_cast<double>(inputs[0].shape.numel());
}

std::vector<ValueType> RowLossBackward::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 3);
  require_equal_floating(inputs.subspan(1), 2);
  require_class_scores(inputs[1], "the predictions");
  require_type(inputs[0], per_sample(inputs[1]), "the losses' gradient");
  return {inputs[1]};
}

double RowLossBackward::flops(std::span<const ValueType> inputs, std::span<const ValueType>) const {
  return 12.0 * static_cast<double>(inputs[1].shape.numel());
}

// ---- Labels and metrics ----

std::vector<ValueType> OneHot::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 1);
  require_rank(inputs[0], 1, "the labels");
  require_type(inputs[0], {inputs[0].shape, DType::i32}, "the labels");
  FOVEA_REQUIRE(classes >= 1, invalid_argument, "one_hot needs at least one class, not ", classes);
  FOVEA_REQUIRE(is_floating(dtype), invalid_argument, "one-hot rows are floating, not ",
                dtype_name(dtype));
  return {{inputs[0].shape.append(classes), dtype}};
}

std::vector<ValueType> Accuracy::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 2);
  const ValueType& predictions = inputs[0];
  require_class_scores(predictions, "the predictions");
  require_labels(inputs[1], predictions);
  FOVEA_REQUIRE(!binary || predictions.shape[1] == 1 || inputs[1] == predictions, shape_mismatch,
                "binary accuracy of ", to_string(predictions), " needs labels of that type, not ",
                to_string(inputs[1]));
  FOVEA_REQUIRE(top_k >= 0 && (top_k == 0 || !binary), invalid_argument,
                "accuracy takes the k >= 1 largest of several classes, not of yes and no");
  return {per_sample(predictions)};
}

std::vector<ValueType> SumAbove::infer(std::span<const ValueType> inputs) const {
  require_inputs(inputs, 2);
  require_rank(inputs[0], 1, "the scores");
  require_floating(inputs[0], "the scores");
  require_type(inputs[1], inputs[0], "the values");
  FOVEA_REQUIRE(thresholds >= 2, invalid_argument, "there are at least 2 thresholds, not ",
                thresholds);
  return {{{thresholds}, inputs[0].dtype}};
}

double SumAbove::flops(std::span<const ValueType> inputs, std::span<const ValueType>) const {
  return 2.0 * static_cast<double>(inputs[0].shape[0] * thresholds);
}

}  // namespace fovea::ops
