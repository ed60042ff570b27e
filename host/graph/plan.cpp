#include "host/graph/plan.h"

#include <algorithm>

#include "fovea/ops/basic.h"
#include "fovea/ops/source.h"
#include "host/graph/autotune.h"

namespace fovea {
namespace {

std::string layout_key(const Layout& layout) {
  return layout.library + ":" + std::to_string(layout.id);
}

std::shared_ptr<void> fill_constant(Device& device, std::shared_ptr<Device> owner,
                                    const ops::Constant& op) {
  const Tensor values = Tensor::full(op.shape, op.value, op.dtype);
  std::shared_ptr<void> memory(device.allocate(values.bytes()),
                               [owner = std::move(owner)](void* p) { owner->release(p); });
  const std::shared_ptr<Stream> stream = device.make_stream();
  stream->upload(memory.get(), values.raw(), values.bytes());
  stream->synchronize();
  return memory;
}

}  // namespace

std::map<std::string, std::string, std::less<>> parse_forced_kernels(const std::string& text) {
  std::map<std::string, std::string, std::less<>> forced;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string item = text.substr(begin, end - begin);
    const std::size_t colon = item.find(':');
    FOVEA_REQUIRE(colon != std::string::npos && colon > 0 && colon + 1 < item.size(),
                  invalid_argument, "cannot read '", item,
                  "' of FOVEA_KERNEL; write op:candidate, such as conv2d:reference");
    forced[item.substr(0, colon)] = item.substr(colon + 1);
    begin = end + 1;
  }
  return forced;
}

Candidates permitted_candidates(const Device& device, std::string_view op,
                                const PlanOptions& options) {
  const auto forced = options.force.find(op);
  Candidates permitted;
  for (const KernelTable::Candidate& candidate : device.kernels().candidates(op)) {
    if (forced == options.force.end() || forced->second == candidate.name) {
      permitted.push_back(&candidate);
    }
  }
  return permitted;
}

Plan::Plan(Graph graph, std::shared_ptr<Device> device, PlanOptions options)
    : graph_(std::move(graph)), device_(std::move(device)), options_(std::move(options)) {
  lower();
  plan_arena();
}

int Plan::new_value(const ValueType& type, const Layout& layout) {
  values_.push_back({type, layout, Storage::arena, -1});
  root_.push_back(static_cast<int>(values_.size()) - 1);
  return root_.back();
}

bool Plan::is_constant(int value) const {
  const Storage storage = values_[static_cast<std::size_t>(value)].storage;
  return options_.constant_variables &&
         (storage == Storage::variable || storage == Storage::constant ||
          storage == Storage::prepared);
}

std::valarray<bool> Plan::which_are_constant(const std::vector<int>& values) const {
  std::valarray<bool> constant(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) constant[i] = is_constant(values[i]);
  return constant;
}

/// Where its inputs never change, a step belongs into the prologue.
void Plan::append(PlanStep step) {
  const bool once = std::all_of(step.inputs.begin(), step.inputs.end(),
                                [&](int input) { return is_constant(input); }) &&
                    step.op->effects().empty();
  if (once) {
    for (int output : step.outputs) {
      PlannedValue& value = values_[static_cast<std::size_t>(output)];
      value.storage = Storage::prepared;
      value.slot = output;
    }
  }
  (once ? prologue_ : steps_).push_back(std::move(step));
}

void Plan::lower() {
  planned_.assign(static_cast<std::size_t>(graph_.value_count()), -1);
  const std::vector<int> uses = graph_.use_counts();
  for (const Node& node : graph_.nodes()) {
    if (node.inputs.empty()) {
      lower_source(node);
    } else {
      lower_node(node, uses);
    }
  }
  for (const auto& output : graph_.outputs()) {
    const int value = planned_[static_cast<std::size_t>(output.second.id)];
    outputs_.push_back({output.first, in_layout(value, Layout{}, "output " + output.first)});
  }
}

