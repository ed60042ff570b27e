// Where fit() takes its batches from: prepared on the host and uploaded step by step, or gathered
// by the step itself out of a data set in the device's memory. Both give the same batches.
#pragma once

#include <memory>
#include <string>

#include "fovea/data.h"
#include "host/train/model_impl.h"

namespace fovea {

/// Pictures and labels in a device's memory.
class ResidentData {
 public:
  /// Uploads one input of u8 pictures and one target of i32 labels. Throws out_of_memory.
  ResidentData(const Model::Impl& impl, const Arrays& data, const BatchOptions& options);

  const std::shared_ptr<void>& pictures() const { return pictures_; }
  const std::shared_ptr<void>& labels() const { return labels_; }
  /// How a step gathers batches out of it.
  const ResidentBatch& batch() const { return batch_; }
  std::int64_t size() const { return batch_.pictures.shape.n(); }

 private:
  ResidentBatch batch_;
  std::shared_ptr<void> pictures_;
  std::shared_ptr<void> labels_;
};

/// The data set in the device's memory, or nothing where that is not possible or takes more than
/// half of what is free. Then `reason` says why.
std::unique_ptr<ResidentData> make_resident(const Model::Impl& impl, const Arrays& data,
                                            const BatchOptions& options, std::string& reason);

class BatchSource {
 public:
  virtual ~BatchSource() = default;
  /// Begins an epoch of the data's order at one of its batches.
  virtual void start_epoch(std::int64_t epoch, std::int64_t first_batch) = 0;
  /// Goes on to the epoch's next batch. Returns its samples; 0 after the last.
  virtual std::int64_t next() = 0;
  /// The training step for the current batch, everything bound to it.
  virtual Execution& step(StepMode mode, int accumulated) = 0;
  /// Whether batches are gathered on the device, and if not, why.
  virtual const std::string& streamed_because() const = 0;
};

/// `resident`: whether the data may be kept in the device's memory.
std::unique_ptr<BatchSource> make_batch_source(Model::Impl& impl, const Arrays& data,
                                               const BatchOptions& options, bool resident);

}  // namespace fovea
