// Mixed precision: what is bound by memory or by tensor cores moves to 16 bits; masters, statistics
// and losses stay in f32.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "fovea/ops.h"
#include "host/graph/passes.h"
#include "host/graph/rewrite.h"

namespace fovea {
namespace {

/// Ops that compute in 16 bits, and how many of their first inputs are converted; the inputs after
/// those (batch norm's parameters and statistics, dropout's counters) stay what they are.
struct LowOp {
  std::string_view name;
  std::size_t converted;
};
constexpr std::size_t kAll = 1000;
constexpr std::array<LowOp, 20> kLowOps = {
    {{ops::Conv2d::kName, kAll},    {ops::MatMul::kName, kAll},
     {ops::AddBias::kName, kAll},   {ops::Activate::kName, kAll},
     {ops::MaxPool2d::kName, kAll}, {ops::MinPool2d::kName, kAll},
     {ops::AvgPool2d::kName, kAll}, {ops::GlobalAvgPool::kName, kAll},
     {ops::BatchNorm::kName, 1},    {ops::BatchNormInference::kName, 1},
     {ops::Add::kName, kAll},       {ops::Multiply::kName, kAll},
     {ops::Scale::kName, kAll},     {ops::Concat::kName, kAll},
     {ops::Slice::kName, kAll},     {ops::Pad::kName, kAll},
     {ops::Dropout::kName, 1},      {ops::Reshape::kName, kAll},
     {ops::Transpose::kName, kAll}, {ops::Rescale::kName, 0}}};

const LowOp* find_low(std::string_view name) {
  const auto* found = std::find_if(kLowOps.begin(), kLowOps.end(),
                                   [&](const LowOp& low) { return low.name == name; });
  return found == kLowOps.end() ? nullptr : found;
}

class PrecisionPass {
 public:
  PrecisionPass(const Graph& graph, DType low) : old_(graph), low_(low) {}

  Graph run() {
    for (const auto& output : old_.outputs()) leaving_.insert(output.second.id);
    Graph lowered = rewrite(old_, [this](const Node& node, int, Rewriter& rewriter) {
      if (node.inputs.empty()) return false;
      emit(node, rewriter);
      return true;
    });
    // What leaves the graph is f32, as without this pass.
    const auto outputs = lowered.outputs();
    lowered.clear_outputs();
    for (const auto& [name, value] : outputs) {
      Value wide = value;
      if (lowered.type(value).dtype == low_) {
        wide = lowered.add(cast_to(DType::f32), {value}, "cast." + name).outputs.front();
      }
      lowered.mark_output(name, wide);
    }
    return lowered;
  }

 private:
  static OpPtr cast_to(DType dtype) {
    auto op = std::make_shared<ops::Cast>();
    op->dtype = dtype;
    return op;
  }

  /// The value in this floating type; each value is converted once.
  Value in_type(Value value, DType dtype, const std::string& path, Rewriter& rewriter) {
    const DType own = rewriter.graph().type(value).dtype;
    if (own == dtype || (own != DType::f32 && own != low_)) return value;
    const auto [entry, added] = casts_.emplace(value.id, Value{});
    if (added) entry->second = rewriter.add(cast_to(dtype), {value}, path).front();
    return entry->second;
  }

  void emit(const Node& node, Rewriter& rewriter) {
    const LowOp* low = find_low(node.op->name());
    // A last activation, such as a sigmoid, gives probabilities: they, too, leave in full.
    const bool last = !node.outputs.empty() && leaving_.count(node.outputs.front().id) > 0;
    if (last && node.op->name() == ops::Activate::kName) low = nullptr;
    std::vector<Value> inputs = rewriter.map(node.inputs);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const bool lowered = low != nullptr && i < low->converted;
      if (low != nullptr && !lowered) continue;
      inputs[i] = in_type(inputs[i], lowered ? low_ : DType::f32, node.path, rewriter);
    }
    OpPtr op = node.op;
    if (op->name() == ops::Rescale::kName) {
      auto rescale = std::make_shared<ops::Rescale>(static_cast<const ops::Rescale&>(*op));
      rescale->dtype = low_;
      op = rescale;
    }
    const std::vector<Value> outputs = rewriter.add(op, inputs, node.path);
    for (std::size_t i = 0; i < outputs.size(); ++i) rewriter.set(node.outputs[i], outputs[i]);
  }

  const Graph& old_;
  DType low_;
  std::set<int> leaving_;       ///< old values that are outputs
  std::map<int, Value> casts_;  ///< of each new value, to the other floating type
};

}  // namespace

Graph lower_precision(const Graph& graph, DType low) { return PrecisionPass(graph, low).run(); }

}  // namespace fovea
