// Plan: a graph lowered for one device. A kernel per node, a layout per value, an arena laid out by
// liveness. Immutable; executions run it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <valarray>
#include <vector>

#include "fovea/device.h"
#include "fovea/graph.h"
#include "host/graph/memory_plan.h"

namespace fovea {

class Autotuner;

struct PlanOptions {
  int threads = 1;
  /// Variables keep their values over all runs: what depends on them alone is computed once, see
  /// Plan::prologue.
  bool constant_variables = false;
  bool allow_tf32 = false;
  bool fuse = true;  ///< else every op stands alone: what FOVEA_FUSE=0 says
  /// Measures the candidates on a device other than the host and takes the fastest. Null: the first
  /// to accept is taken.
  std::shared_ptr<Autotuner> autotuner{};
  /// Candidate to use for an op, by name: what FOVEA_KERNEL=conv2d:reference says.
  std::map<std::string, std::string, std::less<>> force{};
};

/// Parses FOVEA_KERNEL's "op:candidate,op:candidate"; throws invalid_argument on bad syntax.
FOVEA_INTERNAL std::map<std::string, std::string, std::less<>> parse_forced_kernels(
    const std::string& text);

/// The candidates that may serve an op: the device's, or the one of them that is forced.
using Candidates = std::vector<const KernelTable::Candidate*>;
Candidates permitted_candidates(const Device& device, std::string_view op,
                                const PlanOptions& options);

/// Where a planned value lives.
enum class Storage { arena, input, variable, constant, prepared };

struct PlannedValue {
  ValueType type;
  Layout layout;
  Storage storage = Storage::arena;
  /// Index into Plan::inputs, variables or constants; for the arena, the index of its block; of a
  /// prepared value, its own.
  int slot = -1;
  std::int64_t bytes() const { return layout.plain() ? type.bytes() : layout.bytes; }
};

/// One kernel's place in the plan.
struct PlanStep {
  OpPtr op;
  std::string path;
  std::string candidate;
  int variant = 0;  ///< of the candidate, see LowerRequest
  const KernelTable::Factory* factory = nullptr;
  std::vector<int> inputs;   ///< planned values
  std::vector<int> outputs;  ///< planned values
  std::vector<ValueType> input_types;
  std::vector<ValueType> output_types;
  std::vector<Layout> input_layouts;   ///< as the factory was told
  std::vector<Layout> wanted_outputs;  ///< of a Reorder
  std::valarray<bool> output_used;     ///< contiguous, unlike a vector's bools
  std::valarray<bool> input_constant;  ///< likewise; empty: none is
  std::int64_t workspace_bytes = 0;
  int workspace_block = -1;
  std::vector<std::pair<int, int>> in_place;

  LowerRequest request(const PlanOptions& options) const {
    return {input_types,
            output_types,
            input_layouts,
            {std::begin(output_used), outputs.size()},
            wanted_outputs,
            options.threads,
            options.allow_tf32,
            variant,
            {std::begin(input_constant), input_constant.size()}};
  }
  /// "cudnn", or for a variant that was measured faster "cudnn#3".
  std::string kernel_name() const {
    return variant == 0 ? candidate : candidate + "#" + std::to_string(variant);
  }
};

class FOVEA_INTERNAL Plan {
 public:
  /// Lowers `graph` for `device`. Fused ops that no candidate takes must have been expanded (see
  /// passes.h). Throws unsupported, with every candidate's reason, for an op that none accepts.
  Plan(Graph graph, std::shared_ptr<Device> device, PlanOptions options);
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  struct Named {
    std::string name;
    int value = -1;  ///< planned value
  };
  const Graph& graph() const { return graph_; }
  const std::shared_ptr<Device>& device() const { return device_; }
  const PlanOptions& options() const { return options_; }
  const std::vector<PlanStep>& steps() const { return steps_; }
  /// With PlanOptions::constant_variables, the steps that depend on variables and constants alone:
  /// they run once, before all others, and what they give is prepared (see Prepared).
  const std::vector<PlanStep>& prologue() const { return prologue_; }
  const std::vector<PlannedValue>& values() const { return values_; }
  const std::vector<ArenaBlock>& blocks() const { return blocks_; }
  const std::vector<Named>& inputs() const { return inputs_; }
  const std::vector<Named>& variables() const { return variables_; }
  const std::vector<Named>& outputs() const { return outputs_; }
  /// Device memory of a constant, filled when the plan was made.
  void* constant(int slot) const { return constants_[static_cast<std::size_t>(slot)].get(); }

  /// Bytes of the arena, and what it would be if no two values shared memory.
  std::int64_t arena_bytes() const { return arena_bytes_; }
  std::int64_t naive_bytes() const;
  /// One line per step: path, op, candidate, shapes.
  std::string str() const;

 private:
  void lower();
  void lower_source(const Node& node);
  void lower_node(const Node& node, const std::vector<int>& uses);
  void choose_kernel(PlanStep& step, Lowering& lowering) const;
  int in_layout(int value, const Layout& layout, const std::string& path);
  void plan_arena();
  int new_value(const ValueType& type, const Layout& layout);
  bool is_constant(int value) const;
  std::valarray<bool> which_are_constant(const std::vector<int>& values) const;
  void append(PlanStep step);

  Graph graph_;
  std::shared_ptr<Device> device_;
  PlanOptions options_;
  std::vector<PlanStep> steps_;
  std::vector<PlanStep> prologue_;
  std::vector<PlannedValue> values_;
  std::vector<int> planned_;  ///< planned value of each graph value
  std::vector<int> root_;     ///< planned value whose memory each planned value shares
  std::map<std::pair<int, std::string>, int> reordered_;
  std::vector<ArenaBlock> blocks_;
  std::vector<Named> inputs_;
  std::vector<Named> variables_;
  std::vector<Named> outputs_;
  std::vector<std::shared_ptr<void>> constants_;
  std::int64_t arena_bytes_ = 0;
};

}  // namespace fovea
