// fovea bench: how fast a model trains here, or a convolution runs.
#include <algorithm>
#include <chrono>
#include <memory>

#include "fovea/layers.h"
#include "fovea/models.h"
#include "host/cli/command.h"
#include "host/cli/models.h"

namespace fovea::cli {
namespace {

/// Deterministic numbers that look like none, for data.
Tensor some_data(const Shape& shape, DType dtype) {
  Tensor tensor(shape, DType::f32);
  std::uint32_t state = 1;
  for (float& value : tensor.span<float>()) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 24);
  }
  return tensor.to(dtype);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

ModelOptions options_of(const DeviceChoice& choice) {
  return {.device = choice.device, .precision = choice.precision, .threads = choice.threads};
}

// ---- fovea bench train ----

struct TrainRequest {
  std::string model = "cifar10_cnn";
  std::int64_t batch_size = 64;
  int steps = 20;
  DeviceChoice device;
};

/// Milliseconds of each step, after a few that warm up.
std::vector<double> time_steps(Model& model, const TrainRequest& request) {
  constexpr int kWarmUp = 3;
  const Network& network = model.network();
  const InputSpec& spec = network.inputs().front();
  const Tensor x = some_data(spec.shape.prepend(request.batch_size), spec.dtype);
  const Tensor y = Tensor::zeros({request.batch_size}, DType::i32);
  std::vector<double> times;
  for (int step = -kWarmUp; step < request.steps; ++step) {
    const auto begin = std::chrono::steady_clock::now();
    model.train_on_batch({x}, {y});
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
    if (step >= 0) times.push_back(time.count());
  }
  return times;
}

int bench_train(Terminal& terminal, const TrainRequest& request) {
  const ModelChoice choice = find_model(request.model);
  Model model = load_any(choice, options_of(request.device));
  const Network& network = model.network();
  FOVEA_REQUIRE(network.inputs().size() == 1 && network.outputs().size() == 1, unsupported,
                request.model,
                " has several inputs or outputs; this measures models with one each");
  model.compile(settings_for(network, true));
  const std::vector<double> times = time_steps(model, request);
  const double milliseconds = median(times);
  const double rate = static_cast<double>(request.batch_size) / milliseconds * 1e3;
  terminal.result() << choice.name << " on " << model.device_name() << " in "
                    << request.device.precision << ", batches of " << request.batch_size << ": "
                    << terminal.bold(format_count(static_cast<std::int64_t>(rate)) + " samples/s")
                    << ", " << format_number(milliseconds) << " ms per step (median of "
                    << request.steps << "; fastest "
                    << format_number(*std::min_element(times.begin(), times.end())) << ")\n";
  Json document = Json::object();
  document.set("model", choice.name);
  document.set("device", model.device_name());
  document.set("precision", request.device.precision);
  document.set("batch_size", request.batch_size);
  document.set("steps", request.steps);
  document.set("milliseconds", milliseconds);
  document.set("fastest_milliseconds", *std::min_element(times.begin(), times.end()));
  document.set("samples_per_second", rate);
  terminal.document(document);
  return kSuccess;
}

// ---- fovea bench conv ----

struct ConvRequest {
  std::vector<std::int64_t> input = {32, 56, 56, 64};
  std::int64_t filters = 64;
  std::int64_t kernel = 3;
  std::int64_t stride = 1;
  std::string padding = "same";
  int repeats = 20;
  DeviceChoice device;
};

/// The convolution behind a layer with parameters, so that its input has a gradient, too.
Network conv_network(const ConvRequest& request) {
  return Sequential{Input({request.input[1], request.input[2], request.input[3]}),
                    Conv2D(request.input[3], 1, {.name = "before"}),
                    Conv2D(request.filters, request.kernel,
                           {.strides = request.stride,
                            .padding = request.padding,
                            .use_bias = false,
                            .name = "measured"}),
                    GlobalAvgPool2D()};
}

int bench_conv(Terminal& terminal, const ConvRequest& request) {
  Model model(conv_network(request), options_of(request.device));
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const std::int64_t batch = request.input[0];
  const Profile profile = model.profile(batch, ProfileMode::train, request.repeats);
  std::vector<std::vector<std::string>> rows = {{"pass", "kernel", "ms", "GFLOP/s"}};
  Json passes = Json::array();
  for (const ProfileStep& step : profile.steps) {
    if (step.path != "measured" || !step.op.starts_with("conv2d")) continue;
    const double rate = step.cost.flops / step.cost.milliseconds / 1e6;
    rows.push_back({step.op, step.candidate, format_number(step.cost.milliseconds),
                    format_count(static_cast<std::int64_t>(rate))});
    Json json = Json::object();
    json.set("op", step.op);
    json.set("candidate", step.candidate);
    json.set("milliseconds", step.cost.milliseconds);
    json.set("flops", step.cost.flops);
    json.set("gflops_per_second", rate);
    passes.push(json);
  }
  terminal.result() << "Convolution of " << Shape(request.input) << " with " << request.filters
                    << " filters of " << request.kernel << "x" << request.kernel << ", stride "
                    << request.stride << ", padding " << request.padding << ", on "
                    << model.device_name() << " in " << request.device.precision << " (medians of "
                    << request.repeats << ")\n"
                    << format_table(rows);
  Json document = Json::object();
  document.set("input", fovea::to_json(request.input));
  document.set("filters", request.filters);
  document.set("kernel", request.kernel);
  document.set("stride", request.stride);
  document.set("padding", request.padding);
  document.set("device", model.device_name());
  document.set("precision", request.device.precision);
  document.set("repeats", request.repeats);
  document.set("passes", passes);
  terminal.document(document);
  return kSuccess;
}

CLI::App* describe_train(CLI::App& app, TrainRequest& request) {
  CLI::App* train = app.add_subcommand("train", "Steps of training, on made-up data");
  train->add_option("MODEL", request.model, "Of the zoo, or a file (default: cifar10_cnn)")
      ->type_name(" ");
  train->add_option("--batch-size", request.batch_size, "Default: 64")
      ->type_name("N")
      ->check(in_range(1));
  train->add_option("--steps", request.steps, "How many are measured (default: 20)")
      ->type_name("N")
      ->check(in_range(1));
  add_device_options(*train, request.device);
  train->footer(
      "Examples:\n  fovea bench train\n"
      "  fovea bench train resnet20 --batch-size 128 --threads 2 --json");
  return train;
}

CLI::App* describe_conv(CLI::App& app, ConvRequest& request) {
  CLI::App* conv = app.add_subcommand("conv", "A convolution, forward and backward");
  conv->add_option("--input", request.input, "Default: 32,56,56,64")
      ->type_name("N,H,W,C")
      ->delimiter(',')
      ->expected(4)
      ->check(in_range(1));
  conv->add_option("--filters", request.filters, "Default: 64")->type_name("N")->check(in_range(1));
  conv->add_option("--kernel", request.kernel, "Its height and width (default: 3)")
      ->type_name("N")
      ->check(in_range(1));
  conv->add_option("--stride", request.stride, "Default: 1")->type_name("N")->check(in_range(1));
  conv->add_option("--padding", request.padding, "same or valid (default: same)")
      ->type_name("NAME")
      ->check(one_of("padding", {"same", "valid"}));
  conv->add_option("--repeats", request.repeats, "Their median counts (default: 20)")
      ->type_name("N")
      ->check(in_range(1));
  add_device_options(*conv, request.device);
  conv->footer(
      "Examples:\n  fovea bench conv\n"
      "  fovea bench conv --input 64,32,32,3 --filters 32 --kernel 5");
  return conv;
}

}  // namespace

Action add_bench(CLI::App& app) {
  app.require_subcommand(1);
  app.footer(
      "The programs of the source's folder benchmarks measure side by side with other\n"
      "libraries.\n\n"
      "Examples:\n  fovea bench train resnet20\n  fovea bench conv --input 32,56,56,64");
  const auto train_request = std::make_shared<TrainRequest>();
  const auto conv_request = std::make_shared<ConvRequest>();
  const CLI::App* train = describe_train(app, *train_request);
  describe_conv(app, *conv_request);
  return [=](Terminal& terminal) {
    return train->parsed() ? bench_train(terminal, *train_request)
                           : bench_conv(terminal, *conv_request);
  };
}

}  // namespace fovea::cli
