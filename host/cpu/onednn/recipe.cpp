#include "host/cpu/onednn/recipe.h"

#include <omp.h>

#include <algorithm>

#include "host/ops/cost.h"

namespace fovea::onednn {
namespace {

constexpr std::size_t kAlignment = 64;

/// Runs a recipe's primitives one after another. Everything that oneDNN's C functions want is laid
/// out beforehand, so a run only follows pointers.
class RecipeKernel final : public Kernel {
 public:
  RecipeKernel(std::vector<Recipe::Operand> operands, const std::vector<Recipe::Step>& steps,
               int threads)
      : operands_(std::move(operands)),
        bound_(operands_.size()),
        stream_(cpu_engine()),
        threads_(threads) {
    for (const Recipe::Step& step : steps) {
      Call call{step.primitive, {}};
      for (const auto& [argument, handle] : step.arguments) {
        call.arguments.push_back({argument, operands_[handle].memory.get()});
      }
      calls_.push_back(std::move(call));
    }
  }

  void run(const KernelContext& context) override {
    const ThreadCount scope(threads_);
    for (std::size_t i = 0; i < operands_.size(); ++i) bind(i, context);
    for (const Call& call : calls_) {
      const dnnl_status_t status =
          dnnl_primitive_execute(call.primitive.get(), stream_.get(),
                                 static_cast<int>(call.arguments.size()), call.arguments.data());
      if (status != dnnl_success) {
        fail(ErrorCode::internal, "oneDNN's primitive failed with status ",
             static_cast<int>(status));
      }
    }
  }

 private:
  struct Call {
    dnnl::primitive primitive;
    std::vector<dnnl_exec_arg_t> arguments;
  };

  static void* address(const Recipe::Operand& operand, const KernelContext& context) {
    switch (operand.place) {
      case Recipe::Operand::Place::input:
        return context.mutable_input(operand.index);  // the library takes all pointers as mutable
      case Recipe::Operand::Place::output:
        return context.output(operand.index);
      case Recipe::Operand::Place::workspace:
        break;
    }
    return static_cast<char*>(context.workspace()) + operand.index;
  }

  void bind(std::size_t index, const KernelContext& context) {
    void* data = address(operands_[index], context);
    if (data == bound_[index]) return;
    if (set_data(operands_[index].memory, data) != dnnl_success) {
      fail(ErrorCode::internal, "oneDNN refused a pointer");
    }
    bound_[index] = data;
  }

  std::vector<Recipe::Operand> operands_;
  std::vector<void*> bound_;
  std::vector<Call> calls_;
  dnnl::stream stream_;
  int threads_;
};

}  // namespace

Recipe::Recipe(const LowerRequest& request)
    : input_types_(request.inputs.begin(), request.inputs.end()),
      output_types_(request.outputs.begin(), request.outputs.end()),
      input_constant_(request.input_constant.begin(), request.input_constant.end()),
      input_layouts_(request.inputs.size()),
      output_layouts_(request.outputs.size()),
      threads_(request.threads) {}

Recipe::Handle Recipe::operand(Operand::Place place, std::size_t index, const Desc& desc) {
  operands_.push_back({place, index, dnnl::memory(desc, cpu_engine(), DNNL_MEMORY_NONE)});
  return operands_.size() - 1;
}

Recipe::Handle Recipe::scratch(const Desc& desc) {
  const std::size_t offset = workspace_bytes_;
  workspace_bytes_ += (desc.get_size() + kAlignment - 1) / kAlignment * kAlignment;
  return operand(Operand::Place::workspace, offset, desc);
}

Recipe::Handle Recipe::input(std::size_t index, const Desc& desc) {
  return input(index, desc, layout_of(input_types_[index], desc));
}

Recipe::Handle Recipe::input(std::size_t index, const Desc& desc, const Layout& layout) {
  input_layouts_[index] = layout;
  return operand(Operand::Place::input, index, desc);
}

Recipe::Handle Recipe::output(std::size_t index, const Desc& desc) {
  output_layouts_[index] = layout_of(output_types_[index], desc);
  return operand(Operand::Place::output, index, desc);
}

Recipe::Handle Recipe::plain_input(std::size_t index, const Desc& plain, const Desc& wanted) {
  const bool constant = index < input_constant_.size() && input_constant_[index];
  if (constant && plain != wanted) return input(index, wanted);
  const Handle source = operand(Operand::Place::input, index, plain);
  if (plain == wanted) return source;
  return reordered(source, wanted);
}

Recipe::Handle Recipe::plain_output(std::size_t index, const Desc& plain, const Desc& given) {
  const Handle target = operand(Operand::Place::output, index, plain);
  if (plain == given) return target;
  const Handle unconverted = scratch(given);
  output_reorders_.emplace_back(unconverted, target);
  return unconverted;
}

void Recipe::append(const dnnl::primitive& primitive, const Desc& scratchpad, Arguments arguments) {
  if (scratchpad.get_size() > 0) arguments.emplace_back(DNNL_ARG_SCRATCHPAD, scratch(scratchpad));
  steps_.push_back({primitive, std::move(arguments)});
}

void Recipe::reorder(Handle from, Handle to) {
  const dnnl::reorder::primitive_desc desc(cpu_engine(), operands_[from].memory.get_desc(),
                                           cpu_engine(), operands_[to].memory.get_desc(),
                                           recipe_attributes());
  run<dnnl::reorder>(desc, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

Recipe::Handle Recipe::reordered(Handle from, const Desc& desc) {
  const Handle to = scratch(desc);
  reorder(from, to);
  return to;
}

Lowering Recipe::lowering() && {
  for (const auto& [from, to] : output_reorders_) reorder(from, to);
  Lowering lowering;
  lowering.kernel = std::make_unique<RecipeKernel>(std::move(operands_), steps_, threads_);
  lowering.input_layouts = std::move(input_layouts_);
  lowering.output_layouts = std::move(output_layouts_);
  lowering.workspace_bytes = static_cast<std::int64_t>(workspace_bytes_);
  lowering.in_place = std::move(in_place_);
  return lowering;
}

bool is_constant(const LowerRequest& request, std::size_t input) {
  return input < request.input_constant.size() && request.input_constant[input];
}

dnnl::primitive_attr recipe_attributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

bool is_reference(const std::string& implementation) {
  return implementation.find("ref") != std::string::npos;
}

ThreadCount::ThreadCount(int threads) : previous_(omp_get_max_threads()) {
  omp_set_num_threads(threads);
}

ThreadCount::~ThreadCount() { omp_set_num_threads(previous_); }

int threads_worth_while(const Op& op, const LowerRequest& request) {
  constexpr double kFlops = 1 << 20, kBytes = 1 << 17;  // of ten microseconds, about
  const Cost cost = cost_of(op, request.inputs, request.outputs);
  const double shares = std::max(cost.flops / kFlops, static_cast<double>(cost.bytes) / kBytes);
  return static_cast<int>(std::clamp<double>(shares, 1, request.threads));
}

std::string type_obstacle(const LowerRequest& request) {
  for (const auto& types : {request.inputs, request.outputs}) {
    for (const ValueType& type : types) {
      if (type.dtype != DType::f32) {
        return "the oneDNN path computes in f32, not in " + std::string(dtype_name(type.dtype));
      }
      if (type.shape.numel() == 0) return "there is nothing to compute";
    }
  }
  return "";
}

}  // namespace fovea::onednn
