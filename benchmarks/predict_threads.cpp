// What a second thread of a program adds to the throughput of predict(), with one model for both
// and one CPU thread per call.
//
// Three ways to predict take turns, several rounds of them: one thread, two threads with one model,
// two threads with a model each. In a round, every thread predicts batch after batch until the time
// is over, and the pictures of all threads are counted. The medians' ratios to one thread are the
// result: that of one model must be 1.7 at least, where that of two models, which share nothing,
// is; what two models lack to 2.0 is the machine's, whose cores share memory, clock and, as
// hyperthreads, their arithmetic.
#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "benchmarks/support/report.h"
#include "fovea/model.h"
#include "fovea/models.h"
#include "samples/command_line.h"

namespace fovea::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string model = "cifar10_cnn";
  std::int64_t batch = 0;  // 0: 1 and 64
  int rounds = 15;
  double seconds = 0.5;
  std::string json;
};

Model make_predictor(const Options& options) {
  return Model(make_network(options.model), {.device = "cpu", .threads = 1});
}

Tensor make_batch(const Model& model, std::int64_t batch) {
  Tensor x(model.network().inputs().front().shape.prepend(batch), DType::f32);
  float value = 0;
  for (float& cell : x.span<float>()) cell = value = value > 254 ? 0 : value + 0.37F;
  return x;
}

/// Pictures per second of as many threads as there are models, which may be the same one.
double throughput(const std::vector<Model*>& models, std::int64_t batch, double seconds) {
  std::atomic<std::int64_t> calls{0};
  std::atomic<bool> over{false};
  std::barrier start(static_cast<std::ptrdiff_t>(models.size()) + 1);
  std::vector<std::thread> threads;
  for (Model* model : models) {
    threads.emplace_back([&, model] {
      const Tensor x = make_batch(*model, batch);
      model->predict(x);  // plans, and takes memory
      start.arrive_and_wait();
      std::int64_t done = 0;
      for (; !over; ++done) model->predict(x);
      calls += done;
    });
  }
  start.arrive_and_wait();
  const Clock::time_point begin = Clock::now();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  over = true;
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> elapsed = Clock::now() - begin;
  return static_cast<double>(calls * batch) / elapsed.count();
}

Json measure(const Options& options, std::int64_t batch) {
  Model first = make_predictor(options);
  Model second = make_predictor(options);
  std::vector<double> one_thread;
  std::vector<double> one_model;
  std::vector<double> two_models;
  for (int round = 0; round < options.rounds; ++round) {
    one_thread.push_back(throughput({&first}, batch, options.seconds));
    one_model.push_back(throughput({&first, &first}, batch, options.seconds));
    two_models.push_back(throughput({&first, &second}, batch, options.seconds));
  }
  const Spread one = spread_of(one_thread);
  const Spread shared = spread_of(one_model);
  const Spread separate = spread_of(two_models);
  std::printf(
      "%-12s batch %3lld  one thread %9.0f images/s  two, one model x %.2f  a model each "
      "x %.2f\n",
      options.model.c_str(), static_cast<long long>(batch), one.median, shared.median / one.median,
      separate.median / one.median);
  Json row = Json::object();
  row.set("model", options.model);
  row.set("batch", batch);
  row.set("one_thread_images_per_second", to_json(one));
  row.set("two_threads_images_per_second", to_json(shared));
  row.set("two_models_images_per_second", to_json(separate));
  row.set("ratio", shared.median / one.median);
  row.set("ratio_of_two_models", separate.median / one.median);
  return row;
}

void run(const Options& options) {
  Json rows = Json::array();
  const std::vector<std::int64_t> batches =
      options.batch > 0 ? std::vector{options.batch} : std::vector<std::int64_t>{1, 64};
  for (const std::int64_t batch : batches) rows.push(measure(options, batch));
  if (options.json.empty()) return;
  Json json = describe_run("cpu");
  json.set("rows", rows);
  write_json(options.json, json);
}

Options parse(int count, char** arguments) {
  Options o;
  bool help = false;
  CommandLine line("predict_threads", "Times predict() in one thread and in two.");
  line.add_choice("--model", network_names(), "default: cifar10_cnn", o.model);
  line.add_number("--batch", "N", "pictures in a call; default: 1 and 64", o.batch, 1);
  line.add_number("--rounds", "N", "measurements of each kind (15)", o.rounds, 1);
  line.add_number("--seconds", "S", "of each measurement (0.5)", o.seconds, 0.01);
  line.add_text("--json", "FILE", "write the results to this file", o.json);
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
    fovea::bench::run(fovea::bench::parse(count, arguments));
    return 0;
  } catch (const UsageError& error) {
    std::cerr << "predict_threads: " << error.what() << "; see predict_threads --help\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "predict_threads: " << error.what() << "\n";
    return 1;
  }
}
