// How fast each candidate of a device computes convolutions: the shapes of well-known networks,
// forward and both backward passes, in every number format.
//
// A row has the median time of one candidate's kernel with cold caches and what 80 % of its runs
// lie between; the rate of operations beside the fastest matrix product in the same format; and the
// bytes of its tensors per second beside the fastest copy, both measured in the same run. Before it
// is timed, 2,000 of its outputs are compared with the definition, computed in f64: a candidate
// that is wrong is a failed row, and the exit code is 1.
#include <omp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "benchmarks/support/candidate_run.h"
#include "benchmarks/support/conv_problem.h"
#include "benchmarks/support/peaks.h"
#include "benchmarks/support/report.h"
#include "benchmarks/support/sampled_reference.h"
#include "fovea/device.h"
#include "fovea/error.h"
#include "fovea/float16.h"
#include "samples/command_line.h"

namespace fovea::bench {
namespace {

constexpr std::int64_t kSamples = 2000;

/// A candidate whose first run takes so many times the best one's time, and milliseconds at all, is
/// not run again.
constexpr double kHopelessFactor = 4, kHopelessLeast = 1;

struct Options {
  std::string device = "cuda";
  std::string shape, custom, pass, format, candidate;
  std::string batches = "0";
  std::string json;
  bool quick = false;
  int threads = omp_get_max_threads();
  Timing timing;
};

/// What became of one candidate.
struct Row {
  enum class Status { ok, wrong, failed, declined, does_not_fit };

  std::string candidate;  ///< empty where none got as far as running
  Status status = Status::ok;
  std::string reason;  ///< of any status but ok
  double error = 0;
  Spread time = {};  ///< milliseconds
  std::int64_t workspace_bytes = 0;
  bool winner = false;
  bool hopeless = false;  ///< so slow that it was run once only
};

constexpr std::array<const char*, 5> kStatusNames = {"ok", "wrong", "failed", "declined",
                                                     "does_not_fit"};
const char* name_of(Row::Status status) { return kStatusNames[static_cast<std::size_t>(status)]; }

/// Elements of device memory at these indices.
std::vector<double> read_elements(const Bench& bench, const Operand& from,
                                  const std::vector<std::int64_t>& indices) {
  const DType dtype = from.type.dtype;
  Tensor buffer({static_cast<std::int64_t>(indices.size())}, dtype);
  std::vector<double> values;
  for (std::size_t begin = 0; begin < indices.size();) {
    std::size_t end = begin + 1;  // neighbours are read together
    while (end < indices.size() && indices[end] == indices[end - 1] + 1) ++end;
    const char* first = static_cast<const char*>(from.memory) +
                        static_cast<std::size_t>(indices[begin]) * dtype_size(dtype);
    bench.stream().download(buffer.mutable_raw(), first, (end - begin) * dtype_size(dtype));
    for (std::size_t i = 0; i < end - begin; ++i) {
      values.push_back(buffer.item(static_cast<std::int64_t>(i)));
    }
    begin = end;
  }
  return values;
}

/// All candidates on one shape, pass and format.
class Contest {
 public:
  Contest(const Bench& bench, const Options& options, const ConvProblem& problem)
      : bench_(bench), options_(options), problem_(problem) {}

  std::vector<Row> run() {
    std::vector<Row> rows;
    const auto& candidates = bench_.device().kernels().candidates(problem_.op->name());
    try {
      for (const ValueType& type : problem_.inputs) inputs_.push_back(allocate(type));
      output_ = allocate(problem_.output);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::out_of_memory) throw;
      return {{"", Row::Status::does_not_fit, error.what()}};
    }
    for (const auto& candidate : candidates) {
      if (!options_.candidate.empty() && candidate.name != options_.candidate) continue;
      rows.push_back(measure(candidate));
    }
    Row* fastest = nullptr;
    for (Row& row : rows) {
      if (row.status != Row::Status::ok) continue;
      if (fastest == nullptr || row.time.median < fastest->time.median) fastest = &row;
    }
    if (fastest != nullptr) fastest->winner = true;
    return rows;
  }

 private:
  Operand allocate(const ValueType& type) {
    owned_.push_back(bench_.allocate(type.bytes()));
    return {type, owned_.back().get()};
  }

  /// The inputs' values and the samples' reference: made when a candidate has accepted.
  void fill_inputs() {
    if (!reference_.empty()) return;
    const std::array<const Pattern*, 2> patterns = {&pattern_of(problem_.format.storage, 1),
                                                    &pattern_of(problem_.format.storage, 2)};
    for (std::size_t i = 0; i < 2; ++i) {
      fill_repeating(bench_, patterns[i]->stored(), inputs_[i]);
    }
    samples_ = sample_elements(problem_.output.shape.numel(), kSamples);
    reference_ = conv_reference(problem_, patterns, samples_, options_.threads);
  }

