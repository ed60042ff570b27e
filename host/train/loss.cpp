// Losses by name: chooses the op that computes one, fused with the model's last activation where
// that is stable and exact, and says what does not fit before the op would.
#include "fovea/loss.h"

#include <algorithm>
#include <array>

#include "fovea/names.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/basic.h"
#include "fovea/ops/loss.h"
#include "host/train/targets.h"

namespace fovea {
namespace {

using Pointwise = ops::PointwiseLoss;

using Row = ops::RowLoss;

enum class Kind { sparse_classes, classes, binary, mean, sum, half_sum, row };

/// What a loss wants of the model's output.
enum class Reads {
  anything,
  either,         ///< probabilities, or logits with from_logits
  probabilities,  ///< likewise, but logits become probabilities by a softmax of their own
};

struct Entry {
  const char* name;
  Kind kind;
  Reads reads = Reads::anything;
  Pointwise::Kind pointwise = Pointwise::Kind::squared;  ///< of mean, sum and half_sum
  double margin = 0;                                     ///< of the hinges
  Row::Kind row = Row::Kind::chebyshev;
};
constexpr auto kProbabilities = Reads::probabilities;
constexpr std::array kLosses = {
    Entry{"sparse_categorical_crossentropy", Kind::sparse_classes, Reads::either},
    Entry{"categorical_crossentropy", Kind::classes, Reads::either},
    Entry{"binary_crossentropy", Kind::binary, Reads::either},
    Entry{"mean_squared_error", Kind::mean},
    Entry{"mse", Kind::mean},
    Entry{"mean_absolute_error", Kind::mean, {}, Pointwise::Kind::absolute},
    Entry{"mae", Kind::mean, {}, Pointwise::Kind::absolute},
    Entry{"huber", Kind::mean, {}, Pointwise::Kind::huber},
    Entry{"log_cosh", Kind::mean, {}, Pointwise::Kind::log_cosh},
    Entry{"poisson", Kind::mean, {}, Pointwise::Kind::poisson},
    Entry{"hinge", Kind::mean, {}, Pointwise::Kind::hinge, 1},
    Entry{"squared_hinge", Kind::mean, {}, Pointwise::Kind::squared_hinge, 1},
    Entry{"categorical_hinge", Kind::row, {}, {}, 0, Row::Kind::categorical_hinge},
    Entry{"kl_divergence", Kind::sum, kProbabilities, Pointwise::Kind::kl_divergence},
    Entry{"cosine_similarity", Kind::row, {}, {}, 0, Row::Kind::cosine_similarity},
    Entry{"half_squared_error", Kind::half_sum},
    // Janocha, Czarnecki 2017, in its order.
    Entry{"l1", Kind::sum, {}, Pointwise::Kind::absolute},
    Entry{"l2", Kind::sum},
    Entry{"expectation", Kind::sum, kProbabilities, Pointwise::Kind::absolute},
    Entry{"regularized_expectation", Kind::sum, kProbabilities},
    Entry{"chebyshev", Kind::row, kProbabilities},
    Entry{"margin", Kind::sum, {}, Pointwise::Kind::hinge, 0.5},
    Entry{"squared_margin", Kind::sum, {}, Pointwise::Kind::squared_hinge, 0.5},
    Entry{"cubed_margin", Kind::sum, {}, Pointwise::Kind::cubed_hinge, 0.5},
    Entry{"log", Kind::classes, Reads::either},
    Entry{"squared_log", Kind::sum, kProbabilities, Pointwise::Kind::squared_log},
    Entry{"tanimoto", Kind::row, kProbabilities, {}, 0, Row::Kind::tanimoto},
    Entry{"cauchy_schwarz", Kind::row, kProbabilities, {}, 0, Row::Kind::cauchy_schwarz},
};

bool is_cross_entropy(Kind kind) {
  return kind == Kind::sparse_classes || kind == Kind::classes || kind == Kind::binary;
}

/// The entry of a loss whose options make sense.
const Entry& checked_entry(const Loss& loss) {
  FOVEA_REQUIRE(!loss.name.empty(), invalid_argument,
                "no loss was chosen; name one in CompileOptions, such as "
                "'sparse_categorical_crossentropy'");
  const auto* entry = std::find_if(kLosses.begin(), kLosses.end(),
                                   [&](const Entry& e) { return loss.name == e.name; });
  if (entry == kLosses.end()) fail_unknown("loss", loss.name, loss_names());
  const bool cross_entropy = is_cross_entropy(entry->kind);
  FOVEA_REQUIRE(entry->reads != Reads::anything || !loss.from_logits, invalid_argument,
                "the loss '", loss.name,
                "' does not tell logits from probabilities; leave out from_logits");
  FOVEA_REQUIRE(cross_entropy || loss.label_smoothing == 0, invalid_argument,
                "only cross-entropies smooth labels, not '", loss.name, "'");
  FOVEA_REQUIRE(loss.label_smoothing >= 0 && loss.label_smoothing <= 1, invalid_argument,
                "label smoothing is in [0, 1], not ", loss.label_smoothing);
  FOVEA_REQUIRE(loss.delta > 0, invalid_argument, "huber's delta is > 0, not ", loss.delta);
  return *entry;
}

/// The logits behind `prediction`: what its last activation read, or the prediction itself where it
/// is said to be logits; undefined where it is neither.
template <class IsActivation>
Value find_logits(Builder& b, const Loss& loss, Value prediction, const char* activation,
                  const IsActivation& is_activation) {
  const Node& producer = b.graph().producer_node(prediction);
  const bool activated = is_activation(*producer.op);
  FOVEA_REQUIRE(!activated || !loss.from_logits, invalid_argument, "the model ends in ", activation,
                ", so its output is not logits: leave out from_logits of '", loss.name,
                "', or the activation");
  if (loss.from_logits) return prediction;
  return activated ? producer.inputs.front() : Value{};
}

bool is_softmax(const Op& op) { return dynamic_cast<const ops::Softmax*>(&op) != nullptr; }

bool is_sigmoid(const Op& op) {
  const auto* activate = dynamic_cast<const ops::Activate*>(&op);
  return activate != nullptr && activate->activation.kind == Activation::Kind::sigmoid;
}

Value append_pointwise(Builder& b, Pointwise::Kind kind, const Loss& loss, Value prediction,
                       Value target, double margin = 0) {
  Pointwise op;
  op.kind = kind;
  op.delta = margin > 0 ? margin : loss.delta;
  op.label_smoothing = loss.label_smoothing;
  return b.add(op, {prediction, target});
}

// ---- Cross-entropies ----

/// `target`: i32 (N,), or floating (N, classes).
Value append_class_loss(Builder& b, const Loss& loss, Value prediction, Value target) {
  const Value logits = find_logits(b, loss, prediction, "softmax", is_softmax);
  if (logits.defined()) {
    ops::SoftmaxCrossEntropy op;
    op.label_smoothing = loss.label_smoothing;
    return b.add(op, {logits, target});
  }
  if (is_sparse(b.type(target))) {
    ops::OneHot one_hot;
    one_hot.classes = b.shape(prediction).c();
    one_hot.dtype = b.type(prediction).dtype;
    target = b.add(one_hot, {target});
  }
  return append_pointwise(b, Pointwise::Kind::cross_entropy, loss, prediction, target);
}

Value append_sparse_class_loss(Builder& b, const Loss& loss, Value prediction, Value target) {
  const ValueType& type = b.type(target);
  require_class_scores(loss.name, b.type(prediction), 2);
  require_same_batch(loss.name, b.type(prediction), type);
  FOVEA_REQUIRE(is_sparse(type), shape_mismatch, "'", loss.name,
                "' takes one class index per sample, i32 (N,), not ", to_string(type),
                type.shape == b.shape(prediction) ? "; use 'categorical_crossentropy' with one-hot "
                                                    "targets"
                                                  : "");
  return append_class_loss(b, loss, prediction, target);
}

Value append_dense_class_loss(Builder& b, const Loss& loss, Value prediction, Value target) {
  require_class_scores(loss.name, b.type(prediction), 2);
  FOVEA_REQUIRE(!is_sparse(b.type(target)), shape_mismatch, "'", loss.name,
                "' takes one-hot targets, ", to_string(b.type(prediction)), ", not ",
                to_string(b.type(target)),
                "; use 'sparse_categorical_crossentropy' with class indices");
  return append_class_loss(b, loss, prediction, match_target(b, loss.name, prediction, target));
}

Value append_binary_loss(Builder& b, const Loss& loss, Value prediction, Value target) {
  const ValueType type = b.type(prediction);
  if (is_sparse(b.type(target))) {
    FOVEA_REQUIRE(type.shape.drop_front().numel() == 1, shape_mismatch, "'", loss.name,
                  "' takes labels 0 and 1 for a model with one output, not for ", to_string(type),
                  "; use 'sparse_categorical_crossentropy' with class indices");
    target = answers_from_labels(b, type.dtype, target);
  }
  target = match_target(b, loss.name, prediction, target);
  const Value logits = find_logits(b, loss, prediction, "sigmoid", is_sigmoid);
  return logits.defined()
             ? append_pointwise(b, Pointwise::Kind::sigmoid_cross_entropy, loss, logits, target)
             : append_pointwise(b, Pointwise::Kind::binary_cross_entropy, loss, prediction, target);
}

// ---- The others ----

/// What the loss reads: the output, or the probabilities of its logits.
Value output_read(Builder& b, const Entry& entry, const Loss& loss, Value prediction) {
  if (entry.reads != Reads::probabilities || !loss.from_logits) return prediction;
  find_logits(b, loss, prediction, "softmax", is_softmax);  // throws where it is not logits
  require_class_scores(loss.name, b.type(prediction), 2);
  return b.add(ops::Softmax{}, {prediction});
}

/// A mean over the sample's numbers, or their sum, or half of it.
Value append_sum(Builder& b, const Entry& entry, const Loss& loss, Value prediction, Value target) {
  const Value mean = append_pointwise(b, entry.pointwise, loss, prediction, target, entry.margin);
  if (entry.kind == Kind::mean) return mean;
  ops::Scale scale;
  scale.factor = static_cast<double>(b.shape(prediction).drop_front().numel()) *
                 (entry.kind == Kind::half_sum ? 0.5 : 1);
  return b.add(scale, {mean});
}

}  // namespace

Value append_loss(Builder& b, const Loss& loss, Value prediction, Value target) {
  const Entry& entry = checked_entry(loss);
  switch (entry.kind) {
    case Kind::sparse_classes:
      return append_sparse_class_loss(b, loss, prediction, target);
    case Kind::classes:
      return append_dense_class_loss(b, loss, prediction, target);
    case Kind::binary:
      return append_binary_loss(b, loss, prediction, target);
    default:
      break;
  }
  const Value read = output_read(b, entry, loss, prediction);
  if (entry.kind == Kind::row) require_class_scores(loss.name, b.type(prediction), 2);
  target = match_target(b, loss.name, read, target);
  if (entry.kind != Kind::row) return append_sum(b, entry, loss, read, target);
  Row op;
  op.kind = entry.row;
  return b.add(op, {read, target});
}

ValueType target_type(const Loss& loss, const ValueType& prediction) {
  if (checked_entry(loss).kind != Kind::sparse_classes) return prediction;
  require_class_scores(loss.name, prediction, 2);
  return {{prediction.shape[0]}, DType::i32};
}

std::vector<std::string> loss_names() {
  std::vector<std::string> names;
  names.reserve(kLosses.size());
  for (const Entry& entry : kLosses) names.emplace_back(entry.name);
  return names;
}

}  // namespace fovea
