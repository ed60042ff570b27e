// A program of somebody else's: it adds an op with a kernel of its own and a layer made of it,
// trains a network with that layer, saves it and loads it again.
#include <fovea/fovea.h>

#include <cmath>
#include <cstdio>
#include <exception>

#ifdef HAS_CUDA_KERNEL
#include "soft_clip.h"
#endif

namespace {

using fovea::Value;
using fovea::ValueType;

/// y = limit tanh(x / limit).
struct SoftClip : fovea::OpBase<SoftClip> {
  static constexpr std::string_view kName = "consumer.soft_clip";
  double limit = 1;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("limit", self.limit);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    fovea::ops::require_inputs(inputs, 1);
    fovea::ops::require_floating(inputs[0], "x");
    return {inputs[0]};
  }
  std::vector<Value> backward(const fovea::BackwardContext& context) const override;
};

/// dx = dy (1 - (y / limit)^2). (dy, y) -> (dx).
struct SoftClipBackward : fovea::OpBase<SoftClipBackward> {
  static constexpr std::string_view kName = "consumer.soft_clip_backward";
  double limit = 1;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("limit", self.limit);
  }
  std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    fovea::ops::require_inputs(inputs, 2);
    return {inputs[0]};
  }
};

std::vector<Value> SoftClip::backward(const fovea::BackwardContext& context) const {
  SoftClipBackward gradient;
  gradient.limit = limit;
  return {context.builder.add(gradient, {context.output_grads[0], context.outputs[0]})};
}

class SoftClipLayer : public fovea::LayerBase<SoftClipLayer> {
 public:
  static constexpr std::string_view kKind = "SoftClip";
  explicit SoftClipLayer(double limit) : limit_(limit) {}
  Value build(fovea::Builder& b, Value x) const override {
    SoftClip op;
    op.limit = limit_;
    return b.add(op, {x});
  }

 private:
  double limit_;
};

template <class Op, class Body>
void add_cpu_kernel(const Body& body) {
  fovea::cpu_device()->kernels().add<Op>(
      "consumer", [body](const Op& op, const fovea::LowerRequest&) -> fovea::LowerResult {
        fovea::Lowering lowering;
        lowering.kernel = fovea::make_kernel(
            [body, op](const fovea::KernelContext& context) { body(op, context); });
        return lowering;
      });
}

void add_soft_clip() {
  fovea::register_op<SoftClip>();
  fovea::register_op<SoftClipBackward>();
  add_cpu_kernel<SoftClip>([](const SoftClip& op, const fovea::KernelContext& context) {
    const float* x = context.input<float>(0);
    float* y = context.output<float>(0);
    const auto limit = static_cast<float>(op.limit);
    for (std::int64_t i = 0; i < context.input_shape(0).numel(); ++i) {
      y[i] = limit * std::tanh(x[i] / limit);
    }
  });
  add_cpu_kernel<SoftClipBackward>(
      [](const SoftClipBackward& op, const fovea::KernelContext& context) {
        const float* dy = context.input<float>(0);
        const float* y = context.input<float>(1);
        float* dx = context.output<float>(0);
        const auto limit = static_cast<float>(op.limit);
        for (std::int64_t i = 0; i < context.input_shape(0).numel(); ++i) {
          dx[i] = dy[i] * (1 - y[i] / limit * (y[i] / limit));
        }
      });
#ifdef HAS_CUDA_KERNEL
  const auto devices = fovea::devices();
  for (const fovea::DeviceReport& report : devices) {
    if (!report.available || report.name.rfind("cuda", 0) != 0) continue;
    fovea::open_device("cuda")->kernels().add<SoftClip>(
        "consumer", [](const SoftClip& op, const fovea::LowerRequest&) -> fovea::LowerResult {
          fovea::Lowering lowering;
          lowering.kernel = fovea::make_kernel([op](const fovea::KernelContext& context) {
            const char* problem = soft_clip_on_cuda(
                context.input<float>(0), context.output<float>(0), context.input_shape(0).numel(),
                static_cast<float>(op.limit), context.stream());
            if (problem != nullptr) fovea::fail(fovea::ErrorCode::cuda, "soft_clip: ", problem);
          });
          return lowering;
        });
  }
#endif
}

int run() {
  add_soft_clip();
  const fovea::Dataset data = fovea::make_synthetic(1, 600, 10).train;
  fovea::Model model(
      fovea::Sequential{fovea::Input({32, 32, 3}), fovea::Rescaling(1 / 255.0),
                        fovea::Conv2D(8, 3, {.strides = 2}), SoftClipLayer(2), fovea::Flatten(),
                        fovea::Dense(10, {.activation = "softmax"})},
      {.device = "cpu", .threads = 1, .seed = 1});
  model.compile({.optimizer = fovea::Adam(0.01),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});
  const fovea::History history = model.fit(data, {.epochs = 4, .batch_size = 20, .verbose = 0});
  const double first = history.metric("loss").front();
  const double last = history.metric("loss").back();
  std::printf("loss %.3f, then %.3f\n", first, last);

  model.save("consumer.safetensors");
  fovea::Model loaded = fovea::Model::load("consumer.safetensors", {.device = "cpu", .threads = 1});
  const fovea::Tensor before = model.predict(data.x.slice(0, 8));
  const fovea::Tensor after = loaded.predict(data.x.slice(0, 8));
  for (std::int64_t i = 0; i < before.numel(); ++i) {
    if (before.item(i) != after.item(i)) return 1;
  }
  return last < 0.9 * first ? 0 : 1;
}

}  // namespace

int main() {
  try {
    return run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
