#include "fovea/predictor.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mutex>

#include "host/graph/passes.h"
#include "host/graph/prepared.h"
#include "host/train/model_impl.h"

namespace fovea {
namespace {

/// The plan for batches of one size, whose pictures come as u8 or as floating-point numbers.
struct Prediction {
  std::int64_t batch_size;
  bool as_u8;
  std::shared_ptr<const Plan> plan;
  std::shared_ptr<const Prepared> prepared;
};

/// What one call works with.
struct Lane {
  std::shared_ptr<Arena> arena;
  std::vector<std::unique_ptr<Execution>> executions;  ///< by prediction
  std::vector<Tensor> padded;                          ///< by input: room for a batch not full
};

}  // namespace

struct Predictor::Impl {
  Impl(const Model::Impl& model, const PredictorOptions& options);

  Network network;
  std::vector<std::string> class_names;
  std::shared_ptr<Device> device;
  PreparedStore store;

  void run(std::span<const Tensor> inputs, std::span<Tensor> outputs);
  std::vector<Tensor> predict(const std::vector<Tensor>& inputs);
  std::int64_t arena_bytes() const;

 private:
  void prepare(const Model::Impl& model, std::int64_t batch_size, bool as_u8);
  DType input_type(std::size_t input, bool as_u8) const;
  bool all_as_u8(std::span<const Tensor> inputs) const;
  const char* misfit(std::span<const Tensor> inputs, std::span<const Tensor> outputs) const;
  std::size_t prediction_for(std::int64_t rows, bool as_u8) const;
  std::unique_ptr<Lane> make_lane() const;
  std::unique_ptr<Lane> take_lane();
  void run_batch(Lane& lane, std::size_t prediction, std::span<const Tensor> inputs,
                 std::span<Tensor> outputs, std::int64_t first, std::int64_t rows) const;

  DType dtype_;
  std::vector<bool> takes_u8_;
  std::vector<Prediction> predictions_;  ///< the largest batches first
  std::mutex lanes_mutex_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

Predictor::Impl::Impl(const Model::Impl& model, const PredictorOptions& options)
    : network(model.network),
      class_names(model.options.class_names),
      device(model.device),
      dtype_(model.dtype),
      takes_u8_(model.takes_u8) {
  std::vector<std::int64_t> sizes = options.batch_sizes;
  std::sort(sizes.begin(), sizes.end(), std::greater<>());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  FOVEA_REQUIRE(!sizes.empty() && sizes.back() >= 1, invalid_argument,
                "a predictor needs batch sizes of at least 1");
  const bool some_take_u8 = std::count(takes_u8_.begin(), takes_u8_.end(), true) > 0;
  model.stream->synchronize();  // a training step may still be writing the weights
  for (const std::int64_t size : sizes) {
    prepare(model, size, false);
    if (some_take_u8) prepare(model, size, true);
  }
  lanes_.push_back(make_lane());
}

/// How an input comes where those that may be u8 are, or are not.
DType Predictor::Impl::input_type(std::size_t input, bool as_u8) const {
  const DType own = network.inputs()[input].dtype;
  if (!is_floating(own)) return own;
  return as_u8 && takes_u8_[input] ? DType::u8 : dtype_;
}

void Predictor::Impl::prepare(const Model::Impl& model, std::int64_t batch_size, bool as_u8) {
  StepSpec spec;
  spec.mode = StepMode::predict;
  spec.dtype = dtype_;
  spec.low = model.precision.low;
  spec.frozen = [](const std::string&) { return false; };
  for (std::size_t i = 0; i < network.inputs().size(); ++i) {
    spec.inputs.push_back({network.inputs()[i].shape.prepend(batch_size), input_type(i, as_u8)});
  }
  PlanOptions options = model.plan_options();
  options.constant_variables = true;
  Prediction made{batch_size, as_u8, nullptr, nullptr};
  made.plan = compile_graph(build_step_graph(network, nullptr, spec), device, options);
  made.prepared =
      std::make_shared<const Prepared>(*made.plan, *model.variables, *model.stream, store);
  predictions_.push_back(std::move(made));
}

std::unique_ptr<Lane> Predictor::Impl::make_lane() const {
  auto lane = std::make_unique<Lane>();
  lane->arena = std::make_shared<Arena>(device);
  for (const Prediction& prediction : predictions_) {
    lane->executions.push_back(
        std::make_unique<Execution>(prediction.plan, prediction.prepared, lane->arena));
  }
  const std::int64_t smallest = predictions_.back().batch_size;
  for (const InputSpec& input : network.inputs()) {
    const DType widest = is_floating(input.dtype) ? dtype_ : input.dtype;
    lane->padded.push_back(Tensor::zeros(input.shape.prepend(smallest), widest));
  }
  return lane;
}

std::unique_ptr<Lane> Predictor::Impl::take_lane() {
  {
    const std::lock_guard<std::mutex> lock(lanes_mutex_);
    if (!lanes_.empty()) {
      std::unique_ptr<Lane> lane = std::move(lanes_.back());
      lanes_.pop_back();
      return lane;
    }
  }
  return make_lane();
}

std::int64_t Predictor::Impl::arena_bytes() const {
  std::int64_t bytes = 0;
  for (const Prediction& prediction : predictions_) {
    bytes = std::max(bytes, prediction.plan->arena_bytes());
  }
  return bytes;
}

bool Predictor::Impl::all_as_u8(std::span<const Tensor> inputs) const {
  bool some = false;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!takes_u8_[i]) continue;
    if (inputs[i].dtype() != DType::u8) return false;
    some = true;
  }
  return some;
}