void Plan::lower_source(const Node& node) {
  const Value output = node.outputs.front();
  const int value = new_value(graph_.type(output), Layout{});
  planned_[static_cast<std::size_t>(output.id)] = value;
  PlannedValue& planned = values_[static_cast<std::size_t>(value)];
  if (node.op->name() == ops::Input::kName) {
    planned.storage = Storage::input;
    planned.slot = static_cast<int>(inputs_.size());
    inputs_.push_back({static_cast<const ops::Input&>(*node.op).key, value});
  } else if (node.op->name() == ops::Constant::kName) {
    planned.storage = Storage::constant;
    planned.slot = static_cast<int>(constants_.size());
    constants_.push_back(
        fill_constant(*device_, device_, static_cast<const ops::Constant&>(*node.op)));
  } else {
    planned.storage = Storage::variable;
    planned.slot = static_cast<int>(variables_.size());
    variables_.push_back({node.path, value});
  }
}

void Plan::choose_kernel(PlanStep& step, Lowering& lowering) const {
  const auto take = [&](const KernelTable::Candidate& candidate, int variant, Lowering& accepted) {
    step.candidate = candidate.name;
    step.variant = variant;
    step.factory = &candidate.factory;
    lowering = std::move(accepted);
  };
  if (options_.autotuner != nullptr) {
    std::optional<Offer> best = options_.autotuner->choose(*device_, step, options_);
    if (best) return take(*best->candidate, best->variant, best->lowering);
  }
  const std::string_view op = step.op->name();
  std::string reasons;
  for (const KernelTable::Candidate* candidate : permitted_candidates(*device_, op, options_)) {
    LowerResult result = candidate->factory(*step.op, step.request(options_));
    if (auto* accepted = std::get_if<Lowering>(&result)) return take(*candidate, 0, *accepted);
    reasons += "\n  " + candidate->name + ": " + std::get<Decline>(result).reason;
  }
  const auto forced = options_.force.find(op);
  std::string shapes;
  for (const ValueType& type : step.input_types) shapes += " " + to_string(type);
  if (reasons.empty()) {
    reasons = forced != options_.force.end() ? " there is no candidate '" + forced->second + "'"
                                             : " the device knows no such op";
  }
  fail(ErrorCode::unsupported, "no kernel of device ", device_->name(), " runs '", step.path, "' (",
       op, " of", shapes, "):", reasons);
}

int Plan::in_layout(int value, const Layout& layout, const std::string& path) {
  const PlannedValue source = values_[static_cast<std::size_t>(value)];
  if (source.layout == layout) return value;
  const auto key = std::make_pair(value, layout_key(layout));
  const auto found = reordered_.find(key);
  if (found != reordered_.end()) return found->second;

  PlanStep step;
  step.op = std::make_shared<const ops::Reorder>();
  step.path = path;
  step.inputs = {value};
  step.input_types = {source.type};
  step.output_types = {source.type};
  step.input_layouts = {source.layout};
  step.wanted_outputs = {layout};
  step.output_used = {true};
  step.input_constant = which_are_constant(step.inputs);
  step.outputs = {-1};
  Lowering lowering;
  choose_kernel(step, lowering);
  step.outputs = {new_value(source.type, layout)};
  step.workspace_bytes = lowering.workspace_bytes;
  const int reordered = step.outputs.front();
  append(std::move(step));
  return reordered_[key] = reordered;
}

void Plan::lower_node(const Node& node, const std::vector<int>& uses) {
  PlanStep step;
  step.op = node.op;
  step.path = node.path;
  for (Value input : node.inputs) {
    const int value = planned_[static_cast<std::size_t>(input.id)];
    step.inputs.push_back(value);
    step.input_types.push_back(graph_.type(input));
    step.input_layouts.push_back(values_[static_cast<std::size_t>(value)].layout);
  }
  step.output_used.resize(node.outputs.size());
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    step.output_types.push_back(graph_.type(node.outputs[i]));
    step.output_used[i] = uses[static_cast<std::size_t>(node.outputs[i].id)] > 0;
  }
  if (node.op->name() == ops::Reshape::kName) {  // a view of its input, brought to plain
    const int plain = in_layout(step.inputs[0], Layout{}, node.path);
    const int view = new_value(step.output_types[0], Layout{});
    const PlannedValue& source = values_[static_cast<std::size_t>(plain)];
    values_[static_cast<std::size_t>(view)].storage = source.storage;
    values_[static_cast<std::size_t>(view)].slot = source.slot;
    root_[static_cast<std::size_t>(view)] = root_[static_cast<std::size_t>(plain)];
    planned_[static_cast<std::size_t>(node.outputs[0].id)] = view;
    return;
  }
  step.input_constant = which_are_constant(step.inputs);
  step.outputs.assign(node.outputs.size(), -1);
  Lowering lowering;
  choose_kernel(step, lowering);
  for (std::size_t i = 0; i < step.inputs.size(); ++i) {
    const Layout wanted = lowering.input_layouts.empty() ? Layout{} : lowering.input_layouts[i];
    step.inputs[i] = in_layout(step.inputs[i], wanted, node.path);
  }
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    const Layout given = lowering.output_layouts.empty() ? Layout{} : lowering.output_layouts[i];
    step.outputs[i] = new_value(step.output_types[i], given);
    planned_[static_cast<std::size_t>(node.outputs[i].id)] = step.outputs[i];
  }
  step.workspace_bytes = lowering.workspace_bytes;
  step.in_place = std::move(lowering.in_place);
  append(std::move(step));
}

