// Ops by name: what reading a model file needs. The library's own ops stand in one explicit list,
// since self-registering statics vanish when a library is linked statically.
#include <map>
#include <mutex>

#include "fovea/op.h"
#include "fovea/ops.h"

namespace fovea {
namespace {

class Registry {
 public:
  static Registry& instance() {
    static Registry registry;
    return registry;
  }

  void add(std::string_view name, OpFactory factory) {
    const std::scoped_lock lock(mutex_);
    FOVEA_REQUIRE(!name.empty() && factory != nullptr, invalid_argument,
                  "an op needs a name and a factory");
    const bool added = factories_.emplace(name, factory).second;
    FOVEA_REQUIRE(added, invalid_argument, "there is already an op named '", name,
                  "'; choose another name");
  }

  /// Null for an unknown name.
  OpFactory find(std::string_view name) const {
    const std::scoped_lock lock(mutex_);
    const auto found = factories_.find(name);
    return found == factories_.end() ? nullptr : found->second;
  }

  std::vector<std::string> names() const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> names;
    for (const auto& entry : factories_) names.push_back(entry.first);
    return names;
  }

 private:
  template <class... Ops>
  void add_all() {
    (factories_.emplace(Ops::kName, &op_from_json<Ops>), ...);
  }

  Registry() {
    using namespace ops;  // NOLINT(google-build-using-namespace): the list reads better
    add_all<Input, Parameter, State, Constant>();
    add_all<Add, Multiply, Scale, Rescale, Cast, Reshape, Concat, Slice, Pad, Dropout, Mean,
            Broadcast, WeightPenalty, WeightPenaltyBackward, Reorder, Transpose>();
    add_all<Activate, ActivateBackward, Softmax, SoftmaxBackward>();
    add_all<Conv2d, Conv2dBackwardData, Conv2dBackwardFilter, Conv2dBiasAct,
            Conv2dBackwardFilterBias, Conv2dBatchNormAct, Conv2dBackwardDataBatchNormRelu>();
    add_all<MatMul, AddBias, BiasGrad, MatMulBiasAct, MatMulBackwardWeightBias>();
    add_all<MaxPool2d, MinPool2d, MaxPool2dBackward, AvgPool2d, AvgPool2dBackward, GlobalAvgPool,
            GlobalAvgPoolBackward>();
    add_all<BatchNorm, BatchNormBackward, BatchNormInference, BatchNormInferenceBackward,
            BatchNormAct, BatchNormActBackward, FoldBatchNorm>();
    add_all<SoftmaxCrossEntropy, SoftmaxCrossEntropyBackward, PointwiseLoss, PointwiseLossBackward,
            RowLoss, RowLossBackward, OneHot, Accuracy, SumAbove>();
    add_all<AdvanceStep, GradientCheck, CommitStep, UpdateAverages, AccumulateMetric,
            AccumulateGradient, AverageGradients, SgdUpdate, AdamUpdate, AdagradUpdate,
            RmsPropUpdate, AdamaxUpdate, NadamUpdate>();
    add_all<HoldStep, Unscale, AdjustLossScale>();
    add_all<PictureBatch, CountLabels, ChannelMoments, RankedPairs>();
  }

  mutable std::mutex mutex_;
  std::map<std::string, OpFactory, std::less<>> factories_;
};

std::string known_names() {
  std::string text;
  for (const std::string& name : registered_ops()) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// An attribute that the op does not have would change the op's meaning if it were ignored.
void require_known_attributes(const Op& op, const Json& given) {
  const Json known = op.attributes();
  for (const auto& member : given.as_object()) {
    FOVEA_REQUIRE(known.contains(member.first), parse, "op '", op.name(), "': unknown attribute '",
                  member.first, "'");
  }
}

}  // namespace

OpPtr make_op(std::string_view name, const Json& attributes) {
  const OpFactory factory = Registry::instance().find(name);
  FOVEA_REQUIRE(factory != nullptr, parse, "unknown op '", name, "'; known: ", known_names());
  OpPtr op;
  try {
    op = factory(attributes);
  } catch (const Error& error) {
    fail(ErrorCode::parse, "op '", name, "': ", error.what());
  }
  require_known_attributes(*op, attributes);
  return op;
}

void register_op(std::string_view name, OpFactory factory) {
  Registry::instance().add(name, factory);
}

std::vector<std::string> registered_ops() { return Registry::instance().names(); }

}  // namespace fovea
