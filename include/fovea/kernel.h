// Kernels, the candidates that make them, and a device's table of candidates.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "fovea/op.h"

namespace fovea {

/// How a planned value lies in memory: plain (row-major, dense), or opaque, known only to the
/// library that chose it, under a number that the library gave out.
struct Layout {
  std::string library;     ///< empty: plain
  int id = 0;              ///< the library's number for the format
  std::int64_t bytes = 0;  ///< size of an opaque value
  bool plain() const { return library.empty(); }
  friend bool operator==(const Layout&, const Layout&) = default;
};

/// What a kernel sees when it runs: pointers, types, scratch memory, the thread count.
/// Nothing here allocates.
class KernelContext {
 public:
  KernelContext(std::span<void* const> inputs, std::span<void* const> outputs,
                std::span<const ValueType> input_types, std::span<const ValueType> output_types,
                void* workspace, int threads, void* stream, bool allow_tf32 = false)
      : inputs_(inputs),
        outputs_(outputs),
        input_types_(input_types),
        output_types_(output_types),
        workspace_(workspace),
        threads_(threads),
        stream_(stream),
        allow_tf32_(allow_tf32) {}

  std::size_t input_count() const { return inputs_.size(); }
  std::size_t output_count() const { return outputs_.size(); }
  template <class T = void>
  const T* input(std::size_t index) const {
    return static_cast<const T*>(inputs_[index]);
  }
  /// For inputs that the op's effects() names.
  template <class T = void>
  T* mutable_input(std::size_t index) const {
    return static_cast<T*>(inputs_[index]);
  }
  template <class T = void>
  T* output(std::size_t index) const {
    return static_cast<T*>(outputs_[index]);
  }
  const ValueType& input_type(std::size_t index) const { return input_types_[index]; }
  const ValueType& output_type(std::size_t index) const { return output_types_[index]; }
  const Shape& input_shape(std::size_t index) const { return input_types_[index].shape; }
  const Shape& output_shape(std::size_t index) const { return output_types_[index].shape; }
  void* workspace() const { return workspace_; }
  int threads() const { return threads_; }
  /// The device's stream (a cudaStream_t on CUDA, null on the CPU).
  void* stream() const { return stream_; }
  /// As LowerRequest has it.
  bool allow_tf32() const { return allow_tf32_; }

 private:
  std::span<void* const> inputs_;
  std::span<void* const> outputs_;
  std::span<const ValueType> input_types_;
  std::span<const ValueType> output_types_;
  void* workspace_;
  int threads_;
  void* stream_;
  bool allow_tf32_;
};

/// One node's computation, ready to run many times. Made when a plan is lowered; its run() neither
/// allocates nor synchronizes. One kernel is never run by two threads at a time.
class FOVEA_API Kernel {
 public:
  virtual ~Kernel();
  virtual void run(const KernelContext& context) = 0;
};

/// What a candidate is asked: one node, with the layouts in which its inputs lie so far.
struct LowerRequest {
  std::span<const ValueType> inputs;
  std::span<const ValueType> outputs;
  std::span<const Layout> input_layouts;
  /// One per output: whether anybody reads it.
  std::span<const bool> output_used;
  /// For a Reorder: the layout to produce (one). Empty for every other op.
  std::span<const Layout> wanted_outputs;
  int threads = 1;
  /// Whether products of f32 may be computed in TF32: 11 significant bits in, f32 sums.
  bool allow_tf32 = false;
  /// Which of the candidate's ways to compute this: 0 is the one that it thinks best. See
  /// Lowering::variants.
  int variant = 0;
  /// One per input: whether it has the same values in every run, so that bringing it into a layout
  /// costs nothing. Empty: none has.
  std::span<const bool> input_constant{};
};

/// An accepting candidate's answer. Empty layout lists mean: all plain.
struct Lowering {
  std::unique_ptr<Kernel> kernel;
  std::vector<Layout> input_layouts;   ///< what the kernel wants; reorders are inserted as needed
  std::vector<Layout> output_layouts;  ///< what the kernel writes
  std::int64_t workspace_bytes = 0;
  /// (output, input) pairs that may share memory when the input is not needed afterwards.
  std::vector<std::pair<int, int>> in_place;
  /// How many variants may be asked for, to be measured against each other. Those beyond what
  /// there is are declined.
  int variants = 1;
};

/// A declining candidate's reason, for error messages.
struct Decline {
  std::string reason;
};

using LowerResult = std::variant<Lowering, Decline>;

/// Ordered candidates per op; the first to accept is used. Keyed by op name, so that errors,
/// profiles and FOVEA_KERNEL=conv2d:reference speak the same language.
class FOVEA_API KernelTable {
 public:
  using Factory = std::function<LowerResult(const Op&, const LowerRequest&)>;
  struct Candidate {
    std::string name;
    Factory factory;
  };

  /// Adds a candidate behind those already there. `factory` is called as
  /// factory(const DerivedOp&, const LowerRequest&) -> LowerResult. Throws invalid_argument when
  /// the op already has a candidate of that name.
  template <class DerivedOp, class DerivedFactory>
  void add(std::string candidate, DerivedFactory factory) {
    add(DerivedOp::kName, std::move(candidate),
        [factory = std::move(factory)](const Op& op, const LowerRequest& request) -> LowerResult {
          return factory(static_cast<const DerivedOp&>(op), request);
        });
  }
  void add(std::string_view op, std::string candidate, Factory factory);

  /// Empty for an op that this device does not know.
  const std::vector<Candidate>& candidates(std::string_view op) const;
  /// Names of all ops in the table, sorted.
  std::vector<std::string> ops() const;

 private:
  std::map<std::string, std::vector<Candidate>, std::less<>> table_;
};

/// A kernel from a callable taking a KernelContext.
template <class Body>
std::unique_ptr<Kernel> make_kernel(Body body) {
  class Callable final : public Kernel {
   public:
    explicit Callable(Body callable) : body_(std::move(callable)) {}
    void run(const KernelContext& context) override { body_(context); }

   private:
    Body body_;
  };
  return std::make_unique<Callable>(std::move(body));
}

}  // namespace fovea
