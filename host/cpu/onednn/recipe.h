// Recipe: a node's computation as a short list of oneDNN primitives over the node's inputs, its
// outputs and scratch memory, such as "reorder the weights, convolve".
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "fovea/kernel.h"
#include "host/cpu/onednn/memory.h"

namespace fovea::onednn {

/// Built by a candidate's factory. Each method that takes a descriptor says how that memory lies;
/// handles name the memory in later calls.
class Recipe {
 public:
  using Handle = std::size_t;
  /// (DNNL_ARG_..., memory) pairs.
  using Arguments = std::vector<std::pair<int, Handle>>;

  explicit Recipe(const LowerRequest& request);

  /// An input or output in the layout that `desc` says.
  Handle input(std::size_t index, const Desc& desc);
  Handle output(std::size_t index, const Desc& desc);
  /// An input in this layout of the plan's, which `desc` describes.
  Handle input(std::size_t index, const Desc& desc, const Layout& layout);
  /// An input such as weights, that is described by `plain` and that the primitive wants as
  /// `wanted`. Constant ones are brought into that format once; others stay plain in the plan, and
  /// are reordered into scratch memory in each run.
  Handle plain_input(std::size_t index, const Desc& plain, const Desc& wanted);
  /// The same for an output, such as the gradient of weights.
  Handle plain_output(std::size_t index, const Desc& plain, const Desc& given);

  /// Appends a reorder, into memory that there is or into scratch memory.
  void reorder(Handle from, Handle to);
  Handle reordered(Handle from, const Desc& desc);

  /// Appends a primitive; its scratchpad comes from the plan's workspace.
  template <class Primitive>
  void run(const typename Primitive::primitive_desc& desc, const Arguments& arguments) {
    append(Primitive(desc), desc.scratchpad_desc(), arguments);
  }

  /// This output may be written over this input.
  void allow_in_place(int output, int input) { in_place_.emplace_back(output, input); }

  Lowering lowering() &&;

  /// Where memory is found when a kernel runs.
  struct Operand {
    enum class Place { input, output, workspace };
    Place place;
    std::size_t index;  ///< of the input or output; an offset in bytes into the workspace
    dnnl::memory memory;
  };
  struct Step {
    dnnl::primitive primitive;
    Arguments arguments;
  };

 private:
  Handle operand(Operand::Place place, std::size_t index, const Desc& desc);
  Handle scratch(const Desc& desc);
  void append(const dnnl::primitive& primitive, const Desc& scratchpad, Arguments arguments);

  std::vector<Operand> operands_;
  std::vector<Step> steps_;
  std::vector<std::pair<Handle, Handle>> output_reorders_;  ///< run after the steps
  std::vector<ValueType> input_types_;
  std::vector<ValueType> output_types_;
  std::vector<bool> input_constant_;
  std::vector<Layout> input_layouts_;
  std::vector<Layout> output_layouts_;
  std::vector<std::pair<int, int>> in_place_;
  std::size_t workspace_bytes_ = 0;
  int threads_;
};

/// Whether an input has the same values in every run.
bool is_constant(const LowerRequest& request, std::size_t input);

/// Attributes of a primitive that is to be part of a recipe: the caller provides the scratchpad.
dnnl::primitive_attr recipe_attributes();

/// oneDNN names its slow kernels of last resort "ref".
bool is_reference(const std::string& implementation);

/// While alive, oneDNN splits its work over this many threads in the calling thread.
class ThreadCount {
 public:
  explicit ThreadCount(int threads);
  ~ThreadCount();
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int previous_;
};

/// How many of these threads a node's work is worth: each gets some ten microseconds at least,
/// which is what it costs to wake it up and wait for it.
int threads_worth_while(const Op& op, const LowerRequest& request);

/// Why a node cannot be taken because of its types; empty where all are f32.
std::string type_obstacle(const LowerRequest& request);

/// A table's factory from a function of (op, request): asks for as many of the plan's threads as
/// are worth while, declines types other than f32, and makes the library's errors the reason for
/// declining.
template <class DerivedOp>
auto guarded(LowerResult (*lower)(const DerivedOp&, const LowerRequest&)) {
  return [lower](const DerivedOp& op, const LowerRequest& request) -> LowerResult {
    if (std::string obstacle = type_obstacle(request); !obstacle.empty()) return Decline{obstacle};
    LowerRequest worth_while = request;
    worth_while.threads = threads_worth_while(op, request);
    const ThreadCount scope(worth_while.threads);
    try {
      return lower(op, worth_while);
    } catch (const dnnl::error& error) {
      return Decline{std::string("oneDNN: ") + error.what()};
    }
  };
}

}  // namespace fovea::onednn
