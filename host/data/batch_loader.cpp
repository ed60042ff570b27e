// BatchLoader: the samples of an epoch, batch by batch, from a ring of preallocated slots that a
// thread fills ahead of the consumer.
#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>

#include "fovea/data.h"
#include "fovea/detail/batch_choices.h"

namespace fovea {
namespace {

/// One slot is with the consumer, one is ready, one is being filled.
constexpr std::int64_t kSlots = 3;

std::size_t row_bytes(const Tensor& tensor) {
  return tensor.bytes() / static_cast<std::size_t>(tensor.shape()[0]);
}

}  // namespace

void BatchLoader::check(const std::vector<Tensor>& inputs, const std::vector<Tensor>& targets,
                        const BatchOptions& options) {
  FOVEA_REQUIRE(!inputs.empty(), invalid_argument, "a BatchLoader needs at least one input");
  FOVEA_REQUIRE(options.batch_size >= 1, invalid_argument,
                "the batch size must be at least 1, not ", options.batch_size);
  const auto check_rows = [&](const std::vector<Tensor>& tensors, const char* kind) {
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const Tensor& tensor = tensors[i];
      FOVEA_REQUIRE(tensor.defined() && tensor.shape().rank() >= 1, invalid_argument, kind, " ", i,
                    " has no axis of samples; batches are taken along the first axis");
      FOVEA_REQUIRE(tensor.shape()[0] == inputs[0].shape()[0], shape_mismatch, kind, " ", i,
                    " has ", tensor.shape()[0], " samples, but input 0 has ", inputs[0].shape()[0]);
    }
  };
  check_rows(inputs, "input");
  check_rows(targets, "target");
  FOVEA_REQUIRE(inputs[0].shape()[0] > 0, invalid_argument,
                "the data set has no samples, so there is nothing to make batches of");
  if (!options.augmentation.empty()) options.augmentation.check(inputs[0]);
}

class BatchLoader::Impl {
 public:
  Impl(std::vector<Tensor> inputs, std::vector<Tensor> targets, BatchOptions options)
      : inputs_(std::move(inputs)), targets_(std::move(targets)), options_(std::move(options)) {
    check(inputs_, targets_, options_);
    size_ = inputs_[0].shape()[0];
    batches_ = (size_ - 1) / options_.batch_size + 1;
    views_ = !options_.shuffle && options_.augmentation.empty();
    for (Slot& slot : slots_) prepare(slot);
    if (!options_.augmentation.empty()) scratch_.resize(row_bytes(inputs_[0]));
    if (options_.prefetch && !views_) thread_ = std::thread([this] { fill_slots(); });
  }