  Row measure(const KernelTable::Candidate& candidate) {
    Row row;
    row.candidate = candidate.name;
    try {
      fill_inputs();
      auto prepared = CandidateRun::prepare(bench_, candidate, *problem_.op, inputs_, {output_},
                                            problem_.format.allow_tf32);
      if (const auto* decline = std::get_if<Decline>(&prepared)) {
        row.status = Row::Status::declined;
        row.reason = decline->reason;
        return row;
      }
      CandidateRun& run = *std::get<0>(prepared);
      row.workspace_bytes = run.workspace_bytes();
      // All bits set: a NaN, in every format.
      bench_.stream().fill(output_.memory, 0xFF, static_cast<std::size_t>(output_.type.bytes()));
      run.run();
      row.error = relative_error(read_elements(bench_, output_, samples_), reference_);
      if (!(row.error <= problem_.format.tolerance)) {
        row.status = Row::Status::wrong;
        row.reason =
            detail::concat("relative error ", row.error, ", more than ", problem_.format.tolerance);
        return row;
      }
      Timing timing = options_.timing;
      timing.hopeless = std::max(kHopelessFactor * best_, kHopelessLeast);
      row.time = run.time(timing);
      row.hopeless = row.time.count == 1;
      best_ = std::min(best_, row.time.median);
    } catch (const Error& error) {
      row.status = error.code() == ErrorCode::out_of_memory ? Row::Status::does_not_fit
                                                            : Row::Status::failed;
      row.reason = error.what();
      if (error.code() == ErrorCode::device_lost) throw;
    }
    return row;
  }

  const Bench& bench_;
  const Options& options_;
  const ConvProblem& problem_;
  std::vector<std::shared_ptr<void>> owned_;
  std::vector<Operand> inputs_;
  Operand output_;
  std::vector<std::int64_t> samples_;
  std::vector<double> reference_;
  double best_ = std::numeric_limits<double>::infinity();  ///< ms, so far
};

double tflops_of(const ConvProblem& problem, const Row& row) {
  return problem.cost.flops / row.time.median * 1e-9;
}
double gigabytes_per_second_of(const ConvProblem& problem, const Row& row) {
  return static_cast<double>(problem.cost.bytes) / row.time.median * 1e-6;
}

/// Of the peaks, as they are known so far.
void set_shares(Json& json, const NumberFormat& format, Peaks& peaks) {
  const double peak = peaks.matmul(format).tflops;
  json.set("share_of_matmul", peak > 0 ? Json(json.at("tflops").as_double() / peak) : Json());
  json.set("share_of_copy", json.at("gigabytes_per_second").as_double() / peaks.copy());
}

Json json_of(const ConvProblem& problem, const Row& row, Peaks& peaks) {
  const ConvShape& s = problem.shape;
  Json json = Json::Object{{"shape", s.name},
                           {"n", s.n},
                           {"c", s.c},
                           {"h", s.h},
                           {"w", s.w},
                           {"k", s.k},
                           {"r", s.r},
                           {"s", s.s},
                           {"stride", s.stride},
                           {"pad", s.pad},
                           {"groups", s.groups},
                           {"dilation", s.dilation},
                           {"pass", kPassNames[static_cast<std::size_t>(problem.pass)]},
                           {"dtype", problem.format.name},
                           {"candidate", row.candidate},
                           {"status", name_of(row.status)}};
  if (row.status != Row::Status::ok) return json.set("reason", row.reason);
  const double tflops = tflops_of(problem, row);
  const double rate = gigabytes_per_second_of(problem, row);
  json.set("winner", row.winner);
  json.set("run_once_only", row.hopeless);
  json.set("milliseconds", to_json(row.time));
  json.set("flops", problem.cost.flops);
  json.set("tflops", tflops);
  json.set("bytes", problem.cost.bytes);
  json.set("gigabytes_per_second", rate);
  set_shares(json, problem.format, peaks);
  json.set("workspace_bytes", row.workspace_bytes);
  json.set("relative_error", row.error);
  json.set("tolerance", problem.format.tolerance);
  return json;
}

void print_heading() {
  std::printf("%-30s %5s %-15s %-5s   %-16s %10s %19s %9s %6s %8s %6s %9s\n", "shape", "N", "pass",
              "dtype", "candidate", "ms", "80 % of runs", "TFLOP/s", "% mm", "GB/s", "% copy",
              "error");
}

void print_row(const ConvProblem& problem, const Row& row, Peaks& peaks) {
  std::printf("%-30s %5lld %-15s %-5s %c %-16s", problem.shape.name.c_str(),
              static_cast<long long>(problem.shape.n),
              kPassNames[static_cast<std::size_t>(problem.pass)], problem.format.name,
              row.winner     ? '*'
              : row.hopeless ? '~'
                             : ' ',
              row.candidate.c_str());
  if (row.status != Row::Status::ok) {
    std::printf(" %s: %s\n", name_of(row.status), row.reason.c_str());
    return;
  }
  const double tflops = tflops_of(problem, row);
  const double rate = gigabytes_per_second_of(problem, row);
  const double peak = peaks.matmul(problem.format).tflops;
  std::printf(" %10.4f %9.4f-%9.4f %9.4f", row.time.median, row.time.p10, row.time.p90, tflops);
  if (peak > 0) {
    std::printf(" %6.1f", tflops / peak * 100);
  } else {
    std::printf(" %6s", "-");
  }
  std::printf(" %8.1f %6.1f %9.1e\n", rate, rate / peaks.copy() * 100, row.error);
}

/// The whole run: every contest that the options ask for.
class Session {
 public:
  Session(const Options& options, std::shared_ptr<Device> device)
      : options_(options),
        bench_(std::move(device), options.threads),
        peaks_(bench_,
               options.quick ? PeakSizes{512, std::int64_t{32} << 20} : sizes_for(bench_.device())),
        about_(describe_run(bench_.device().name())) {}

