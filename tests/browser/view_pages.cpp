// 3-D pages of networks: trained, with random weights, with statistics that are not trivial, with
// an op that pages do not compute, and with more weights than are allowed. Beside each page
// NAME.html lies NAME.json: what the library computes for its samples.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <random>

#include "fovea/device.h"
#include "fovea/json.h"
#include "fovea/kernel.h"
#include "fovea/layers.h"
#include "fovea/models.h"
#include "fovea/view.h"
#include "tests/browser/make_pages.h"

namespace {

namespace fs = std::filesystem;
using fovea::DType;
using fovea::Model;
using fovea::Shape;
using fovea::Tensor;

/// Pictures with shapes in them, u8.
Tensor pictures(const Shape& shape, std::uint32_t seed) {
  std::mt19937 random(seed);
  Tensor x = Tensor::zeros(shape, DType::u8);
  for (std::uint8_t& pixel : x.span<std::uint8_t>()) {
    pixel = static_cast<std::uint8_t>(random() % 256);
  }
  return x;
}

/// Batch norms get statistics, scales and offsets as if they had been trained.
void disturb_norms(Model& model) {
  std::mt19937 random(7);
  const auto uniform = [&] { return static_cast<float>(random()) / 4294967296.0F; };
  for (const std::string& path : model.weight_paths()) {
    const bool variance = path.ends_with("running_var") || path.ends_with("gamma");
    const bool mean = path.ends_with("running_mean") || path.ends_with("beta");
    if (!variance && !mean) continue;
    Tensor values = model.weight(path).clone();
    for (float& value : values.span<float>())
      value = variance ? 0.5F + uniform() : uniform() - 0.5F;
    model.set_weight(path, values);
  }
}

/// The first of the numbers of row n.
fovea::Json numbers_of(const Tensor& values, std::int64_t n, std::int64_t most) {
  const std::int64_t size = values.numel() / values.shape().n();
  fovea::Json numbers = fovea::Json::array();
  for (std::int64_t i = 0; i < std::min(size, most); ++i) numbers.push(values.item(n * size + i));
  return numbers;
}

/// {"outputs": [output][sample][number], "layers": {layer: the first numbers for sample 0}}.
fovea::Json expected_of(Model& model, const std::vector<Tensor>& inputs) {
  fovea::Json outputs = fovea::Json::array();
  for (const Tensor& output : model.predict_all(inputs)) {
    fovea::Json rows = fovea::Json::array();
    for (std::int64_t n = 0; n < output.shape().n(); ++n) {
      rows.push(numbers_of(output, n, output.numel()));
    }
    outputs.push(std::move(rows));
  }
  std::vector<std::string> paths;
  for (const fovea::LayerRecord& layer : model.network().layers()) {
    if (layer.kind != "InputLayer") paths.push_back(layer.name);
  }
  std::vector<Tensor> first;
  for (const Tensor& input : inputs) first.push_back(input.slice(0, 1));
  fovea::Json layers = fovea::Json::object();
  for (const auto& [path, values] : model.probe(first, paths)) {
    layers.set(path, numbers_of(values, 0, 1000));
  }
  return fovea::Json::Object{{"outputs", outputs}, {"layers", layers}};
}

void write_page(const fs::path& folder, const std::string& name, Model& model,
                const fovea::ViewOptions& options) {
  fovea::write_view(folder / (name + ".html"), model, options);
  const std::vector<Tensor> inputs =
      options.inputs.empty() ? std::vector<Tensor>{options.samples.x} : options.inputs;
  std::ofstream(folder / (name + ".json")) << expected_of(model, inputs).to_string() << "\n";
}

void write_zoo_page(const fs::path& folder, const std::string& name) {
  Model model(fovea::make_network(name), {.seed = 3});
  disturb_norms(model);
  const Shape& shape = model.network().inputs().front().shape;
  fovea::Dataset samples;
  samples.x = pictures(shape.prepend(4), 5);
  write_page(folder, name, model, {.samples = samples});
}

/// What the zoo's networks do not have, with two inputs and two outputs.
fovea::Network all_kinds() {
  using namespace fovea;  // NOLINT(google-build-using-namespace)
  const Symbol picture = input({12, 10, 4}, "picture"), numbers = input({5}, "numbers");
  const Symbol grouped =
      Conv2D(8, 3, {.padding = "same", .dilation = 2, .groups = 4, .activation = "elu"})(picture);
  const Symbol strided =
      Conv2D(8, {3, 2}, {.strides = {2, 1}, .padding = "same", .activation = "gelu"})(
          ZeroPadding2D(Padding::cells(1))(grouped));
  const Symbol low = MinPool2D(3, {.strides = 2, .padding = "same"})(strided);
  const Symbol mean = AvgPool2D(3, {.strides = 2, .padding = "same"})(strided);
  const Symbol high = MaxPool2D(3, {.strides = 2, .padding = "same"})(strided);
  const Symbol sum = Add()({low, Multiply()({mean, high})});
  const Symbol joined = Concatenate()({sum, ActivationLayer("hard_swish")(mean)});
  const Symbol pooled = GlobalAvgPool2D()(BatchNorm()(joined));
  const Symbol largest = GlobalMaxPool2D()(Silu()(joined));
  const Symbol pieces = Dropout(0.5)(Maxout(7, 3)(numbers));
  const Symbol all = Concatenate()({pooled, largest, ActivationLayer("selu")(pieces)});
  return Network({picture, numbers},
                 {{"classes", Dense(4, {.activation = "softmax"})(all)},
                  {"map", ActivationLayer("softplus")(LeakyRelu()(joined))}},
                 "all_kinds");
}

/// y = x / (1 + |x|): an op of a program's own, of which pages know nothing.
struct Softsign : fovea::OpBase<Softsign> {
  static constexpr std::string_view kName = "browser_test.softsign";
  std::vector<fovea::ValueType> infer(std::span<const fovea::ValueType> inputs) const override {
    return {inputs[0]};
  }
};

class SoftsignLayer : public fovea::LayerBase<SoftsignLayer> {
 public:
  static constexpr std::string_view kKind = "Softsign";
  fovea::Value build(fovea::Builder& b, fovea::Value x) const override {
    return b.add(Softsign(), {x});
  }
};

void add_softsign() {
  fovea::register_op<Softsign>();
  fovea::cpu_device()->kernels().add<Softsign>(
      "browser_test", [](const Softsign&, const fovea::LowerRequest&) -> fovea::LowerResult {
        fovea::Lowering lowering;
        lowering.kernel = fovea::make_kernel([](const fovea::KernelContext& context) {
          const float* x = context.input<float>(0);
          float* y = context.output<float>(0);
          for (std::int64_t i = 0; i < context.input_shape(0).numel(); ++i) {
            y[i] = x[i] / (1 + std::abs(x[i]));
          }
        });
        return lowering;
      });
}

fovea::Network with_softsign() {
  using namespace fovea;  // NOLINT(google-build-using-namespace)
  return Network(
      Sequential{Input({28, 28, 1}), Rescaling(1 / 255.0), Conv2D(70, 3), SoftsignLayer(),
                 MaxPool2D(2), Dropout(0.2), Flatten(), Dense(10, {.activation = "softmax"})},
      "with_softsign");
}

}  // namespace