  ~Impl() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_filler_.notify_one();
    thread_.join();
  }

  std::int64_t size() const { return size_; }
  std::int64_t batches() const { return batches_; }

  void start_epoch(std::int64_t epoch, std::int64_t first_batch) {
    FOVEA_REQUIRE(epoch >= 0, invalid_argument, "epochs are counted from 0, not ", epoch);
    FOVEA_REQUIRE(first_batch >= 0 && first_batch <= batches_, invalid_argument,
                  "cannot start an epoch at batch ", first_batch, ": it has ", batches_);
    std::unique_lock lock(mutex_);
    filled_ = released_ = batches_;  // nothing more of the old epoch gets started
    wake_consumer_.wait(lock, [this] { return !filling_; });
    epoch_ = epoch;
    order_key_ = detail::order_key(options_.seed, epoch);
    filled_ = taken_ = released_ = first_batch;
    error_ = nullptr;
    wake_filler_.notify_one();
  }

  const Batch* next() {
    FOVEA_REQUIRE(epoch_ >= 0, invalid_argument, "call start_epoch before next");
    std::unique_lock lock(mutex_);
    released_ = taken_;
    if (taken_ == batches_) return nullptr;
    if (thread_.joinable()) {
      wake_filler_.notify_one();
      wake_consumer_.wait(lock, [this] { return filled_ > taken_ || error_ != nullptr; });
      if (filled_ == taken_) std::rethrow_exception(error_);
    } else {
      fill(slot(taken_), taken_);
    }
    return &slot(taken_++).batch;
  }

 private:
  struct Slot {
    std::vector<Tensor> inputs;  // memory for full batches; empty where batches are views
    std::vector<Tensor> targets;
    Batch batch;
  };

  Slot& slot(std::int64_t batch) { return slots_[static_cast<std::size_t>(batch % kSlots)]; }

  void prepare(Slot& slot) {
    slot.batch.inputs.resize(inputs_.size());
    slot.batch.targets.resize(targets_.size());
    if (views_) return;
    const std::int64_t rows = std::min(options_.batch_size, size_);
    const auto allocate = [rows](const Tensor& all) {
      return Tensor(all.shape().drop_front().prepend(rows), all.dtype());
    };
    for (const Tensor& input : inputs_) slot.inputs.push_back(allocate(input));
    for (const Tensor& target : targets_) slot.targets.push_back(allocate(target));
  }

  /// The thread: fills slots in the order of the batches, never one that the consumer holds.
  void fill_slots() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_filler_.wait(lock, [this] {
        return stop_ || (error_ == nullptr && filled_ < batches_ && filled_ < released_ + kSlots);
      });
      if (stop_) return;
      const std::int64_t batch = filled_;
      filling_ = true;
      lock.unlock();
      std::exception_ptr error;
      try {
        fill(slot(batch), batch);
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      filling_ = false;
      // start_epoch may have given up on this epoch meanwhile.
      if (filled_ == batch) {
        error_ = error;
        if (error == nullptr) ++filled_;
      }
      wake_consumer_.notify_one();
    }
  }

  void fill(Slot& slot, std::int64_t index) {
    const std::int64_t first = index * options_.batch_size;
    const std::int64_t last = std::min(first + options_.batch_size, size_);
    slot.batch.index = index;
    slot.batch.count = last - first;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const bool augmented = i == 0 && !options_.augmentation.empty();
      slot.batch.inputs[i] = views_ ? inputs_[i].slice(first, last)
                                    : gather(inputs_[i], slot.inputs[i], first, last, augmented);
    }
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      slot.batch.targets[i] = views_ ? targets_[i].slice(first, last)
                                     : gather(targets_[i], slot.targets[i], first, last, false);
    }
  }

  /// The samples at positions [first, last) of the epoch, as the first rows of `memory`.
  Tensor gather(const Tensor& all, Tensor& memory, std::int64_t first, std::int64_t last,
                bool augmented) {
    const std::size_t bytes = row_bytes(all);
    const auto* source = static_cast<const std::uint8_t*>(all.raw());
    auto* target = static_cast<std::uint8_t*>(memory.mutable_raw());
    const Shape picture = all.shape().drop_front();
    for (std::int64_t position = first; position < last; ++position, target += bytes) {
      const std::uint8_t* row = source + static_cast<std::size_t>(sample_at(position)) * bytes;
      if (augmented) {
        options_.augmentation.apply(row, target, scratch_.data(), picture, options_.seed, epoch_,
                                    position);
      } else {
        std::memcpy(target, row, bytes);
      }
    }
    return memory.slice(0, last - first);
  }

  /// The sample at a position of the epoch's order.
  std::int64_t sample_at(std::int64_t position) const {
    if (!options_.shuffle) return position;
    return detail::sample_at(position, size_, order_key_);
  }

  std::vector<Tensor> inputs_;
  std::vector<Tensor> targets_;
  BatchOptions options_;
  std::int64_t size_ = 0;
  std::int64_t batches_ = 0;
  bool views_ = false;
  std::array<Slot, kSlots> slots_;
  std::vector<std::uint8_t> scratch_;  // one picture, for augmentation

  // Set while nothing is being filled.
  std::int64_t epoch_ = -1;
  std::uint64_t order_key_ = 0;

  // Under mutex_: batches of this epoch that are filled, given out, and done with, in turn.
  std::mutex mutex_;
  std::condition_variable wake_filler_;
  std::condition_variable wake_consumer_;
  std::int64_t filled_ = 0;
  std::int64_t taken_ = 0;
  std::int64_t released_ = 0;
  bool filling_ = false;
  bool stop_ = false;
  std::exception_ptr error_;
  std::thread thread_;  // last, so that it starts when all else is there
};

BatchLoader::BatchLoader(std::vector<Tensor> inputs, std::vector<Tensor> targets,
                         BatchOptions options)
    : impl_(std::make_unique<Impl>(std::move(inputs), std::move(targets), std::move(options))) {}

BatchLoader::BatchLoader(const Dataset& data, BatchOptions options)
    : BatchLoader({data.x}, {data.y}, std::move(options)) {
  data.check();
}

BatchLoader::~BatchLoader() = default;
BatchLoader::BatchLoader(BatchLoader&&) noexcept = default;
BatchLoader& BatchLoader::operator=(BatchLoader&&) noexcept = default;

std::int64_t BatchLoader::size() const { return impl_->size(); }

std::int64_t BatchLoader::batches_per_epoch() const { return impl_->batches(); }

void BatchLoader::start_epoch(std::int64_t epoch, std::int64_t first_batch) {
  impl_->start_epoch(epoch, first_batch);
}

const Batch* BatchLoader::next() { return impl_->next(); }

}  // namespace fovea