  /// Whether every row is as it should be, and there is one at least.
  bool run(const std::vector<ConvProblem>& problems) {
    std::printf("%s, copies at %.0f GB/s\n", bench_.device().name().c_str(), peaks_.copy());
    print_heading();
    for (const ConvProblem& problem : problems) {
      try {
        const std::vector<Row> rows = Contest(bench_, options_, problem).run();
        report(problem, rows);
      } catch (const Error& error) {  // nothing more can be measured on this device
        report(problem, {{"", Row::Status::failed, error.what()}});
        return false;
      }
    }
    finish();
    print_summary();
    return failures_ == 0 && measured_ > 0;
  }

 private:
  /// Compares every row with the peaks as they are at the end, where they are higher then.
  void finish() {
    if (!options_.quick) peaks_.measure_again();
    for (Json& row : rows_) {
      if (row.at("status").as_string() != "ok") continue;
      for (const NumberFormat& format : kNumberFormats) {
        if (row.at("dtype").as_string() == format.name) set_shares(row, format, peaks_);
      }
    }
    complete_ = true;
    write();
  }

  void report(const ConvProblem& problem, const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      using Status = Row::Status;
      if (row.status == Status::ok) ++measured_;
      if (row.status == Status::does_not_fit) ++too_large_;
      if (row.status == Status::wrong || row.status == Status::failed) ++failures_;
      if (row.winner) ++wins_[std::string(problem.format.name) + " " + row.candidate];
      print_row(problem, row, peaks_);
      rows_.push_back(json_of(problem, row, peaks_));
    }
    std::fflush(stdout);
    write();
  }

  /// After every contest, so that a run that is stopped leaves what it has measured.
  void write() {
    if (options_.json.empty()) return;
    Json json = about_;
    json.set("complete", complete_);
    json.set("threads", options_.threads);
    json.set("quick", options_.quick);
    json.set("peaks", peaks_.to_json());
    json.set("failures", failures_);
    json.set("rows", rows_);
    write_json(options_.json, json);
  }

  void print_summary() {
    std::printf("\n%d rows measured, %d failed, %d did not fit into memory\n", measured_, failures_,
                too_large_);
    for (const auto& [who, count] : wins_) {
      std::printf("  fastest %3d times: %s\n", count, who.c_str());
    }
    const Json peaks = peaks_.to_json();
    for (const auto& [format, peak] : peaks.at("matmul").as_object()) {
      std::printf("  matrix product, %s: %.2f TFLOP/s (%s)\n", format.c_str(),
                  peak.at("tflops").as_double(), peak.at("candidate").as_string().c_str());
    }
    std::printf("  copies: %.0f GB/s\n", peaks_.copy());
  }

  const Options& options_;
  Bench bench_;
  Peaks peaks_;
  Json about_;
  Json::Array rows_;
  std::map<std::string, int> wins_;
  int measured_ = 0, failures_ = 0, too_large_ = 0;
  bool complete_ = false;
};

