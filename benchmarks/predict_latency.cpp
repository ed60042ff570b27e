// How long a Predictor's call takes: the median over rounds of calls, one after another, with f32
// pictures in the caller's memory and the answers written into the caller's memory.
//
//   predict_latency --model FILE [--batch N] [--threads N] [--rounds N] [--seconds S]
//   [--on-request]
//
// One line of JSON per round: milliseconds per call. With --on-request a round begins when a line
// is read from standard input, so that a script can let it take turns with another program
// (compare_onnxruntime.py).
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "benchmarks/support/report.h"
#include "fovea/predictor.h"
#include "samples/command_line.h"

namespace fovea::bench {
namespace {

struct Options {
  std::string model;
  std::int64_t batch = 1;
  int threads = 0;
  int rounds = 1;
  double seconds = 1;
  bool on_request = false;
  bool help = false;
};

CommandLine command_line(Options& options) {
  CommandLine line("predict_latency", "Times a predictor's calls; a line of JSON per round.");
  line.add_text("--model", "FILE", "of any format that Model::load reads", options.model);
  line.add_number("--batch", "N", "pictures per call", options.batch, 1);
  line.add_number("--threads", "N", "of the CPU; 0: all", options.threads, 0);
  line.add_number("--rounds", "N", "how many", options.rounds, 1);
  line.add_number("--seconds", "S", "how long a round takes", options.seconds, 0);
  line.add_flag("--on-request", "begin a round when a line is read from standard input",
                options.on_request);
  line.add_flag("--help", "print this and stop", options.help);
  return line;
}

/// Milliseconds of each call, until the time is over.
std::vector<double> round_of_calls(const Predictor& predictor, const std::vector<Tensor>& inputs,
                                   std::vector<Tensor>& outputs, double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  std::vector<double> times;
  while (times.size() < 3 || Clock::now() < end) {
    const auto begin = Clock::now();
    predictor.run(inputs, outputs);
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  return times;
}

int run(const Options& options) {
  const Predictor predictor(
      options.model, {.batch_sizes = {options.batch}, .device = "cpu", .threads = options.threads});
  std::vector<Tensor> inputs;
  for (const InputSpec& input : predictor.inputs()) {
    inputs.emplace_back(input.shape.prepend(options.batch), input.dtype);
    float value = 0;
    for (float& cell : inputs.back().span<float>()) cell = value = value > 254 ? 0 : value + 0.37F;
  }
  std::vector<Tensor> outputs = predictor.predict_all(inputs);
  std::string request;
  for (int round = 0; round < options.rounds; ++round) {
    if (options.on_request && !std::getline(std::cin, request)) break;
    const Spread spread = spread_of(round_of_calls(predictor, inputs, outputs, options.seconds));
    std::cout << to_json(spread).to_string() << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace fovea::bench

int main(int argc, char** argv) {
  fovea::bench::Options options;
  CommandLine line = fovea::bench::command_line(options);
  try {
    line.parse(argc, argv);
    if (options.help) {
      std::cout << line.help();
      return 0;
    }
    if (options.model.empty()) throw UsageError("--model must name a file");
    return fovea::bench::run(options);
  } catch (const UsageError& error) {
    std::cerr << "predict_latency: " << error.what() << "; see predict_latency --help\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "predict_latency: " << error.what() << "\n";
    return 1;
  }
}
