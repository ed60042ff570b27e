// The time below which no training step of the CIFAR-10 network can come on this machine's CPU with
// oneDNN: its convolutions alone, forward and both backward passes, each in the memory formats that
// oneDNN likes best, with no reorder, pooling, loss or optimizer in the timed part.
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

/// The forward pass, the backward pass to the weights and bias, and, unless the layer is the first,
/// the backward pass to the data.
void append_steps(const Convolution& conv, bool first, std::int64_t batch,
                  const dnnl::engine& engine, std::vector<Step>& steps) {
  const std::int64_t out = conv.size - 2;
  const dnnl::memory::dims one = {1, 1};
  const dnnl::memory::dims zero = {0, 0};
  const auto x = any({batch, conv.channels, conv.size, conv.size});
  const auto w = any({conv.filters, conv.channels, 3, 3});
  const auto y = any({batch, conv.filters, out, out});
  const dnnl::memory::desc b({conv.filters}, dnnl::memory::data_type::f32,
                             dnnl::memory::format_tag::a);
  const auto direct = dnnl::algorithm::convolution_direct;
  const double flops =
      2.0 * 9 * static_cast<double>(batch * out * out * conv.channels * conv.filters);

  const auto forward = onednn::describe<dnnl::convolution_forward>(
      engine, {}, dnnl::prop_kind::forward_training, direct, x, w, b, y, one, zero, zero);
  steps.push_back({conv.name + " forward",
                   forward.impl_info_str(),
                   flops,
                   dnnl::convolution_forward(forward),
                   {{DNNL_ARG_SRC, filled(forward.src_desc(), engine)},
                    {DNNL_ARG_WEIGHTS, filled(forward.weights_desc(), engine)},
                    {DNNL_ARG_BIAS, filled(b, engine)},
                    {DNNL_ARG_DST, filled(forward.dst_desc(), engine)}},
                   {}});

  const auto weights = onednn::describe_backward<dnnl::convolution_backward_weights>(
      engine, {}, forward, direct, x, w, b, y, one, zero, zero);
  steps.push_back({conv.name + " backward weights",
                   weights.impl_info_str(),
                   flops,
                   dnnl::convolution_backward_weights(weights),
                   {{DNNL_ARG_SRC, filled(weights.src_desc(), engine)},
                    {DNNL_ARG_DIFF_DST, filled(weights.diff_dst_desc(), engine)},
                    {DNNL_ARG_DIFF_WEIGHTS, filled(weights.diff_weights_desc(), engine)},
                    {DNNL_ARG_DIFF_BIAS, filled(b, engine)}},
                   {}});
  if (first) return;

  const auto data = onednn::describe_backward<dnnl::convolution_backward_data>(
      engine, {}, forward, direct, x, w, y, one, zero, zero);
  steps.push_back({conv.name + " backward data",
                   data.impl_info_str(),
                   flops,
                   dnnl::convolution_backward_data(data),
                   {{DNNL_ARG_DIFF_DST, filled(data.diff_dst_desc(), engine)},
                    {DNNL_ARG_WEIGHTS, filled(data.weights_desc(), engine)},
                    {DNNL_ARG_DIFF_SRC, filled(data.diff_src_desc(), engine)}},
                   {}});
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Runs all primitives one after another `repeats` times; returns the median time of a pass.
double measure(std::vector<Step>& steps, dnnl::stream& stream, int repeats) {
  constexpr int kWarmUp = 5;
  std::vector<double> totals;
  for (int repeat = -kWarmUp; repeat < repeats; ++repeat) {
    double total = 0;
    for (Step& step : steps) {
      const auto start = std::chrono::steady_clock::now();
      step.primitive.execute(stream, step.arguments);
      const double elapsed = Milliseconds(std::chrono::steady_clock::now() - start).count();
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
  std::vector<Step> steps;
  for (std::size_t i = 0; i < convolutions.size(); ++i) {
    append_steps(convolutions[i], i == 0, options.batch, engine, steps);
  }
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