void make_view_pages(const fs::path& folder, TrainedDigits& trained) {
  const fovea::Dataset samples = trained.digits.test.slice(0, 12);
  write_page(folder, "digits", trained.model,
             {.title = "LeNet-5 reads digits", .samples = samples});
  for (const char* name : {"lenet5", "mnist_cnn", "cifar10_cnn", "resnet20"}) {
    write_zoo_page(folder, name);
  }
  Model kinds(all_kinds(), {.seed = 2});
  disturb_norms(kinds);
  const Tensor picture = pictures({3, 12, 10, 4}, 1).to(DType::f32);
  const Tensor numbers = Tensor::from<float>(
      {3, 5}, std::vector<float>{1, -2, 3, .5, -.5, 0, 1, 2, 3, 4, -1, -2, -3, -4, -5});
  write_page(folder, "all_kinds", kinds, {.inputs = {picture, numbers}});
  add_softsign();
  Model foreign(with_softsign(), {.device = "cpu", .seed = 4});
  write_page(folder, "foreign_op", foreign, {.samples = samples});
  fovea::ViewOptions large = {.title = "</script><b>& {{title}}", .samples = samples};
  large.max_weight_bytes = 100'000;
  write_page(folder, "large", trained.model, large);
  fovea::write_view(folder / "plain.html", trained.model);
}
