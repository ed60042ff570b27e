// How near the kernels that only move memory come to a plain copy: one row for every candidate of
// elementwise ops, batch norm and optimizers, on tensors far larger than the caches.
//
// A row holds the bytes that the formula has to move, reads and writes, per second, beside a copy
// in the same run. Where a result depends on sums over everything (batch norm), its second pass
// over the inputs counts, since nothing could keep them. What kernels compute is checked by the
// tests.
#include <omp.h>

#include <array>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "benchmarks/support/candidate_run.h"
#include "benchmarks/support/peaks.h"
#include "benchmarks/support/report.h"
#include "benchmarks/support/sampled_reference.h"
#include "fovea/device.h"
#include "fovea/error.h"
#include "fovea/ops/activation.h"
#include "fovea/ops/basic.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/norm.h"
#include "fovea/ops/update.h"
#include "samples/command_line.h"

namespace fovea::bench {
namespace {

/// Of the copy's bandwidth, on a GPU.
constexpr double kTarget = 0.85;

struct Options {
  std::string device = "cuda";
  std::string op, dtype, candidate, json;
  std::int64_t mebibytes = 256;
  int threads = omp_get_max_threads();
  Timing timing;
};

/// An input: random numbers, or the same number everywhere.
struct Source {
  ValueType type;
  std::optional<double> constant = std::nullopt;
};

/// One op on large tensors.
struct Work {
  DType dtype;  ///< of the large tensors
  OpPtr op;
  std::vector<Source> inputs;
  double passes;  ///< how many times a large tensor is read or written at least
};

template <class DerivedOp>
OpPtr share(DerivedOp op) {
  return std::make_shared<const DerivedOp>(std::move(op));
}

const Source kFinite{{{}, DType::i32}, 1};

/// Ops on activations of this type; per-channel parameters stay f32.
void append_activations(DType dtype, std::int64_t bytes, std::vector<Work>& list) {
  constexpr std::int64_t kSide = 32, kChannels = 64;
  const std::int64_t pictures = std::max<std::int64_t>(
      bytes / static_cast<std::int64_t>(dtype_size(dtype)) / (kSide * kSide * kChannels), 1);
  const Source x{{{pictures, kSide, kSide, kChannels}, dtype}};
  const Source bias{{{kChannels}, dtype}};
  const Source channel{{{kChannels}, DType::f32}};
  const Source positive{{{kChannels}, DType::f32}, 0.5};
  const Activation relu{Activation::Kind::relu};

  list.push_back({dtype, share(ops::Scale{}), {x}, 2});
  list.push_back({dtype, share(ops::Add{}), {x, x}, 3});
  list.push_back({dtype, share(ops::Activate(relu)), {x}, 2});
  ops::ActivateBackward relu_backward;
  relu_backward.activation = relu;
  list.push_back({dtype, share(relu_backward), {x, x}, 3});
  list.push_back({dtype, share(ops::AddBias{}), {x, bias}, 2});
  list.push_back({dtype, share(ops::BiasGrad{}), {x}, 1});
  list.push_back({dtype, share(ops::BatchNorm{}), {x, channel, channel, channel, positive}, 3});
  list.push_back(
      {dtype, share(ops::BatchNormInference{}), {x, channel, channel, channel, positive}, 2});
  list.push_back({dtype, share(ops::BatchNormBackward{}), {x, x, channel, channel, positive}, 5});
  ops::BatchNormAct norm_relu;
  norm_relu.activation = relu;
  list.push_back({dtype, share(norm_relu), {x, channel, channel, channel, positive}, 3});
  ops::BatchNormActBackward norm_relu_backward;
  norm_relu_backward.activation = relu;
  // Reads dy, saved and x and writes d; then reads d and x and writes dx.
  list.push_back({dtype, share(norm_relu_backward), {x, x, x, channel, channel, positive}, 7});
}

/// The update phase, which is always f32.
void append_updates(std::int64_t bytes, std::vector<Work>& list) {
  const Source w{{{bytes / 4}, DType::f32}};
  const Source positive{w.type, 0.01};
  const Source sum_squares{{{}, DType::f64}, 1};
  const Source rate{{{}, DType::f32}, 0.001};
  const Source applied{{{}, DType::i64}, 10};
  const Source loss{{{}, DType::f32}, 1};
  list.push_back({DType::f32, share(ops::GradientCheck{}), {loss, w}, 1});
  ops::SgdUpdate sgd;
  sgd.momentum = 0.9;
  sgd.nesterov = true;
  sgd.parameters = 1;
  list.push_back({DType::f32, share(sgd), {kFinite, sum_squares, rate, applied, w, w, w}, 5});
  ops::AdamUpdate adam;
  adam.parameters = 1;
  list.push_back(
      {DType::f32, share(adam), {kFinite, sum_squares, rate, applied, w, w, w, positive}, 7});
}

std::vector<Work> all_work(const Options& options, const Device& device) {
  std::vector<Work> list;
  const std::int64_t bytes = options.mebibytes << 20;
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    const bool wanted = options.dtype.empty() ? !device.is_host() || dtype == DType::f32
                                              : options.dtype == dtype_name(dtype);
    if (!wanted) continue;
    append_activations(dtype, bytes, list);
    if (dtype == DType::f32) append_updates(bytes, list);
  }
  if (!options.op.empty()) {
    std::erase_if(list, [&](const Work& work) { return work.op->name() != options.op; });
  }
  FOVEA_REQUIRE(!list.empty(), invalid_argument, "there is no op '", options.op, "' here");
  return list;
}

/// Sets an operand to what its source says.
void fill_operand(const Bench& bench, const Source& source, std::uint64_t seed,
                  const Operand& operand) {
  if (source.constant) {
    fill_repeating(bench, Tensor::full({4096}, *source.constant, source.type.dtype), operand);
  } else {
    fill_repeating(bench, pattern_of(source.type.dtype, seed).stored(), operand);
  }
}

class Session {
 public:
  Session(const Options& options, const std::shared_ptr<Device>& device)
      : options_(options),
        bench_(device, options.threads),
        peaks_(bench_, {0, options.mebibytes << 20}),
        about_(describe_run(device->name())) {}