void Plan::plan_arena() {
  // The last step that reads each root value; outputs live to the end.
  const int end = static_cast<int>(steps_.size());
  std::vector<int> last_use(values_.size(), -1);
  const auto root = [&](int value) { return root_[static_cast<std::size_t>(value)]; };
  for (int s = 0; s < end; ++s) {
    for (int input : steps_[static_cast<std::size_t>(s)].inputs) {
      last_use[static_cast<std::size_t>(root(input))] = s;
    }
  }
  for (const Named& output : outputs_) last_use[static_cast<std::size_t>(root(output.value))] = end;

  const auto block_of = [&](int value) -> int& {
    return values_[static_cast<std::size_t>(root(value))].slot;
  };
  for (int s = 0; s < end; ++s) {
    PlanStep& step = steps_[static_cast<std::size_t>(s)];
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      const int output = step.outputs[o];
      const int last = std::max(last_use[static_cast<std::size_t>(output)], s);
      for (const auto& [out, in] : step.in_place) {
        if (out != static_cast<int>(o) || !step.output_used[o]) continue;
        const int input = step.inputs[static_cast<std::size_t>(in)];
        const PlannedValue& source = values_[static_cast<std::size_t>(root(input))];
        const bool same = source.bytes() == values_[static_cast<std::size_t>(output)].bytes();
        if (source.storage != Storage::arena || !same) continue;
        // What a kernel overwrites as one input, it may not read as another.
        const auto reads = std::count_if(step.inputs.begin(), step.inputs.end(),
                                         [&](int other) { return root(other) == root(input); });
        if (reads > 1) continue;
        ArenaBlock& block = blocks_[static_cast<std::size_t>(source.slot)];
        // The block may already have been handed on; it is free only if it ends here.
        if (block.last_step != s) continue;
        block.last_step = last;
        block_of(output) = source.slot;
        break;
      }
      if (block_of(output) >= 0) continue;
      block_of(output) = static_cast<int>(blocks_.size());
      blocks_.push_back({values_[static_cast<std::size_t>(output)].bytes(), s, last, -1});
    }
    if (step.workspace_bytes > 0) {
      step.workspace_block = static_cast<int>(blocks_.size());
      blocks_.push_back({step.workspace_bytes, s, s, -1});
    }
  }
  // Views have their root's block.
  for (std::size_t v = 0; v < values_.size(); ++v) {
    if (values_[v].storage == Storage::arena) values_[v].slot = block_of(static_cast<int>(v));
  }
  arena_bytes_ = plan_memory(blocks_);
}

std::int64_t Plan::naive_bytes() const {
  std::int64_t bytes = 0;
  for (const PlanStep& step : steps_) {
    for (int output : step.outputs) bytes += values_[static_cast<std::size_t>(output)].bytes();
    bytes += step.workspace_bytes;
  }
  return bytes;
}

std::string Plan::str() const {
  std::string text;
  for (const PlanStep& step : steps_) {
    text += step.path + ": " + std::string(step.op->name()) + " [" + step.kernel_name() + "]";
    for (const ValueType& type : step.input_types) text += " " + to_string(type);
    text += " ->";
    for (const ValueType& type : step.output_types) text += " " + to_string(type);
    text += "\n";
  }
  return text;
}

}  // namespace fovea
