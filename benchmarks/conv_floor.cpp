// The time below which no training step of the CIFAR-10 network can come on this machine's CPU with
// oneDNN: its convolutions alone, forward and both backward passes, each in the memory formats that
// oneDNN likes best, with no reorder, pooling, loss or optimizer in the timed part. Each pass runs
// by the direct algorithm and, where oneDNN has it, by Winograd's; the faster one counts.
//
//   conv_floor [--batch 32] [--threads 2] [--repeats 50] [--json FILE]
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fovea/error.h"
#include "fovea/json.h"
#include "host/cpu/onednn/compat.h"

namespace fovea {
namespace {

using Arguments = std::unordered_map<int, dnnl::memory>;
using Milliseconds = std::chrono::duration<double, std::milli>;

struct Options {
  std::int64_t batch = 32;
  int threads = omp_get_max_threads();
  int repeats = 50;
  std::string json;
};

struct Convolution {
  std::string name;
  std::int64_t channels, size, filters;  // a size x size picture, a 3x3 window, no padding
};

/// One primitive with memory of its own.
struct Step {
  std::string name;
  std::string implementation;
  double flops;
  dnnl::primitive primitive;
  Arguments arguments;
  std::vector<double> milliseconds;
};

dnnl::memory::desc any(const dnnl::memory::dims& dims) {
  return {dims, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
}

/// Memory filled with small numbers of both signs.
dnnl::memory filled(const dnnl::memory::desc& desc, const dnnl::engine& engine) {
  dnnl::memory memory(desc, engine);
  auto* values = static_cast<float*>(memory.get_data_handle());
  const std::size_t count = desc.get_size() / sizeof(float);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>(static_cast<int>((i * 2654435761U) >> 7 & 255) - 128) / 256.0F;
  }
  return memory;
}

/// What the three passes of a convolution share.
struct Problem {
  dnnl::memory::desc x, w, b, y;
  dnnl::memory::dims stride = {1, 1};
  dnnl::memory::dims padding = {0, 0};
  const dnnl::engine& engine;

