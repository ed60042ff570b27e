// One candidate of an op at work on a device, outside of any plan: memory for all that it reads and
// writes, and its time with cold caches.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "benchmarks/support/report.h"
#include "fovea/device.h"
#include "fovea/tensor.h"

namespace fovea::bench {

/// How often something is timed: `repeats` times, fewer once `seconds` are over, but `fewest` times
/// at least.
struct Timing {
  int repeats = 30;
  double seconds = 1;
  int fewest = 5;
  double hopeless = std::numeric_limits<double>::infinity();  ///< ms: a first run above is the last
};

/// A device, a stream, and what flushes its caches. Kernels may run while one exists; for use by
/// one thread.
class Bench {
 public:
  Bench(std::shared_ptr<Device> device, int threads);
  ~Bench();
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  Device& device() const { return *device_; }
  Stream& stream() const { return *stream_; }
  int threads() const { return threads_; }

  /// Throws out_of_memory, with the bytes wanted, also where the host has less than that left.
  std::shared_ptr<void> allocate(std::int64_t bytes) const;

  /// Writes more memory than the device's caches hold.
  void flush_caches() const;

  /// Keeps the device at work until its clocks are up; for a host, nothing.
  void warm_up() const;

  /// Milliseconds of `work` after a flush, which is not timed.
  Spread time(const std::function<void()>& work, const Timing& timing) const;

 private:
  std::shared_ptr<Device> device_;
  std::shared_ptr<Stream> stream_;
  int threads_;
  std::int64_t flush_bytes_;
  std::shared_ptr<void> flushed_;
};

/// A value in device memory, in plain layout; not owned.
struct Operand {
  ValueType type;
  void* memory = nullptr;
};

/// Fills device memory with a tensor's elements, again and again.
void fill_repeating(const Bench& bench, const Tensor& period, const Operand& to);

class CandidateRun {
 public:
  /// Lowers the op by this candidate and allocates what it needs beyond its operands. Where the
  /// candidate wants inputs in a layout of its own they are brought there now. Answers with the
  /// reason where the candidate declines; throws what goes wrong otherwise.
  static std::variant<std::unique_ptr<CandidateRun>, Decline> prepare(
      const Bench& bench, const KernelTable::Candidate& candidate, const Op& op,
      std::vector<Operand> inputs, std::vector<Operand> outputs, bool allow_tf32);

  /// Runs the kernel, and brings outputs that lie in a layout of its own into their operands.
  void run();
  /// The kernel alone.
  Spread time(const Timing& timing);

  std::int64_t workspace_bytes() const { return lowering_.workspace_bytes; }

 private:
  CandidateRun(const Bench& bench, std::vector<Operand> inputs, std::vector<Operand> outputs)
      : bench_(bench), inputs_(std::move(inputs)), outputs_(std::move(outputs)) {}
  void take(Lowering lowering);
  void launch();

  const Bench& bench_;
  std::vector<Operand> inputs_;
  std::vector<Operand> outputs_;
  bool allow_tf32_ = false;
  Lowering lowering_;
  std::vector<std::shared_ptr<void>> owned_;
  std::vector<void*> input_pointers_, output_pointers_;
  std::vector<ValueType> input_types_, output_types_;
  std::shared_ptr<void> workspace_;
};

}  // namespace fovea::bench