/// What does not fit the network in shape or type; null: all does. Allocates nothing.
const char* Predictor::Impl::misfit(std::span<const Tensor> inputs,
                                    std::span<const Tensor> outputs) const {
  if (inputs.size() != network.inputs().size()) return "the number of inputs";
  if (outputs.size() != network.outputs().size()) return "the number of outputs";
  const bool as_u8 = all_as_u8(inputs);
  const auto fits = [](const Tensor& tensor, std::int64_t rows, const Shape& sample, DType dtype) {
    return tensor.defined() && tensor.dtype() == dtype && tensor.shape().rank() > 0 &&
           tensor.shape()[0] == rows && tensor.numel() == rows * sample.numel();
  };
  const std::int64_t rows =
      inputs[0].defined() && inputs[0].shape().rank() > 0 ? inputs[0].shape()[0] : 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Shape& sample = network.inputs()[i].shape;
    if (!fits(inputs[i], rows, sample, input_type(i, as_u8))) return "an input";
  }
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    const Shape& sample = network.outputs()[o].shape;
    if (!fits(outputs[o], rows, sample, dtype_) || outputs[o].read_only()) return "an output";
  }
  return nullptr;
}

/// The prediction with the largest batch that `rows` samples fill, or else the smallest.
std::size_t Predictor::Impl::prediction_for(std::int64_t rows, bool as_u8) const {
  std::size_t best = 0;
  for (std::size_t p = 0; p < predictions_.size(); ++p) {
    if (predictions_[p].as_u8 != as_u8) continue;
    best = p;
    if (predictions_[p].batch_size <= rows) break;
  }
  return best;
}

void Predictor::Impl::run_batch(Lane& lane, std::size_t prediction, std::span<const Tensor> inputs,
                                std::span<Tensor> outputs, std::int64_t first,
                                std::int64_t rows) const {
  Execution& execution = *lane.executions[prediction];
  const bool full = rows == predictions_[prediction].batch_size;
  const std::vector<Plan::Named>& names = execution.plan().inputs();
  for (std::size_t slot = 0; slot < names.size(); ++slot) {
    std::size_t i = 0;
    while (network.inputs()[i].name != names[slot].name) ++i;
    const std::size_t row_bytes =
        inputs[i].bytes() / static_cast<std::size_t>(inputs[i].shape()[0]);
    const char* data =
        static_cast<const char*>(inputs[i].raw()) + static_cast<std::size_t>(first) * row_bytes;
    if (!full) {
      std::memcpy(lane.padded[i].mutable_raw(), data, static_cast<std::size_t>(rows) * row_bytes);
      data = static_cast<const char*>(lane.padded[i].raw());
    }
    execution.bind_input(slot, data);
  }
  execution.run();
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    const std::size_t row_bytes =
        outputs[o].bytes() / static_cast<std::size_t>(outputs[o].shape()[0]);
    char* to =
        static_cast<char*>(outputs[o].mutable_raw()) + static_cast<std::size_t>(first) * row_bytes;
    execution.copy_output(o, to, rows);
  }
}

