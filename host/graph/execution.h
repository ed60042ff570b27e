// Execution: a plan at work. It leases an arena, resolves every pointer once, and then runs without
// allocating or looking anything up.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fovea/tensor.h"
#include "host/graph/plan.h"
#include "host/graph/variables.h"

namespace fovea {

/// Memory that executions which never overlap share, as large as the largest of them needs.
class FOVEA_INTERNAL Arena {
 public:
  explicit Arena(std::shared_ptr<Device> device) : device_(std::move(device)) {}
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// Grows to at least `bytes`; what it held is lost, and `generation` changes.
  void reserve(std::int64_t bytes);
  char* memory() const { return memory_; }
  std::int64_t bytes() const { return bytes_; }
  int generation() const { return generation_; }

 private:
  std::shared_ptr<Device> device_;
  char* memory_ = nullptr;
  std::int64_t bytes_ = 0;
  int generation_ = 0;
};

/// Used by one thread at a time.
class FOVEA_INTERNAL Execution {
 public:
  Execution(std::shared_ptr<const Plan> plan, Variables& variables, std::shared_ptr<Arena> arena);
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  const Plan& plan() const { return *plan_; }

  /// Memory of an input for the next run, by its place in Plan::inputs; not owned.
  void bind_input(std::size_t index, const void* data);
  /// Runs every step. Throws nothing once all inputs are bound.
  void run();

  /// Copies an output of the last run, by its place in Plan::outputs. Valid until another execution
  /// of the same arena runs.
  Tensor output(std::size_t index) const;
  void copy_output(std::size_t index, void* to) const;

  /// Runs step by step and returns the path and op of the first node that writes a NaN or an
  /// infinity; empty when there is none. For diagnosis: slow. Effects take place as in run().
  std::string find_nonfinite();

  /// Runs `repeats` times and returns the median milliseconds of every step.
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

  void resolve();
  void* address(int value) const;
  void run_step(const Step& step) const;
  std::string first_nonfinite(const Step& step) const;

  std::shared_ptr<const Plan> plan_;
  std::shared_ptr<Arena> arena_;
  std::vector<void*> variables_;
  std::vector<const void*> bound_;
  std::vector<Step> steps_;
  std::vector<void*> pointers_;
  std::vector<Patch> patches_;
  int generation_ = -1;
};

}  // namespace fovea
