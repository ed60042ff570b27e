#include "tests/cudnn_deviceless/deviceless.h"

#include <fstream>
#include <map>
#include <sstream>

#include "cuda/bind.h"
#include "cuda/cudnn/target.h"
#include "fovea/error.h"
#include "fovea/json.h"
#include "fovea/ops/conv.h"
#include "tests/support/op_case.h"

/// Where the tests are built with AddressSanitizer: cuDNN, which loads and unloads libraries of its
/// own, leaves memory behind. That we destroy what we create is tested by counting.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }

namespace fovea::test {
namespace {

std::vector<DescribedGpu> read_gpus() {
  const std::string path =
      std::string(FOVEA_SOURCE_DIR) + "/tests/cudnn_deviceless/device_properties.json";
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  const cuda::cudnn::OpenedLibrary opened = cuda::cudnn::open_library(FOVEA_CUDNN_FOLDER);
  FOVEA_REQUIRE(opened.library != nullptr, io, opened.problem);
  std::vector<DescribedGpu> gpus;
  const Json properties = Json::parse(text.str(), path);
  for (const auto& [key, json] : properties.as_object()) {
    DescribedGpu gpu;
    gpu.sm = static_cast<int>(json.at("deviceVer").as_int()) / 10;
    gpu.libraries.cudnn = std::make_shared<cuda::cudnn::Target>(
        opened.library,
        cuda::DeviceProperties{json.at("deviceName").as_string(), gpu.sm, json.to_string()});
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

/// A convolution of a network: sizes, and what the network fuses with it.
struct NetworkConvolution {
  const char* network;
  std::int64_t n, c, h, w, k, r, s, stride, pad;
  std::int64_t groups = 1;
};

// Model 12 at batch 32 and 2000; ResNet-20 at 128; ResNet-50 and ResNet-18, VGG16, GoogLeNet,
// MobileNetV2, ConvNeXt as the benchmark has them.
constexpr NetworkConvolution kNetworks[] = {
    {"model12", 32, 3, 32, 32, 24, 2, 2, 1, 0},
    {"model12", 32, 24, 31, 31, 64, 3, 3, 1, 1},
    {"model12", 32, 64, 15, 15, 256, 3, 3, 1, 1},
    {"model12", 32, 256, 7, 7, 256, 3, 3, 1, 1},
    {"model12", 2000, 3, 32, 32, 24, 2, 2, 1, 0},
    {"model12", 2000, 24, 31, 31, 64, 3, 3, 1, 1},
    {"model12", 2000, 64, 15, 15, 256, 3, 3, 1, 1},
    {"model12", 2000, 256, 7, 7, 256, 3, 3, 1, 1},
    {"resnet20", 128, 3, 32, 32, 16, 3, 3, 1, 1},
    {"resnet20", 128, 16, 32, 32, 16, 3, 3, 1, 1},
    {"resnet20", 128, 16, 32, 32, 32, 3, 3, 2, 1},
    {"resnet20", 128, 32, 16, 16, 32, 3, 3, 1, 1},
    {"resnet20", 128, 32, 16, 16, 64, 3, 3, 2, 1},
    {"resnet20", 128, 64, 8, 8, 64, 3, 3, 1, 1},
    {"resnet18", 256, 64, 56, 56, 128, 3, 3, 2, 1},
    {"resnet18", 256, 64, 56, 56, 128, 1, 1, 2, 0},
    {"resnet18", 256, 128, 28, 28, 256, 3, 3, 2, 1},
    {"resnet18", 256, 128, 28, 28, 256, 1, 1, 2, 0},
    {"resnet18", 256, 256, 14, 14, 512, 3, 3, 2, 1},
    {"resnet18", 256, 256, 14, 14, 512, 1, 1, 2, 0},
    {"resnet50", 256, 3, 224, 224, 64, 7, 7, 2, 3},
    {"resnet50", 256, 64, 56, 56, 64, 1, 1, 1, 0},
    {"resnet50", 256, 64, 56, 56, 64, 3, 3, 1, 1},
    {"resnet50", 256, 64, 56, 56, 256, 1, 1, 1, 0},
    {"resnet50", 256, 256, 56, 56, 64, 1, 1, 1, 0},
    {"resnet50", 256, 256, 56, 56, 512, 1, 1, 2, 0},
    {"resnet50", 256, 128, 56, 56, 128, 3, 3, 2, 1},
    {"resnet50", 256, 128, 28, 28, 128, 3, 3, 1, 1},
    {"resnet50", 256, 128, 28, 28, 512, 1, 1, 1, 0},
    {"resnet50", 256, 512, 28, 28, 128, 1, 1, 1, 0},
    {"resnet50", 256, 512, 28, 28, 1024, 1, 1, 2, 0},
    {"resnet50", 256, 256, 14, 14, 256, 3, 3, 1, 1},
    {"resnet50", 256, 256, 14, 14, 1024, 1, 1, 1, 0},
    {"resnet50", 256, 1024, 14, 14, 256, 1, 1, 1, 0},
    {"resnet50", 256, 512, 7, 7, 512, 3, 3, 1, 1},
    {"resnet50", 256, 512, 7, 7, 2048, 1, 1, 1, 0},
    {"resnet50", 1, 256, 14, 14, 256, 3, 3, 1, 1},
    {"resnet50", 32, 256, 14, 14, 256, 3, 3, 1, 1},
    {"vgg16", 64, 3, 224, 224, 64, 3, 3, 1, 1},
    {"vgg16", 64, 64, 112, 112, 128, 3, 3, 1, 1},
    {"vgg16", 64, 256, 28, 28, 512, 3, 3, 1, 1},
    {"vgg16", 64, 512, 14, 14, 512, 3, 3, 1, 1},
    {"googlenet", 16, 192, 28, 28, 32, 5, 5, 1, 2},
    {"mobilenetv2", 256, 144, 56, 56, 144, 3, 3, 1, 1, 144},
    {"convnext", 128, 96, 56, 56, 96, 7, 7, 1, 3, 96},
};

void add_questions(const NetworkConvolution& net, std::vector<Question>& questions) {
  const ops::ConvAttributes attributes{net.stride, Padding::cells(net.pad), 1, net.groups};
  const Size2 picture(net.h, net.w), kernel(net.r, net.s);
  const Shape x{net.n, net.h, net.w, net.c};
  const Shape w{net.k, net.r, net.s, net.c / net.groups};
  const WindowGeometry window = attributes.geometry(picture, kernel);
  const Shape y{net.n, window.output.h, window.output.w, net.k};
  const auto add = [&](auto op, const std::string& variant, std::vector<Shape> inputs) {
    std::ostringstream name;
    name << op.kName << variant << '_' << net.network << "_n" << net.n << 'c' << net.c << 'h'
         << net.h << 'k' << net.k << 'r' << net.r << 's' << net.stride;
    questions.push_back({name.str(), std::make_shared<const decltype(op)>(op), std::move(inputs)});
  };
  add(ops::Conv2d(attributes), "", {x, w});
  add(ops::Conv2dBackwardData(attributes, picture), "", {y, w});
  add(ops::Conv2dBackwardFilter(attributes, kernel), "", {x, y});
  ops::Conv2dBiasAct fused;
  static_cast<ops::ConvAttributes&>(fused) = attributes;
  fused.activation.kind = Activation::Kind::relu;
  add(fused, "_relu", {x, w, {net.k}});
  fused.residual = true;
  add(fused, "_residual_relu", {x, w, {net.k}, y});
  ops::Conv2dBatchNormAct norm;
  static_cast<ops::ConvAttributes&>(norm) = attributes;
  add(norm, "", {x, w, {net.k}, {net.k}, {net.k}, {net.k}});
  ops::Conv2dBackwardDataBatchNormRelu norm_backward;
  static_cast<ops::ConvAttributes&>(norm_backward) = attributes;
  add(norm_backward, "", {y, w, x, {net.c}, {net.c}, {net.c}, {net.c}});
}

const KernelTable& table_of(const DescribedGpu& gpu) {
  static std::map<int, KernelTable> tables;
  const auto [entry, is_new] = tables.try_emplace(gpu.sm);
  if (is_new) {
    cuda::TableOptions options;
    options.libraries = &gpu.libraries;
    options.sm = gpu.sm;
    cuda::bind_cudnn(entry->second, options);
  }
  return entry->second;
}

}  // namespace

const std::vector<DescribedGpu>& described_gpus() {
  static const std::vector<DescribedGpu> gpus = read_gpus();
  return gpus;
}

const std::vector<Math>& all_math() {
  static const std::vector<Math> math = {{"f32", DType::f32, false},
                                         {"tf32", DType::f32, true},
                                         {"f16", DType::f16, false},
                                         {"bf16", DType::bf16, false}};
  return math;
}

std::vector<Question> op_case_questions() {
  const KernelTable& table = table_of(described_gpus().front());
  std::vector<Question> questions;
  for (const OpCase& op_case : op_cases()) {
    if (table.candidates(op_case.op_name()).empty()) continue;
    std::vector<Shape> shapes;
    for (const CaseInput& input : op_case.inputs) shapes.push_back(input.shape);
    questions.push_back({op_case.name, op_case.op(DType::f32), std::move(shapes)});
  }
  return questions;
}

std::vector<Question> network_questions() {
  std::vector<Question> questions;
  for (const NetworkConvolution& net : kNetworks) add_questions(net, questions);
  return questions;
}

std::vector<ValueType> types_of(const Question& question, DType dtype) {
  std::vector<ValueType> types;
  for (const Shape& shape : question.inputs) types.push_back({shape, dtype});
  const std::map<std::string_view, std::size_t> first_parameter = {
      {ops::Conv2dBatchNormAct::kName, 2}, {ops::Conv2dBackwardDataBatchNormRelu::kName, 3}};
  if (const auto found = first_parameter.find(question.op->name());
      found != first_parameter.end()) {
    for (std::size_t i = 0; i < 4; ++i) types[found->second + i].dtype = DType::f32;
  }
  return types;
}

Answered ask(const DescribedGpu& gpu, const Math& math, const Question& question) {
  const std::vector<ValueType> inputs = types_of(question, math.dtype);
  const std::vector<ValueType> outputs = question.op->infer(inputs);
  const std::vector<Layout> layouts(inputs.size());
  const bool used[] = {true, true, true, true};
  const LowerRequest request{inputs, outputs, layouts,        {used, outputs.size()},
                             {},     1,       math.allow_tf32};
  const auto& candidates = table_of(gpu).candidates(question.op->name());
  LowerResult result = candidates.at(0).factory(*question.op, request);
  if (auto* lowering = std::get_if<Lowering>(&result)) {
    return {Answer::precompiled, {}, lowering->workspace_bytes};
  }
  const std::string& reason = std::get<Decline>(result).reason;
  const bool compiled = reason.find("compiles its kernels") != std::string::npos;
  return {compiled ? Answer::compiled : Answer::none, reason, 0};
}

}  // namespace fovea::test