  /// Whether every candidate that accepts runs, and there is one at least.
  bool run() {
    std::printf("%s, tensors of %lld MiB, copies at %.0f GB/s\n\n", bench_.device().name().c_str(),
                static_cast<long long>(options_.mebibytes), peaks_.copy());
    std::printf("%-26s %-5s %-16s %10s %19s %8s %6s\n", "op", "dtype", "candidate", "ms",
                "80 % of runs", "GB/s", "% copy");
    for (const Work& work : all_work(options_, bench_.device())) {
      for (const auto& candidate : bench_.device().kernels().candidates(work.op->name())) {
        if (!options_.candidate.empty() && candidate.name != options_.candidate) continue;
        report(work, candidate);
      }
    }
    finish();
    std::printf("\n%d rows measured, %d failed", measured_, failures_);
    if (!bench_.device().is_host()) {
      std::printf("; %d below %.0f %% of a copy, which has %.0f GB/s", below_target_, kTarget * 100,
                  peaks_.copy());
    }
    std::printf("\n");
    return failures_ == 0 && measured_ > 0;
  }

 private:
  void report(const Work& work, const KernelTable::Candidate& candidate) {
    Json row = Json::Object{
        {"op", work.op->name()}, {"dtype", dtype_name(work.dtype)}, {"candidate", candidate.name}};
    std::printf("%-26s %-5s %-16s", std::string(work.op->name()).c_str(),
                std::string(dtype_name(work.dtype)).c_str(), candidate.name.c_str());
    try {
      measure(work, candidate, row);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::device_lost) throw;
      const bool full = error.code() == ErrorCode::out_of_memory;
      if (!full) ++failures_;
      row.set("status", full ? "does_not_fit" : "failed");
      row.set("reason", error.what());
    }
    if (row.contains("reason")) {
      std::printf(" %s: %s\n", row.at("status").as_string().c_str(),
                  row.at("reason").as_string().c_str());
    }
    std::fflush(stdout);
    rows_.push_back(std::move(row));
    write();
  }

  /// Compares every row with the copy as it is at the end, if it is faster then.
  void finish() {
    peaks_.measure_again();
    for (Json& row : rows_) {
      if (row.at("status").as_string() == "ok") judge(row);
      if (row.contains("meets_target") && !row.at("meets_target").as_bool()) ++below_target_;
    }
    complete_ = true;
    write();
  }

