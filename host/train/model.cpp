#include "fovea/model.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "fovea/ops/data.h"
#include "fovea/summary.h"
#include "host/graph/autotune.h"
#include "host/graph/passes.h"
#include "host/graph/step_state.h"
#include "host/train/model_impl.h"
#include "host/train/progress.h"

namespace fovea {
namespace {

Precision parse_precision(const std::string& precision, const Device& device) {
  const bool cpu = device.name() == "cpu";
  if (precision == "f32") return {};
  if (precision == "f64" && cpu) return {DType::f64, DType::f64};
  if (precision == "tf32" && !cpu) return {DType::f32, DType::f32, true};
  if (precision == "bf16" && !cpu) return {DType::f32, DType::bf16, true};
  if (precision == "f16" && !cpu) return {DType::f32, DType::f16, true};
  const bool known =
      precision == "f64" || precision == "tf32" || precision == "bf16" || precision == "f16";
  FOVEA_REQUIRE(known, invalid_argument, "there is no precision '", precision,
                "'; the precisions are f32, tf32, bf16, f16 and f64");
  fail(ErrorCode::unsupported, "the device ", device.name(), " has no ", precision,
       " kernels; use --precision f32");
}

int thread_count(int wanted) {
  FOVEA_REQUIRE(wanted >= 0, invalid_argument, "the number of threads is >= 0, not ", wanted);
  return wanted > 0 ? wanted : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

bool builds_with(const Network& network, DType dtype, std::size_t input, DType input_dtype) {
  Graph graph;
  Builder b(graph, dtype);
  std::map<std::string, Value> values;
  for (std::size_t i = 0; i < network.inputs().size(); ++i) {
    const InputSpec& spec = network.inputs()[i];
    const DType type = i == input ? input_dtype : is_floating(spec.dtype) ? dtype : spec.dtype;
    values[spec.name] = b.input(spec.name, {spec.shape.prepend(1), type});
  }
  try {
    network.build(b, values);
    return true;
  } catch (const Error&) {
    return false;
  }
}

bool starts_with_layer(const std::string& path, const std::string& layer) {
  return path.compare(0, layer.size(), layer) == 0 &&
         (path.size() == layer.size() || path[layer.size()] == '.');
}

bool autotuning_wanted(const ModelOptions& options) {
  const char* value = std::getenv("FOVEA_AUTOTUNE");
  return options.autotune || (value != nullptr && *value != '\0' && std::string(value) != "0");
}

bool fusion_wanted() {
  const char* value = std::getenv("FOVEA_FUSE");
  return value == nullptr || std::string(value) != "0";
}

}  // namespace

Model::Impl::Impl(Network net, ModelOptions opts)
    : network(std::move(net)),
      options(std::move(opts)),
      device(open_device(options.device)),
      precision(parse_precision(options.precision, *device)),
      dtype(precision.dtype),
      threads(thread_count(options.threads)),
      stream(device->make_stream()),
      variables(std::make_unique<Variables>(device, stream)),
      arena_(std::make_shared<Arena>(device, stream)) {
  if (autotuning_wanted(options)) autotuner = std::make_shared<Autotuner>();
  for (std::size_t i = 0; i < network.inputs().size(); ++i) {
    takes_u8.push_back(builds_with(network, dtype, i, DType::u8));
  }
  Graph graph;
  Builder b(graph, dtype);
  std::map<std::string, Value> inputs;
  for (const InputSpec& input : network.inputs()) {
    const DType type = is_floating(input.dtype) ? dtype : input.dtype;
    inputs[input.name] = b.input(input.name, {input.shape.prepend(1), type});
  }
  network.build(b, inputs);
  b.random_seed();
  variables->create_missing(graph, options.seed);
  variables->write_integer(step_state::kSeed, static_cast<std::int64_t>(options.seed));
}

bool Model::Impl::frozen(const std::string& path) const {
  return std::any_of(frozen_layers.begin(), frozen_layers.end(),
                     [&](const std::string& layer) { return starts_with_layer(path, layer); });
}

const CompileOptions& Model::Impl::require_compiled(const char* what) const {
  FOVEA_REQUIRE(compiled.has_value(), invalid_argument, what,
                " needs a loss: call compile() with an optimizer and a loss first");
  return *compiled;
}

std::string Model::Impl::plan_key(const StepSpec& spec) const {
  std::string key =
      std::to_string(static_cast<int>(spec.mode)) + "/" + std::to_string(spec.accumulated);
  for (const std::vector<ValueType>* types : {&spec.inputs, &spec.targets}) {
    for (const ValueType& type : *types) key += "/" + to_string(type);
  }
  for (const std::string& layer : frozen_layers) key += "/frozen " + layer;
  for (const std::string& probe : spec.probes) key += "/probe " + probe;
  if (spec.resident) {
    const ResidentBatch& batch = *spec.resident;
    key += "/of " + to_string(batch.pictures) + (batch.shuffle ? " shuffled " : " ") +
           std::to_string(batch.batch_size) + to_json(batch.steps).to_string();
  }
  return key;
}

PlanOptions Model::Impl::plan_options() const {
  PlanOptions plan_options;
  plan_options.threads = threads;
  plan_options.allow_tf32 = precision.allow_tf32;
  plan_options.fuse = fusion_wanted();
  plan_options.autotuner = autotuner;
  if (const char* forced = std::getenv("FOVEA_KERNEL")) {
    plan_options.force = parse_forced_kernels(forced);
  }
  return plan_options;
}

std::shared_ptr<const Plan> Model::Impl::plan(const StepSpec& spec) {
  const std::string key = plan_key(spec);  // before the lock, which every predict() takes
  const std::lock_guard<std::mutex> lock(plans_mutex_);
  std::shared_ptr<const Plan>& cached = plans_[key];
  if (cached) return cached;
  const Graph graph = build_step_graph(network, compiled ? &*compiled : nullptr, spec);
  variables->create_missing(graph, options.seed);
  if (autotuner) arena_->stream().synchronize();  // steps under way would share the GPU with trials
  return cached = compile_graph(graph, device, plan_options());
}

Execution& Model::Impl::execution(const StepSpec& spec) {
  std::unique_ptr<Execution>& cached = executions_[plan_key(spec)];
  if (!cached) cached = std::make_unique<Execution>(plan(spec), *variables, arena_);
  return *cached;
}

std::string Model::Impl::capture_problem() const {
  for (const auto& [key, execution] : executions_) {
    if (!execution->recording_problem().empty()) return execution->recording_problem();
  }
  return {};
}

void Model::Impl::forget_plans() {
  training_steps_.clear();
  resident_steps_.clear();
  executions_.clear();
  plans_.clear();
  lanes_.clear();
  rate_table_start = -1;
}

std::unique_ptr<Model::Impl::Lane> Model::Impl::take_lane() {
  stream->synchronize();  // a training step may still be writing what the lane will read
  const std::lock_guard<std::mutex> lock(lanes_mutex_);
  if (lanes_.empty()) return std::make_unique<Lane>(Lane{std::make_shared<Arena>(device), {}});
  std::unique_ptr<Lane> lane = std::move(lanes_.back());
  lanes_.pop_back();
  return lane;
}

void Model::Impl::give_back(std::unique_ptr<Lane> lane) {
  const std::lock_guard<std::mutex> lock(lanes_mutex_);
  lanes_.push_back(std::move(lane));
}

Model::Model(Network network, ModelOptions options)
    : impl_(std::make_unique<Impl>(std::move(network), std::move(options))) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

const Network& Model::network() const { return impl_->network; }
const ModelOptions& Model::options() const { return impl_->options; }
std::string Model::device_name() const { return impl_->device->name(); }
std::string Model::capture_problem() const { return impl_->capture_problem(); }
bool Model::compiled() const { return impl_->compiled.has_value(); }
void Model::stop_training() { impl_->stop_requested = true; }

void Model::compile(CompileOptions options) {
  FOVEA_REQUIRE(options.optimizer.pointer() != nullptr, invalid_argument,
                "compile() needs an optimizer, such as Adam(1e-3)");
  for (const auto& entry : options.outputs) {
    const auto& outputs = impl_->network.outputs();
    const bool known = std::any_of(outputs.begin(), outputs.end(),
                                   [&](const OutputSpec& o) { return o.name == entry.first; });
    FOVEA_REQUIRE(known, invalid_argument, "the network has no output '", entry.first, "'");
  }
  metric_columns(impl_->network, options);  // throws for an output without a loss
  // A misfit of loss, metrics and outputs shows here, not in the first step.
  StepSpec spec;
  spec.mode = StepMode::evaluate;
  spec.dtype = impl_->dtype;
  spec.frozen = [](const std::string&) { return false; };
  for (const InputSpec& input : impl_->network.inputs()) {
    spec.inputs.push_back(
        {input.shape.prepend(1), is_floating(input.dtype) ? impl_->dtype : input.dtype});
  }
  for (std::size_t o = 0; o < impl_->network.outputs().size(); ++o) {
    const Loss loss = output_loss(impl_->network, options, o).loss;
    spec.targets.push_back(
        target_type(loss, {impl_->network.outputs()[o].shape.prepend(1), impl_->dtype}));
  }
  build_step_graph(impl_->network, &options, spec);
  impl_->compiled = std::move(options);
  impl_->learning_rate.reset();
  impl_->forget_plans();
  // A new optimizer: no momentum, no updates so far.
  impl_->variables->restart(kOptimizerState);
  impl_->variables->restart(step_state::kApplied);
}

// ---- Data in and out ----

Arrays arrays_of(const Dataset& data) {
  data.check();
  return {{data.x}, {data.y}};
}

Arrays slice(const Arrays& data, std::int64_t first, std::int64_t last) {
  Arrays part;
  for (const Tensor& input : data.inputs) part.inputs.push_back(input.slice(first, last));
  for (const Tensor& target : data.targets) part.targets.push_back(target.slice(first, last));
  return part;
}

void check_arrays(const Network& network, const Arrays& data, bool with_targets) {
  FOVEA_REQUIRE(data.inputs.size() == network.inputs().size(), invalid_argument, "the network has ",
                network.inputs().size(), " inputs, but ", data.inputs.size(), " were given");
  FOVEA_REQUIRE(!with_targets || data.targets.size() == network.outputs().size(), invalid_argument,
                "the network has ", network.outputs().size(), " outputs, but ", data.targets.size(),
                " targets were given");
  std::int64_t rows = -1;
  const auto check_rows = [&](const Tensor& tensor, const std::string& name) {
    FOVEA_REQUIRE(tensor.defined() && tensor.shape().rank() >= 1, invalid_argument, name,
                  " needs at least one axis, the samples");
    if (rows < 0) rows = tensor.shape()[0];
    FOVEA_REQUIRE(tensor.shape()[0] == rows, shape_mismatch, name, " has ", tensor.shape()[0],
                  " samples, but the first input has ", rows);
  };
  for (std::size_t i = 0; i < data.inputs.size(); ++i) {
    const InputSpec& spec = network.inputs()[i];
    const Shape& shape = data.inputs[i].shape();
    // A picture may also lack its channel axis, as (28, 28) does for (28, 28, 1).
    const bool one_sample =
        data.inputs[i].defined() &&
        (shape == spec.shape || (shape.rank() < Shape::kMaxRank && shape.append(1) == spec.shape));
    FOVEA_REQUIRE(!one_sample, shape_mismatch, "input '", spec.name, "' has shape ", shape,
                  ", one sample without a batch axis; the network wants (N, ",
                  spec.shape.str().substr(1), ": reshape it to ", spec.shape.prepend(1),
                  " (and scale it as the training data were scaled)");
    check_rows(data.inputs[i], "input '" + spec.name + "'");
  }
  if (!with_targets) return;
  for (std::size_t o = 0; o < data.targets.size(); ++o) {
    const OutputSpec& spec = network.outputs()[o];
    check_rows(data.targets[o], "the target of output '" + spec.name + "'");
    const Tensor& target = data.targets[o];
    if (target.dtype() != DType::i32 || spec.shape.rank() != 1) continue;
    const auto labels = target.span<std::int32_t>();
    const std::int64_t classes = std::max<std::int64_t>(spec.shape[0], 2);  // one output: no, yes
    for (std::size_t i = 0; i < labels.size(); ++i) {
      FOVEA_REQUIRE(labels[i] >= 0 && labels[i] < classes, invalid_argument, "label ", labels[i],
                    " of sample ", i, " is out of range: output '", spec.name, "' has ", classes,
                    " classes, numbered from 0");
    }
  }
}

void Model::Impl::prepare(const std::vector<Tensor>& inputs, const std::vector<Tensor>& targets,
                          std::vector<Tensor>& prepared_inputs,
                          std::vector<Tensor>& prepared_targets) const {
  prepared_inputs.resize(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool keep =
        (inputs[i].dtype() == DType::u8 && takes_u8[i]) || !is_floating(network.inputs()[i].dtype);
    prepared_inputs[i] = keep ? inputs[i] : inputs[i].to(dtype);
  }
  prepared_targets.resize(targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const bool keep = targets[i].dtype() == DType::i32;
    prepared_targets[i] = keep ? targets[i] : targets[i].to(dtype);
  }
}

std::vector<Tensor> Model::Impl::prepare_inputs(const std::vector<Tensor>& inputs) const {
  std::vector<Tensor> prepared;
  std::vector<Tensor> none;
  prepare(inputs, {}, prepared, none);
  return prepared;
}

StepSpec Model::Impl::spec(StepMode mode, const std::vector<Tensor>& inputs,
                           const std::vector<Tensor>& targets) const {
  StepSpec result;
  result.mode = mode;
  for (const Tensor& input : inputs) result.inputs.push_back({input.shape(), input.dtype()});
  for (const Tensor& target : targets) result.targets.push_back({target.shape(), target.dtype()});
  result.dtype = dtype;
  result.low = precision.low;
  result.frozen = [this](const std::string& path) { return frozen(path); };
  return result;
}

void Model::Impl::bind(Execution& execution, const Network& network,
                       const std::vector<Tensor>& inputs, const std::vector<Tensor>& targets) {
  const std::vector<Plan::Named>& names = execution.plan().inputs();
  for (std::size_t slot = 0; slot < names.size(); ++slot) {
    const Tensor* found = nullptr;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (names[slot].name == network.inputs()[i].name) found = &inputs[i];
    }
    for (std::size_t o = 0; o < targets.size() && o < network.outputs().size(); ++o) {
      // Compared in pieces: this runs in every step, which must not allocate.
      constexpr std::string_view kPrefix = "target:";
      const std::string_view name = names[slot].name;
      if (name.starts_with(kPrefix) && name.substr(kPrefix.size()) == network.outputs()[o].name) {
        found = &targets[o];
      }
    }
    if (names[slot].name == kSampleWeights) found = &targets.back();
    FOVEA_REQUIRE(found != nullptr, internal, "nothing to bind to input '", names[slot].name, "'");
    execution.bind_input(slot, found->raw());
  }
}

// ---- Asking ----

Tensor Model::predict(const Tensor& x, std::int64_t batch_size, int verbose) {
  FOVEA_REQUIRE(impl_->network.outputs().size() == 1, invalid_argument,
                "the network has several outputs; use predict_all()");
  return predict_all({x}, batch_size, verbose).front();
}

std::vector<Tensor> Model::predict_all(const std::vector<Tensor>& inputs, std::int64_t batch_size,
                                       int verbose) {
  FOVEA_REQUIRE(batch_size >= 1, invalid_argument, "the batch size is at least 1, not ",
                batch_size);
  check_arrays(impl_->network, {inputs, {}}, false);
  const std::int64_t rows = inputs.front().shape()[0];
  std::vector<Tensor> outputs;
  for (const OutputSpec& output : impl_->network.outputs()) {
    outputs.emplace_back(output.shape.prepend(rows), impl_->dtype);
  }
  ProgressBar progress(std::cout, ProgressOptions::for_stdout(verbose));
  progress.begin_evaluation((rows + batch_size - 1) / batch_size);
  std::unique_ptr<Impl::Lane> lane = impl_->take_lane();
  for (std::int64_t first = 0; first < rows; first += batch_size) {
    const std::int64_t last = std::min(rows, first + batch_size);
    std::vector<Tensor> slices;
    slices.reserve(inputs.size());
    for (const Tensor& input : inputs) slices.push_back(input.slice(first, last));
    const std::vector<Tensor> batch = impl_->prepare_inputs(slices);
    const auto plan = impl_->plan(impl_->spec(StepMode::predict, batch, {}));
    std::unique_ptr<Execution>& execution = lane->executions[plan.get()];
    if (!execution) execution = std::make_unique<Execution>(plan, *impl_->variables, lane->arena);
    Impl::bind(*execution, impl_->network, batch, {});
    execution->run();
    for (std::size_t o = 0; o < outputs.size(); ++o) {
      Tensor rows_of_output = outputs[o].slice(first, last);
      execution->copy_output(o, rows_of_output.mutable_raw());
    }
    progress.step(first / batch_size, Logs());
  }
  progress.end_epoch({});
  impl_->give_back(std::move(lane));
  return outputs;
}

std::map<std::string, Tensor> Model::probe(const std::vector<Tensor>& inputs,
                                           const std::vector<std::string>& paths) {
  check_arrays(impl_->network, {inputs, {}}, false);
  const std::vector<Tensor> batch = impl_->prepare_inputs(inputs);
  StepSpec spec = impl_->spec(StepMode::predict, batch, {});
  spec.probes = paths;
  Execution& execution = impl_->execution(spec);
  Impl::bind(execution, impl_->network, batch, {});
  execution.run();
  std::map<std::string, Tensor> values;
  for (std::size_t p = 0; p < paths.size(); ++p) {
    values[paths[p]] = execution.output(impl_->network.outputs().size() + p);
  }
  return values;
}

Model::Gradients Model::gradients(const std::vector<Tensor>& inputs,
                                  const std::vector<Tensor>& targets) {
  impl_->require_compiled("gradients()");
  check_arrays(impl_->network, {inputs, targets}, true);
  std::vector<Tensor> x;
  std::vector<Tensor> y;
  impl_->prepare(inputs, targets, x, y);
  Execution& execution = impl_->execution(impl_->spec(StepMode::gradients, x, y));
  Impl::bind(execution, impl_->network, x, y);
  execution.run();
  Gradients result;
  result.inputs.resize(inputs.size());
  const std::vector<Plan::Named>& outputs = execution.plan().outputs();
  result.loss = execution.output(0).item();
  for (std::size_t i = 1; i < outputs.size(); ++i) {
    if (outputs[i].name.starts_with("input:")) {
      for (std::size_t n = 0; n < inputs.size(); ++n) {
        if (outputs[i].name.substr(6) == impl_->network.inputs()[n].name) {
          result.inputs[n] = execution.output(i);
        }
      }
    } else {
      result.parameters[outputs[i].name] = execution.output(i);
    }
  }
  return result;
}

// ---- Weights ----

std::vector<std::string> Model::weight_paths() const {
  std::vector<std::string> paths;
  for (const ParameterRecord& record : impl_->network.parameters()) paths.push_back(record.path);
  return paths;
}

Tensor Model::weight(const std::string& path) const { return impl_->variables->read(path); }

void Model::set_weight(const std::string& path, const Tensor& values) {
  impl_->variables->write(path, values);
  impl_->restart_weight_averages();
}

void Model::Impl::restart_weight_averages() {
  if (variables->contains(kAverageUpdates)) variables->write_integer(kAverageUpdates, 0);
}

void Model::Impl::take_weight_averages() {
  if (compiled->optimizer.pointer()->options().ema_momentum == 0) return;
  // Without an update there is no average yet.
  if (!variables->contains(kAverageUpdates) || variables->read_integer(kAverageUpdates) == 0)
    return;
  for (const Variables::Entry& entry : variables->entries()) {
    const std::string average = weight_average_path(entry.path);
    if (!entry.parameter || frozen(entry.path) || !variables->contains(average)) continue;
    variables->write(entry.path, variables->read(average));
  }
}

void Model::freeze(const std::string& layer) {
  const std::vector<std::string> paths = weight_paths();
  const bool known = std::any_of(paths.begin(), paths.end(), [&](const std::string& path) {
    return starts_with_layer(path, layer);
  });
  FOVEA_REQUIRE(known, invalid_argument, "there is no layer '", layer,
                "' with parameters to freeze; summary() lists the layers");
  impl_->frozen_layers.insert(layer);
  impl_->forget_training_steps();
}

void Model::unfreeze(const std::string& layer) {
  FOVEA_REQUIRE(impl_->frozen_layers.erase(layer) == 1, invalid_argument, "'", layer,
                "' is not frozen");
  impl_->forget_training_steps();
}

void Model::Impl::forget_training_steps() {
  training_steps_.clear();
  forget_resident_steps();
  restart_weight_averages();
}

bool Model::frozen(const std::string& path) const { return impl_->frozen(path); }

std::string Model::summary() const {
  return fovea::summary(impl_->network, {impl_->frozen_layers.begin(), impl_->frozen_layers.end()});
}

}  // namespace fovea
