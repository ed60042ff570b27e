// Execution: a plan at work. It leases an arena, resolves every pointer once, and then runs without
// allocating or looking anything up.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fovea/tensor.h"
#include "host/graph/launches.h"
#include "host/graph/plan.h"
#include "host/graph/prepared.h"
#include "host/graph/variables.h"

namespace fovea {

/// Memory that executions which never overlap share, as large as the largest of them needs.
class FOVEA_INTERNAL Arena {
 public:
  /// Its executions run on `stream`, one after another.
  Arena(std::shared_ptr<Device> device, std::shared_ptr<Stream> stream)
      : device_(std::move(device)), stream_(std::move(stream)) {}
  explicit Arena(const std::shared_ptr<Device>& device) : Arena(device, device->make_stream()) {}
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// Grows to at least `bytes`; what it held is lost, and `generation` changes.
  void reserve(std::int64_t bytes);
  char* memory() const { return memory_; }
  std::int64_t bytes() const { return bytes_; }
  int generation() const { return generation_; }
  Stream& stream() const { return *stream_; }

 private:
  std::shared_ptr<Device> device_;
  std::shared_ptr<Stream> stream_;
  char* memory_ = nullptr;
  std::int64_t bytes_ = 0;
  int generation_ = 0;
};

/// Used by one thread at a time.
class FOVEA_INTERNAL Execution {
 public:
  Execution(std::shared_ptr<const Plan> plan, Variables& variables, std::shared_ptr<Arena> arena);
  /// Of a plan with constant variables.
  Execution(std::shared_ptr<const Plan> plan, std::shared_ptr<const Prepared> prepared,
            std::shared_ptr<Arena> arena);
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  const Plan& plan() const { return *plan_; }

  /// Host memory of an input for the next run, by its place in Plan::inputs; not owned.
  void bind_input(std::size_t index, const void* data);
  /// Memory of the device to read an input from, in all runs that follow, shared with the caller:
  /// nothing is copied.
  void bind_device_input(std::size_t index, std::shared_ptr<void> data);
  /// Runs every step; asynchronous where the device is. The first run is eager; where the device
  /// can record, the second records all steps, and from then on they are replayed as a whole.
  /// FOVEA_SYNC=1 disables recording and waits for each step, so that an error names its step.
  /// FOVEA_NVTX=1 makes each step a range of the stream, by its path. A recording keeps no ranges:
  /// they show in eager runs, and where steps are recorded.
  void run();
  /// Whether runs are replayed from a recording, and else what prevented it (empty: nothing did,
  /// or the device does not record).
  bool recorded() const { return recording_ != nullptr; }
  const std::string& recording_problem() const { return recording_problem_; }

  /// Copies an output of the last run, by its place in Plan::outputs. Valid until another execution
  /// of the same arena runs.
  Tensor output(std::size_t index) const;
  /// Of `rows` of it, or of all.
  void copy_output(std::size_t index, void* to, std::int64_t rows = -1) const;

  /// Runs step by step and returns the path and op of the first node that writes a NaN or an
  /// infinity; empty when there is none. For diagnosis: slow. Effects take place as in run().
  std::string find_nonfinite();

  /// Times every step `repeats` times and returns the median milliseconds of each.
  std::vector<double> profile(int repeats);

  /// Fills the arena with bytes of 0xFF, which read as NaN: for tests.
  void poison();

 private:
  struct Step {
    std::unique_ptr<Kernel> kernel;
    const PlanStep* plan;
    std::size_t first_pointer;  ///< into pointers_: inputs, then outputs
    void* workspace;
  };
  struct Patch {
    std::size_t pointer;
    int input;
  };
  struct Input {
    const void* bound = nullptr;   ///< on the host; null for one bound on the device
    std::shared_ptr<void> memory;  ///< on the device; none where the device is the host
    bool shared = false;           ///< whether `memory` is the caller's
  };

  void make_kernels();
  void resolve();
  void* address(int value) const;
  void place_inputs();
  bool record_steps();
  void run_steps() const;
  void run_step(const Step& step) const;
  Launches launches_of(const Step& step) const;
  std::string first_nonfinite(const Step& step) const;

  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<Arena> arena_;
  std::vector<void*> variables_;
  std::shared_ptr<const Prepared> prepared_;  ///< null: the variables may change
  std::vector<Input> inputs_;
  std::vector<Step> steps_;
  std::vector<void*> pointers_;
  std::vector<Patch> patches_;
  std::unique_ptr<Recording> recording_;
  std::string recording_problem_;
  int eager_runs_ = 0;
  bool wait_for_steps_;
  bool mark_ranges_;
  int generation_ = -1;
};

}  // namespace fovea