// ---- What to measure ----

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::int64_t parse_batch(const std::string& text) {
  std::int64_t batch = -1;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), batch);
  if (error != std::errc() || stop != text.data() + text.size() || batch < 0) {
    throw UsageError("--batch takes numbers from 0 on, separated by commas, not '" + text + "'");
  }
  return batch;
}

/// The named shapes or those of the command line, at every batch size asked for.
std::vector<ConvShape> chosen_shapes(const Options& options) {
  std::vector<ConvShape> shapes;
  for (const std::string& text : split(options.custom, ';')) {
    shapes.push_back(parse_conv_shape(text));
  }
  if (shapes.empty() || !options.shape.empty()) {
    for (const ConvShape& shape : conv_shapes()) {
      if (shape.name.find(options.shape) != std::string::npos) shapes.push_back(shape);
    }
  }
  std::string known;
  for (const ConvShape& shape : conv_shapes()) known += "\n  " + shape.name;
  FOVEA_REQUIRE(!shapes.empty(), invalid_argument, "no shape has '", options.shape,
                "' in its name; known are:", known);
  std::vector<ConvShape> chosen;
  for (const std::string& batch : split(options.batches, ',')) {
    for (ConvShape shape : shapes) {
      if (parse_batch(batch) > 0) shape.n = parse_batch(batch);
      if (options.quick && shape.name != "custom") {
        shape.n = std::max<std::int64_t>(shape.n / 64, 1);
      }
      chosen.push_back(shape);
    }
  }
  return chosen;
}

std::vector<ConvProblem> chosen_problems(const Options& options, const Device& device) {
  std::vector<ConvProblem> problems;
  for (const ConvShape& shape : chosen_shapes(options)) {
    for (const NumberFormat& format : kNumberFormats) {
      const bool wanted = options.format.empty()
                              ? !device.is_host() || std::string(format.name) == "f32"
                              : options.format == format.name;
      if (!wanted) continue;
      for (const Pass pass : {Pass::forward, Pass::backward_data, Pass::backward_filter}) {
        if (!options.pass.empty() && options.pass != kPassNames[static_cast<std::size_t>(pass)]) {
          continue;
        }
        problems.push_back(make_conv_problem(shape, pass, format));
      }
    }
  }
  return problems;
}

Options parse(int count, char** arguments) {
  Options o;
  bool help = false;
  CommandLine line("conv_bench", "Times every candidate of a device for convolutions.");
  line.add_text("--device", "NAME", "cpu, cuda (the default) or cuda:1", o.device);
  line.add_text("--shape", "TEXT", "only shapes with this in their name, such as resnet50_3x3",
                o.shape);
  line.add_text("--custom", "LIST",
                "N,C,H,W,K,R,S,stride,pad[,groups[,dilation]]; several with ';' between", o.custom);
  line.add_choice("--pass", {kPassNames.begin(), kPassNames.end()}, "only this pass", o.pass);
  line.add_choice("--dtype", {"f32", "tf32", "f16", "bf16"},
                  "only this format; default: all, on a CPU f32", o.format);
  line.add_text("--candidate", "NAME", "only this candidate, such as cudnn", o.candidate);
  line.add_text("--batch", "N[,N]", "instead of the shapes' own batch size, which 0 stands for",
                o.batches);
  line.add_number("--repeats", "N", "timed runs, at most (30)", o.timing.repeats, 1);
  line.add_number("--seconds", "S", "after which no more runs are begun, but for five (1)",
                  o.timing.seconds, 0);
  line.add_number("--threads", "N", "of the CPU; default: all", o.threads, 1);
  line.add_flag("--quick", "batches of a 64th, a few runs: for a first look, or a CPU", o.quick);
  line.add_text("--json", "FILE", "write every row to this file", o.json);
  line.add_flag("--help", "print this and stop", help);
  line.parse(count, arguments);
  if (help) {
    std::cout << line.help();
    std::exit(0);
  }
  if (o.quick) o.timing = {std::min(o.timing.repeats, 5), std::min(o.timing.seconds, 0.2), 3};
  return o;
}

bool run(const Options& options) {
  const std::shared_ptr<Device> device = open_device(options.device);
  return Session(options, device).run(chosen_problems(options, *device));
}

}  // namespace
}  // namespace fovea::bench

int main(int count, char** arguments) {
  try {
    return fovea::bench::run(fovea::bench::parse(count, arguments)) ? 0 : 1;
  } catch (const UsageError& error) {
    std::cerr << "conv_bench: " << error.what() << "; see conv_bench --help\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "conv_bench: " << error.what() << "\n";
    return 1;
  }
}
