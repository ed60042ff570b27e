// How fast each op's kernels are: one row for every candidate of the CPU, on the cases that the
// tests check.
//
// A row has the median time of the kernel alone, with its inputs in the layout that it wants and in
// the caches as its predecessor would leave them; the bytes of its inputs and outputs per second,
// beside a plain copy of as many bytes; and, where it computes, the operations
// per second, beside the best that a large matrix product reaches. Both peaks are measured in the
// same run.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "fovea/device.h"
#include "fovea/error.h"
#include "fovea/json.h"
#include "fovea/ops/matmul.h"
#include "host/cpu/parallel.h"
#include "host/graph/run_op.h"
#include "samples/command_line.h"
#include "tests/support/op_case.h"

namespace fovea::test {
namespace {

struct Options {
  std::string op, label, candidate, json;
  bool all = false;
  int threads = omp_get_max_threads();
  int repeats = 50;
};

double gigabytes_per_second(double bytes, double milliseconds) {
  return bytes / milliseconds * 1e-6;
}
double gflops_per_second(double flops, double milliseconds) { return flops / milliseconds * 1e-6; }

/// What the machine can do, measured with the same number of threads.
class Peaks {
 public:
  explicit Peaks(const Options& options) : options_(options) {
    constexpr std::int64_t kSize = 1024;
    const std::vector<Tensor> factors = {Tensor::full({kSize, kSize}, 0.5),
                                         Tensor::full({kSize, kSize}, 0.25)};
    RunOptions run;
    run.threads = options.threads;
    const double milliseconds = time_op(std::make_shared<const ops::MatMul>(), factors, run, 10);
    gflops_ = gflops_per_second(2.0 * kSize * kSize * kSize, milliseconds);
  }

  double gflops() const { return gflops_; }

  /// GB/s of a copy that reads half of `bytes` and writes the other half.
  double copy(std::int64_t bytes) {
    const auto known = copies_.find(bytes);
    if (known != copies_.end()) return known->second;
    const std::int64_t half = std::max<std::int64_t>(bytes / 2, 1);
    std::vector<char> from(static_cast<std::size_t>(half), 1), to(from.size());
    std::vector<double> times;
    for (int r = 0; r < options_.repeats + 1; ++r) {
      const auto begin = std::chrono::steady_clock::now();
      cpu::parallel_for(options_.threads, half, 16384, [&](std::int64_t first, std::int64_t last) {
        std::memcpy(to.data() + first, from.data() + first, static_cast<std::size_t>(last - first));
      });
      const std::chrono::duration<double, std::milli> elapsed =
          std::chrono::steady_clock::now() - begin;
      if (r > 0) times.push_back(elapsed.count());
    }
    std::sort(times.begin(), times.end());
    return copies_[bytes] =
               gigabytes_per_second(2.0 * static_cast<double>(half), times[times.size() / 2]);
  }

 private:
  const Options& options_;
  double gflops_ = 0;
  std::map<std::int64_t, double> copies_;
};

/// The cases to run: all that the options name or, unless they ask for all, the largest of each op.
std::vector<OpCase> chosen_cases(const Options& options) {
  std::vector<OpCase> chosen;
  for (const OpCase& op_case : op_cases()) {
    if (!options.op.empty() && op_case.op_name() != options.op) continue;
    if (op_case.name.find(options.label) == std::string::npos) continue;
    const auto same = std::find_if(chosen.begin(), chosen.end(), [&](const OpCase& other) {
      return other.op_name() == op_case.op_name();
    });
    if (options.all || same == chosen.end()) {
      chosen.push_back(op_case);
    } else if (op_case.cost().bytes > same->cost().bytes) {
      *same = op_case;
    }
  }
  FOVEA_REQUIRE(!chosen.empty(), invalid_argument, "no case has the op '", options.op,
                "' and a name with '", options.label, "'");
  return chosen;
}

void run(const Options& options) {
  Peaks peaks(options);
  std::printf("%d threads, medians of %d; matrix product of 1024: %.0f GFLOP/s\n\n",
              options.threads, options.repeats, peaks.gflops());
  std::printf("%-52s %-10s %10s %8s %7s %9s %7s\n", "case", "candidate", "us", "GB/s", "% copy",
              "GFLOP/s", "% peak");
  Json::Array rows;
  for (const OpCase& op_case : chosen_cases(options)) {
    const OpPtr op = op_case.op(DType::f32);
    const std::vector<Tensor> inputs = make_inputs(op_case, DType::f32);
    const Cost cost = op_case.cost();
    for (const std::string& candidate : candidates_of(op->name())) {
      if (!options.candidate.empty() && candidate != options.candidate) continue;
      if (decline_reason(op, inputs, candidate)) continue;
      RunOptions how;
      how.candidate = candidate;
      how.threads = options.threads;
      const double milliseconds = time_op(op, inputs, how, options.repeats);
      if (milliseconds == 0) continue;  // a view: no kernel runs
      const double rate = gigabytes_per_second(static_cast<double>(cost.bytes), milliseconds);
      const double copy_share = rate / peaks.copy(cost.bytes);
      std::printf("%-52s %-10s %10.2f %8.1f %7.0f", op_case.name.c_str(), candidate.c_str(),
                  milliseconds * 1e3, rate, copy_share * 100);
      Json row = Json::Object{{"op", std::string(op->name())}, {"case", op_case.name},
                              {"candidate", candidate},        {"milliseconds", milliseconds},
                              {"bytes", cost.bytes},           {"gigabytes_per_second", rate},
                              {"share_of_copy", copy_share}};
      if (cost.flops > 0) {
        const double gflops = gflops_per_second(cost.flops, milliseconds);
        std::printf(" %9.1f %7.0f", gflops, gflops / peaks.gflops() * 100);
        row.set("gflops_per_second", gflops);
        row.set("share_of_peak", gflops / peaks.gflops());
      }
      std::printf("\n");
      rows.push_back(std::move(row));
    }
  }
  if (options.json.empty()) return;
  std::ofstream file(options.json);
  file << Json(Json::Object{{"threads", options.threads},
                            {"repeats", options.repeats},
                            {"peak_gflops_per_second", peaks.gflops()},
                            {"rows", rows}})
              .to_string(2)
       << "\n";
  if (!file.flush()) fail(ErrorCode::io, "cannot write ", options.json);
}

Options parse(int count, char** arguments) {
  Options options;
  bool help = false;
  CommandLine line("op_bench", "Times every kernel of the CPU on the tests' cases.");
  line.add_text("--op", "NAME", "only this op, such as conv2d", options.op);
  line.add_text("--case", "TEXT", "only cases whose name contains this", options.label);
  line.add_text("--candidate", "NAME", "only this candidate, such as reference", options.candidate);
  line.add_flag("--all", "every case, not only the largest of each op", options.all);
  line.add_number("--threads", "N", "all the machine has unless told otherwise", options.threads,
                  1);
  line.add_number("--repeats", "N", "runs of which the median counts (50)", options.repeats, 1);
  line.add_text("--json", "FILE", "write the rows to this file", options.json);
  line.add_flag("--help", "this text", help);
  line.parse(count, arguments);
  if (help) {
    std::cout << line.help();
    std::exit(0);
  }
  return options;
}

}  // namespace
}  // namespace fovea::test

int main(int count, char** arguments) {
  try {
    fovea::test::run(fovea::test::parse(count, arguments));
  } catch (const UsageError& error) {
    std::cerr << "op_bench: " << error.what() << "; see op_bench --help\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "op_bench: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