void Predictor::Impl::run(std::span<const Tensor> inputs, std::span<Tensor> outputs) {
  if (const char* what = misfit(inputs, outputs)) {
    fail(ErrorCode::invalid_argument, "run() wants tensors of the network's shapes and types, and ",
         "outputs that may be written; ", what,
         " does not fit: predict_all() converts and allocates");
  }
  const bool as_u8 = all_as_u8(inputs);
  const std::int64_t rows = inputs[0].shape()[0];
  std::unique_ptr<Lane> lane = take_lane();
  for (std::int64_t first = 0; first < rows;) {
    const std::size_t prediction = prediction_for(rows - first, as_u8);
    const std::int64_t count = std::min(rows - first, predictions_[prediction].batch_size);
    run_batch(*lane, prediction, inputs, outputs, first, count);
    first += count;
  }
  const std::lock_guard<std::mutex> lock(lanes_mutex_);
  lanes_.push_back(std::move(lane));
}

std::vector<Tensor> Predictor::Impl::predict(const std::vector<Tensor>& inputs) {
  check_arrays(network, {inputs, {}}, false);
  const bool as_u8 = all_as_u8(inputs);
  std::vector<Tensor> converted;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const DType type = input_type(i, as_u8);
    const bool integers = !is_floating(type) && type != DType::u8;
    FOVEA_REQUIRE(!integers || inputs[i].dtype() == type, invalid_argument, "input '",
                  network.inputs()[i].name, "' is ", dtype_name(type), ", not ",
                  dtype_name(inputs[i].dtype()));
    converted.push_back(inputs[i].to(type));
  }
  const std::int64_t rows = inputs[0].shape()[0];
  std::vector<Tensor> outputs;
  for (const OutputSpec& output : network.outputs()) {
    outputs.emplace_back(output.shape.prepend(rows), dtype_);
  }
  run(converted, outputs);
  return outputs;
}

Predictor::Predictor(const Model& model, const PredictorOptions& options) {
  const Model::Impl& own = *model.impl_;
  ModelOptions wanted = own.options;
  if (!options.device.empty()) wanted.device = options.device;
  if (!options.precision.empty()) wanted.precision = options.precision;
  if (options.threads != 0) wanted.threads = options.threads;
  if (open_device(wanted.device) == own.device && wanted.precision == own.options.precision &&
      (options.threads == 0 || options.threads == own.threads)) {
    impl_ = std::make_unique<Impl>(own, options);
    return;
  }
  Model other(own.network, wanted);
  for (const std::string& path : model.weight_paths()) {
    other.set_weight(path, model.weight(path).to(other.impl_->dtype));
  }
  impl_ = std::make_unique<Impl>(*other.impl_, options);
}

Predictor::Predictor(const std::string& path, const PredictorOptions& options)
    : Predictor(
          Model::load(path, {.device = options.device.empty() ? "auto" : options.device,
                             .precision = options.precision.empty() ? "f32" : options.precision,
                             .threads = options.threads}),
          options) {}

Predictor::Predictor(Predictor&&) noexcept = default;
Predictor& Predictor::operator=(Predictor&&) noexcept = default;
Predictor::~Predictor() = default;

const std::vector<InputSpec>& Predictor::inputs() const { return impl_->network.inputs(); }
const std::vector<OutputSpec>& Predictor::outputs() const { return impl_->network.outputs(); }
const std::vector<std::string>& Predictor::class_names() const { return impl_->class_names; }
std::string Predictor::device_name() const { return impl_->device->name(); }
std::int64_t Predictor::lane_bytes() const { return impl_->arena_bytes(); }

std::int64_t Predictor::weight_bytes() const {
  std::int64_t bytes = 0;
  for (const auto& [key, prepared] : impl_->store) bytes += prepared.bytes;
  return bytes;
}

void Predictor::run(std::span<const Tensor> inputs, std::span<Tensor> outputs) const {
  impl_->run(inputs, outputs);
}

std::vector<Tensor> Predictor::predict_all(const std::vector<Tensor>& inputs) const {
  return impl_->predict(inputs);
}

Tensor Predictor::predict(const Tensor& x) const {
  FOVEA_REQUIRE(impl_->network.outputs().size() == 1, invalid_argument,
                "the network has several outputs; use predict_all()");
  return predict_all({x}).front();
}

}  // namespace fovea
