#include "host/train/batch_source.h"

#include <algorithm>

#include "fovea/ops/data.h"
#include "host/graph/passes.h"
#include "host/graph/step_state.h"

namespace fovea {
namespace {

std::shared_ptr<void> upload(const Model::Impl& impl, const Tensor& values) {
  const std::shared_ptr<Device>& device = impl.device;
  std::shared_ptr<void> memory(device->allocate(values.bytes()),
                               [device](void* data) { device->release(data); });
  impl.stream->upload(memory.get(), values.raw(), values.bytes());
  return memory;
}

ResidentBatch resident_batch(const Arrays& data, const BatchOptions& options) {
  const Tensor& pictures = data.inputs.front();
  return {{pictures.shape(), pictures.dtype()},
          options.batch_size,
          options.shuffle,
          options.augmentation.built_in_steps().value_or(std::vector<PictureStep>())};
}

/// Whether a kernel of the device gathers such batches.
bool gathers(const Device& device, const ResidentBatch& batch) {
  Graph graph;
  Builder b(graph);
  append_batch(b, batch, std::min(batch.batch_size, batch.pictures.shape.n()), b.step_counter(),
               b.step_counter());
  const Node& node = graph.nodes().back();
  std::vector<ValueType> inputs;
  for (Value input : node.inputs) inputs.push_back(graph.type(input));
  return accepted(lone_step(node.op, std::move(inputs)), device, {});
}

/// Why the data cannot be kept in the device's memory, or empty.
std::string stream_because(const Model::Impl& impl, const Arrays& data,
                           const BatchOptions& options) {
  if (impl.device->is_host()) return "the CPU reads the data where it lies";
  if (data.targets.size() > impl.network.outputs().size()) return "the samples have weights";
  if (data.inputs.size() != 1 || data.targets.size() != 1) return "there are several inputs";
  const Tensor& x = data.inputs.front();
  const Tensor& y = data.targets.front();
  if (x.dtype() != DType::u8 || x.shape().rank() != 4) return "the inputs are no u8 pictures";
  if (!impl.takes_u8.front()) return "the network takes no u8 pictures";
  if (y.dtype() != DType::i32 || y.shape().rank() != 1) return "the targets are no labels";
  if (!options.augmentation.built_in_steps()) {
    return "there is an augmentation of the program's own";
  }
  const ResidentBatch batch = resident_batch(data, options);
  if (!gathers(*impl.device, batch)) return "no kernel augments such pictures";
  const std::int64_t available = impl.device->memory_use().available;
  if (available >= 0 && batch.pictures.bytes() > available / 2) return "it is too large";
  return {};
}

class StreamedBatches final : public BatchSource {
 public:
  StreamedBatches(Model::Impl& impl, const Arrays& data, const BatchOptions& options,
                  std::string reason)
      : impl_(impl), loader_(data.inputs, data.targets, options), reason_(std::move(reason)) {}

  void start_epoch(std::int64_t epoch, std::int64_t first_batch) override {
    loader_.start_epoch(epoch, first_batch);
  }
  std::int64_t next() override {
    batch_ = loader_.next();
    return batch_ == nullptr ? 0 : batch_->count;
  }
  Execution& step(StepMode mode, int accumulated) override {
    return impl_.training_step(batch_->inputs, batch_->targets, mode, accumulated);
  }
  const std::string& streamed_because() const override { return reason_; }

 private:
  Model::Impl& impl_;
  BatchLoader loader_;
  std::string reason_;
  const Batch* batch_ = nullptr;
};

class ResidentBatches final : public BatchSource {
 public:
  ResidentBatches(Model::Impl& impl, std::unique_ptr<ResidentData> data)
      : impl_(impl), data_(std::move(data)) {}

  /// A step begins by counting itself.
  void start_epoch(std::int64_t epoch, std::int64_t first_batch) override {
    const auto set = [&](const char* path, std::int64_t value) {
      impl_.variables->set(path, Tensor::from<std::int64_t>({}, {value}));
    };
    const bool begun = impl_.variables->contains(step_state::kAttempted);
    const std::int64_t attempted =
        begun ? impl_.variables->read_integer(step_state::kAttempted) : 0;
    set(step_state::kDataEpoch, epoch);
    set(step_state::kDataStart, attempted + 1 - first_batch);
    next_ = first_batch;
  }
  std::int64_t next() override {
    const std::int64_t size = data_->batch().batch_size;
    count_ = std::clamp<std::int64_t>(data_->size() - next_++ * size, 0, size);
    return count_;
  }
  Execution& step(StepMode mode, int accumulated) override {
    return impl_.resident_step(*data_, mode, count_, accumulated);
  }
  const std::string& streamed_because() const override { return not_streamed_; }

 private:
  Model::Impl& impl_;
  std::unique_ptr<ResidentData> data_;
  const std::string not_streamed_;
  std::int64_t next_ = 0;
  std::int64_t count_ = 0;
};

}  // namespace

ResidentData::ResidentData(const Model::Impl& impl, const Arrays& data, const BatchOptions& options)
    : batch_(resident_batch(data, options)),
      pictures_(upload(impl, data.inputs.front())),
      labels_(upload(impl, data.targets.front())) {}

std::unique_ptr<ResidentData> make_resident(const Model::Impl& impl, const Arrays& data,
                                            const BatchOptions& options, std::string& reason) {
  reason = stream_because(impl, data, options);
  if (!reason.empty()) return nullptr;
  try {
    return std::make_unique<ResidentData>(impl, data, options);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::out_of_memory) throw;
    reason = error.what();
    return nullptr;
  }
}

std::unique_ptr<BatchSource> make_batch_source(Model::Impl& impl, const Arrays& data,
                                               const BatchOptions& options, bool resident) {
  BatchLoader::check(data.inputs, data.targets, options);
  std::string reason = "it was so asked";
  if (resident) {
    std::unique_ptr<ResidentData> set = make_resident(impl, data, options, reason);
    if (set != nullptr) return std::make_unique<ResidentBatches>(impl, std::move(set));
  }
  return std::make_unique<StreamedBatches>(impl, data, options, reason);
}

}  // namespace fovea