  void judge(Json& row) {
    const double share = row.at("gigabytes_per_second").as_double() / peaks_.copy();
    row.set("share_of_copy", share);
    row.set("meets_target", share >= kTarget);
  }

  void measure(const Work& work, const KernelTable::Candidate& candidate, Json& row) {
    std::vector<std::shared_ptr<void>> owned;
    const auto allocate = [&](const ValueType& type) -> Operand {
      owned.push_back(bench_.allocate(type.bytes()));
      return {type, owned.back().get()};
    };
    std::vector<Operand> inputs;
    std::vector<ValueType> types;
    for (const Source& source : work.inputs) {
      inputs.push_back(allocate(source.type));
      types.push_back(source.type);
      fill_operand(bench_, source, 1 + inputs.size() % 2, inputs.back());
    }
    std::vector<Operand> outputs;
    for (const ValueType& type : work.op->infer(types)) outputs.push_back(allocate(type));
    auto prepared = CandidateRun::prepare(bench_, candidate, *work.op, inputs, outputs, false);
    if (const auto* decline = std::get_if<Decline>(&prepared)) {
      row.set("status", "declined");
      row.set("reason", decline->reason);
      return;
    }
    const Spread time = std::get<0>(prepared)->time(options_.timing);
    std::int64_t large = 0;
    for (const ValueType& type : types) large = std::max(large, type.bytes());
    const double bytes = work.passes * static_cast<double>(large);
    const double rate = bytes / time.median * 1e-6;
    ++measured_;
    row.set("status", "ok");
    row.set("milliseconds", to_json(time));
    row.set("bytes", bytes);
    row.set("gigabytes_per_second", rate);
    judge(row);
    std::printf(" %10.4f %9.4f-%9.4f %8.1f %6.1f\n", time.median, time.p10, time.p90, rate,
                row.at("share_of_copy").as_double() * 100);
  }

  /// After every row, so that a run that is stopped leaves what it has measured.
  void write() {
    if (options_.json.empty()) return;
    Json json = about_;
    json.set("complete", complete_);
    json.set("threads", options_.threads);
    json.set("tensor_bytes", options_.mebibytes << 20);
    json.set("copy_gigabytes_per_second", peaks_.copy());
    json.set("target", kTarget);
    json.set("rows", rows_);
    write_json(options_.json, json);
  }

  const Options& options_;
  Bench bench_;
  Peaks peaks_;
  Json about_;
  Json::Array rows_;
  int measured_ = 0, failures_ = 0, below_target_ = 0;
  bool complete_ = false;
};

Options parse(int count, char** arguments) {
  Options o;
  bool help = false;
  CommandLine line("bandwidth_bench",
                   "Times memory-bound kernels on tensors far larger than the caches.");
  line.add_text("--device", "NAME", "cpu, cuda (the default) or cuda:1", o.device);
  line.add_text("--op", "NAME", "only this op, such as batch_norm", o.op);
  line.add_choice("--dtype", {"f32", "f16", "bf16"}, "only this type; default: all, on a CPU f32",
                  o.dtype);
  line.add_text("--candidate", "NAME", "only this candidate, such as cuda", o.candidate);
  line.add_number("--mebibytes", "N", "of each large tensor (256)", o.mebibytes, 1);
  line.add_number("--repeats", "N", "timed runs, at most (30)", o.timing.repeats, 1);
  line.add_number("--seconds", "S", "after which no more runs are begun, but for five (1)",
                  o.timing.seconds, 0);
  line.add_number("--threads", "N", "of the CPU; default: all", o.threads, 1);
  line.add_text("--json", "FILE", "write every row to this file", o.json);
  line.add_flag("--help", "print this and stop", help);
  line.parse(count, arguments);
  if (help) {
    std::cout << line.help();
    std::exit(0);
  }
  return o;
}

}  // namespace
}  // namespace fovea::bench

int main(int count, char** arguments) {
  try {
    const auto options = fovea::bench::parse(count, arguments);
    return fovea::bench::Session(options, fovea::open_device(options.device)).run() ? 0 : 1;
  } catch (const UsageError& error) {
    std::cerr << "bandwidth_bench: " << error.what() << "; see bandwidth_bench --help\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "bandwidth_bench: " << error.what() << "\n";
    return 1;
  }
}