  auto forward(dnnl::algorithm algorithm) const {
    return onednn::describe<dnnl::convolution_forward>(engine, {},
                                                       dnnl::prop_kind::forward_training, algorithm,
                                                       x, w, b, y, stride, padding, padding);
  }
};

Step forward_step(const Problem& p, dnnl::algorithm algorithm) {
  const auto desc = p.forward(algorithm);
  return {"forward",
          desc.impl_info_str(),
          0,
          dnnl::convolution_forward(desc),
          {{DNNL_ARG_SRC, filled(desc.src_desc(), p.engine)},
           {DNNL_ARG_WEIGHTS, filled(desc.weights_desc(), p.engine)},
           {DNNL_ARG_BIAS, filled(p.b, p.engine)},
           {DNNL_ARG_DST, filled(desc.dst_desc(), p.engine)}},
          {}};
}

Step weights_step(const Problem& p, dnnl::algorithm algorithm) {
  const auto desc = onednn::describe_backward<dnnl::convolution_backward_weights>(
      p.engine, {}, p.forward(algorithm), algorithm, p.x, p.w, p.b, p.y, p.stride, p.padding,
      p.padding);
  return {"backward weights",
          desc.impl_info_str(),
          0,
          dnnl::convolution_backward_weights(desc),
          {{DNNL_ARG_SRC, filled(desc.src_desc(), p.engine)},
           {DNNL_ARG_DIFF_DST, filled(desc.diff_dst_desc(), p.engine)},
           {DNNL_ARG_DIFF_WEIGHTS, filled(desc.diff_weights_desc(), p.engine)},
           {DNNL_ARG_DIFF_BIAS, filled(p.b, p.engine)}},
          {}};
}

Step data_step(const Problem& p, dnnl::algorithm algorithm) {
  const auto desc = onednn::describe_backward<dnnl::convolution_backward_data>(
      p.engine, {}, p.forward(algorithm), algorithm, p.x, p.w, p.y, p.stride, p.padding, p.padding);
  return {"backward data",
          desc.impl_info_str(),
          0,
          dnnl::convolution_backward_data(desc),
          {{DNNL_ARG_DIFF_DST, filled(desc.diff_dst_desc(), p.engine)},
           {DNNL_ARG_WEIGHTS, filled(desc.weights_desc(), p.engine)},
           {DNNL_ARG_DIFF_SRC, filled(desc.diff_src_desc(), p.engine)}},
          {}};
}

/// The rivals for each pass of a convolution: forward, backward to the weights and bias and, unless
/// the layer is the first, backward to the data.
void append_passes(const Convolution& conv, bool first, std::int64_t batch,
                   const dnnl::engine& engine, std::vector<std::vector<Step>>& passes) {
  const std::int64_t out = conv.size - 2;
  const Problem problem = {
      any({batch, conv.channels, conv.size, conv.size}),
      any({conv.filters, conv.channels, 3, 3}),
      {{conv.filters}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::a},
      any({batch, conv.filters, out, out}),
      {1, 1},
      {0, 0},
      engine};
  const double flops =
      2.0 * 9 * static_cast<double>(batch * out * out * conv.channels * conv.filters);
  for (const auto make : {forward_step, weights_step, data_step}) {
    if (first && make == data_step) continue;
    std::vector<Step> rivals;
    for (const auto algorithm :
         {dnnl::algorithm::convolution_direct, dnnl::algorithm::convolution_winograd}) {
      try {
        rivals.push_back(make(problem, algorithm));
        rivals.back().name = conv.name + " " + rivals.back().name;
        rivals.back().flops = flops;
      } catch (const dnnl::error&) {
        if (algorithm == dnnl::algorithm::convolution_direct) throw;
      }
    }
    passes.push_back(std::move(rivals));
  }
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double run_once(Step& step, dnnl::stream& stream) {
  const auto start = std::chrono::steady_clock::now();
  step.primitive.execute(stream, step.arguments);
  stream.wait();
  return Milliseconds(std::chrono::steady_clock::now() - start).count();
}

/// Of each pass, the rival with the lowest median of a few runs.
std::vector<Step> fastest(std::vector<std::vector<Step>>& passes, dnnl::stream& stream) {
  std::vector<Step> steps;
  for (std::vector<Step>& rivals : passes) {
    std::vector<double> medians;
    for (Step& rival : rivals) {
      std::vector<double> times;
      for (int repeat = 0; repeat < 15; ++repeat) times.push_back(run_once(rival, stream));
      medians.push_back(median(times));
    }
    const auto best = std::min_element(medians.begin(), medians.end()) - medians.begin();
    steps.push_back(std::move(rivals[static_cast<std::size_t>(best)]));
  }
  return steps;
}

/// Runs all primitives one after another `repeats` times; returns the median time of a pass.
double measure(std::vector<Step>& steps, dnnl::stream& stream, int repeats) {
  constexpr int kWarmUp = 5;
  std::vector<double> totals;
  for (int repeat = -kWarmUp; repeat < repeats; ++repeat) {
    double total = 0;
    for (Step& step : steps) {
      const double elapsed = run_once(step, stream);
      total += elapsed;
      if (repeat >= 0) step.milliseconds.push_back(elapsed);
    }
    if (repeat >= 0) totals.push_back(total);
  }
  return median(totals);
}

void report(const Options& options, const std::vector<Step>& steps, double total) {
  const dnnl_version_t& version = *dnnl_version();
  const std::string library = std::to_string(version.major) + "." + std::to_string(version.minor) +
                              "." + std::to_string(version.patch);
  std::printf("oneDNN %s, batch %lld, %d threads, median of %d\n", library.c_str(),
              static_cast<long long>(options.batch), options.threads, options.repeats);
  Json::Array rows;
  for (const Step& step : steps) {
    const double milliseconds = median(step.milliseconds);
    const double gflops = step.flops / milliseconds * 1e-6;
    std::printf("  %-24s %8.3f ms %8.1f GFLOP/s  %s\n", step.name.c_str(), milliseconds, gflops,
                step.implementation.c_str());
    rows.push_back(Json::Object{{"name", step.name},
                                {"implementation", step.implementation},
                                {"milliseconds", milliseconds},
                                {"gflops_per_second", gflops}});
  }
  std::printf("  %-24s %8.3f ms\n", "all", total);
  if (options.json.empty()) return;
  std::ofstream file(options.json);
  file << Json(Json::Object{{"onednn", library},
                            {"batch", options.batch},
                            {"threads", options.threads},
                            {"milliseconds_per_step", total},
                            {"primitives", rows}})
              .to_string(2)
       << "\n";
  if (!file.flush()) fail(ErrorCode::io, "cannot write ", options.json);
}

std::int64_t positive(std::string_view option, const std::string& text) {
  std::size_t used = 0;
  std::int64_t value = 0;
  try {
    value = std::stoll(text, &used);
  } catch (const std::logic_error&) {
    used = 0;
  }
  FOVEA_REQUIRE(used == text.size() && value >= 1 && value <= 1'000'000, invalid_argument, option,
                " wants a number from 1 to 1000000, not \"", text, "\"");
  return value;
}

Options parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; i += 2) {
    const std::string_view option = arguments[i];
    FOVEA_REQUIRE(i + 1 < count, invalid_argument, option, " wants a value");
    const std::string value = arguments[i + 1];
    if (option == "--batch") {
      options.batch = positive(option, value);
    } else if (option == "--threads") {
      options.threads = static_cast<int>(positive(option, value));
    } else if (option == "--repeats") {
      options.repeats = static_cast<int>(positive(option, value));
    } else if (option == "--json") {
      options.json = value;
    } else {
      fail(ErrorCode::invalid_argument, "unknown option ", option,
           "; the options are --batch, --threads, --repeats and --json");
    }
  }
  return options;
}

void run(const Options& options) {
  omp_set_num_threads(options.threads);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const std::vector<Convolution> convolutions = {
      {"conv1", 3, 32, 32}, {"conv2", 32, 15, 64}, {"conv3", 64, 6, 64}};
  std::vector<std::vector<Step>> passes;
  for (std::size_t i = 0; i < convolutions.size(); ++i) {
    append_passes(convolutions[i], i == 0, options.batch, engine, passes);
  }
  std::vector<Step> steps = fastest(passes, stream);
  report(options, steps, measure(steps, stream, options.repeats));
}

}  // namespace
}  // namespace fovea

int main(int count, char** arguments) {
  try {
    fovea::run(fovea::parse(count, arguments));
  } catch (const std::exception& error) {
    std::cerr << "conv_floor: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
