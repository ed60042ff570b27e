// The fast CPU path in the formats that oneDNN chooses: every candidate of the plug-in that works
// on pictures is run on blocked tensors, with channel counts that do and do not fill a block, and
// compared with the f64 reference. (The op cases alone give it plain tensors only.)
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <set>

#include "fovea/device.h"
#include "fovea/ops.h"
#include "host/graph/run_op.h"
#include "tests/support/op_case.h"

namespace fovea::test {
namespace {

#define NEEDS_ONEDNN() \
  if (!FOVEA_HAS_ONEDNN) GTEST_SKIP() << "this build has no oneDNN"

/// Ops whose candidates in the plug-in take pictures in any of oneDNN's blocked formats.
const std::set<std::string> kBlockedOps = {"activate",
                                           "activate_backward",
                                           "add",
                                           "multiply",
                                           "concat",
                                           "max_pool2d",
                                           "max_pool2d_backward",
                                           "avg_pool2d",
                                           "avg_pool2d_backward",
                                           "global_avg_pool",
                                           "batch_norm",
                                           "batch_norm_backward",
                                           "batch_norm_inference",
                                           "batch_norm_inference_backward",
                                           "batch_norm_act",
                                           "batch_norm_act_backward"};

/// Cases that the plug-in may decline on blocked tensors, and why; everything else it must take.
const std::map<std::string, std::string> kDeclined = {
    {"activate_identity_after_first_layer", "oneDNN has no such elementwise function"},
    {"activate_backward_identity_after_first_layer", "oneDNN has no such elementwise function"},
    {"activate_step_after_first_layer", "oneDNN has no such elementwise function"},
    {"activate_backward_step_after_first_layer", "oneDNN has no such elementwise function"},
    {"activate_selu_after_first_layer", "oneDNN has no such elementwise function"},
    {"activate_backward_selu_after_first_layer", "oneDNN has no such elementwise function"},
    {"activate_softplus_after_first_layer", "oneDNN has no such elementwise function"},
    {"activate_backward_softplus_after_first_layer", "oneDNN has no such elementwise function"},
    {"activate_hard_swish_after_first_layer", "oneDNN has no such elementwise function"},
    {"activate_backward_hard_swish_after_first_layer", "oneDNN has no such elementwise function"},
    // sigmoid(0) is not 0, so oneDNN's fast kernel would spoil the padding.
    {"activate_blocked_c10", "oneDNN has only its reference kernel for this activation"},
    {"activate_blocked_c24", "oneDNN has only its reference kernel for this activation"},
    {"batch_norm_act_gelu", "only relu is fused"},
    {"batch_norm_act_backward_gelu", "only relu is fused"},
    {"batch_norm_act_leaky_relu", "only relu is fused"},
    {"batch_norm_act_backward_leaky_relu", "only relu is fused"},
    {"batch_norm_act_residual", "only relu is fused"},
    {"batch_norm_act_identity", "only relu is fused"},
    {"batch_norm_act_backward_identity", "only relu is fused"},
    {"batch_norm_act_elu", "only relu is fused"},
    {"batch_norm_act_elu_residual", "only relu is fused"},
    {"batch_norm_act_backward_elu", "only relu is fused"},
    {"batch_norm_act_sigmoid", "only relu is fused"},
    {"batch_norm_act_sigmoid_residual", "only relu is fused"},
    {"batch_norm_act_backward_sigmoid", "only relu is fused"},
    {"batch_norm_act_tanh", "only relu is fused"},
    {"batch_norm_act_tanh_residual", "only relu is fused"},
    {"batch_norm_act_backward_tanh", "only relu is fused"},
    {"batch_norm_act_silu", "only relu is fused"},
    {"batch_norm_act_silu_residual", "only relu is fused"},
    {"batch_norm_act_backward_silu", "only relu is fused"},
    // A part that ends in the middle of a block.
    {"concat_channels", "oneDNN has only its reference kernel for this concatenation"},
};

/// A value in memory in some layout, 64-byte aligned.
struct Placed {
  ValueType type;
  Layout layout;
  Tensor memory;

  Placed(const ValueType& value_type, const Layout& value_layout)
      : type(value_type),
        layout(value_layout),
        memory(Shape{layout.plain() ? type.bytes() : layout.bytes}, DType::u8) {
    std::memset(memory.mutable_raw(), 0xff, memory.bytes());  // NaN
  }
};

std::vector<ValueType> types_of(const std::vector<Placed>& values) {
  std::vector<ValueType> types;
  for (const Placed& value : values) types.push_back(value.type);
  return types;
}

/// What the plug-in's candidate for the op says.
LowerResult ask(const Op& op, const LowerRequest& request) {
  for (const KernelTable::Candidate& candidate : cpu_device()->kernels().candidates(op.name())) {
    if (candidate.name == "onednn" || candidate.name == "blocked") {
      return candidate.factory(op, request);
    }
  }
  return Decline{"the plug-in has no such candidate"};
}

/// The same, failing the test where it declines.
Lowering lower(const Op& op, const LowerRequest& request) {
  LowerResult result = ask(op, request);
  if (auto* lowering = std::get_if<Lowering>(&result)) return std::move(*lowering);
  ADD_FAILURE() << op.name() << ": " << std::get<Decline>(result).reason;
  return {};
}

const bool kAllUsed[8] = {true, true, true, true, true, true, true, true};

LowerRequest request_of(const std::vector<ValueType>& inputs, const std::vector<ValueType>& outputs,
                        const std::vector<Layout>& layouts, const std::vector<Layout>& wanted = {},
                        int threads = 2) {
  return {inputs, outputs, layouts, {kAllUsed, outputs.size()}, wanted, threads};
}

void execute(const Lowering& lowering, const std::vector<Placed>& inputs,
             std::vector<Placed>& outputs, int threads = 2) {
  std::vector<void*> in, out;
  for (const Placed& value : inputs) in.push_back(const_cast<void*>(value.memory.raw()));
  for (Placed& value : outputs) out.push_back(value.memory.mutable_raw());
  Tensor workspace(Shape{lowering.workspace_bytes}, DType::u8);
  std::memset(workspace.mutable_raw(), 0xff, workspace.bytes());
  const std::vector<ValueType> input_types = types_of(inputs);
  const std::vector<ValueType> output_types = types_of(outputs);
  lowering.kernel->run(
      {in, out, input_types, output_types, workspace.mutable_raw(), threads, nullptr});
}

Placed reorder(const Placed& value, const Layout& layout) {
  if (value.layout == layout) return value;
  std::vector<Placed> result = {Placed(value.type, layout)};
  const std::vector<ValueType> types = {value.type};
  const std::vector<Layout> from = {value.layout};
  const std::vector<Layout> to = {layout};
  execute(lower(ops::Reorder{}, request_of(types, types, from, to)), {value}, result);
  return result.front();
}

Placed place(const Tensor& tensor) {
  Placed value({tensor.shape(), tensor.dtype()}, {});
  std::memcpy(value.memory.mutable_raw(), tensor.raw(), tensor.bytes());
  return value;
}

Tensor to_tensor(const Placed& value) {
  const Placed plain = reorder(value, {});
  Tensor tensor(value.type.shape, value.type.dtype);
  std::memcpy(tensor.mutable_raw(), plain.memory.raw(), tensor.bytes());
  return tensor;
}

/// The layout in which oneDNN's convolutions leave a picture of this shape.
Layout convolution_layout(const Shape& shape) {
  ops::Conv2d conv;
  conv.padding = Padding::same();
  const std::vector<ValueType> inputs = {{shape, DType::f32},
                                         {{shape.c(), 3, 3, shape.c()}, DType::f32}};
  const Lowering lowering = lower(conv, request_of(inputs, conv.infer(inputs), {{}, {}}));
  return lowering.output_layouts.empty() ? Layout{} : lowering.output_layouts[0];
}

/// The same for any value: pictures as convolutions leave them, an argmax as pooling leaves it.
Layout blocked_layout(const ValueType& type) {
  if (type.shape.rank() != 4) return {};
  const Layout picture = convolution_layout(type.shape);
  if (type.dtype == DType::f32) return picture;
  // Pooling that keeps the shape: with at most 256 cells in a window the argmax is u8, else i32.
  ops::MaxPool2d pool;
  pool.stride = 1;
  pool.kernel = type.dtype == DType::u8 ? 1 : 17;
  pool.padding = Padding::same();
  const std::vector<ValueType> inputs = {{type.shape, DType::f32}};
  return lower(pool, request_of(inputs, pool.infer(inputs), {picture})).output_layouts[1];
}

/// oneDNN counts on zeros in the padding of blocked formats.
void expect_zero_padding(const Placed& value, const std::string& what) {
  if (value.layout.plain() || value.type.dtype != DType::f32) return;
  std::vector<float> floats(value.memory.bytes() / sizeof(float));
  std::memcpy(floats.data(), value.memory.raw(), value.memory.bytes());
  const Placed again = reorder(reorder(value, {}), value.layout);  // has zeros there
  EXPECT_EQ(std::memcmp(again.memory.raw(), value.memory.raw(), value.memory.bytes()), 0)
      << what << ": a blocked output's padding is not zero";
}

std::string name_of(const ::testing::TestParamInfo<OpCase>& info) { return info.param.name; }

/// The op cases that blocked formats are for, and more of them with other channel counts.
std::vector<OpCase> blocked_cases() {
  std::vector<OpCase> cases;
  for (const OpCase& op_case : op_cases()) {
    if (kBlockedOps.count(op_case.op_name()) == 0) continue;
    if (op_case.inputs[0].shape.rank() == 4) cases.push_back(op_case);
  }
  Activation relu;
  relu.kind = Activation::Kind::relu;
  Activation sigmoid;
  sigmoid.kind = Activation::Kind::sigmoid;
  const Fill positive = uniform(0.1, 2);
  for (const std::int64_t c : {10, 24, 64}) {
    const std::string with = "blocked_c" + std::to_string(c);
    const Shape x = {3, 8, 7, c};
    cases.push_back({with, ops::Activate(sigmoid), {{x}}});
    cases.push_back({with, ops::Add{}, {{x}, {x}}});
    cases.push_back({with, ops::Multiply{}, {{x}, {x}}});
    ops::MaxPool2d pool;
    pool.kernel = 3;
    pool.padding = Padding::same();
    cases.push_back({with, pool, {{x, integers(3)}}});
    ops::MaxPool2dBackward pool_backward;
    pool_backward.kernel = 3;
    pool_backward.padding = pool.padding;
    pool_backward.input_size = {8, 7};
    cases.push_back(
        {with, pool_backward, {{{3, 4, 4, c}}, {{3, 4, 4, c}, constant(4), DType::u8}}});
    ops::AvgPool2d mean;
    mean.kernel = 3;
    mean.padding = Padding::same();
    cases.push_back({with, mean, {{x}}});
    ops::AvgPool2dBackward mean_backward;
    mean_backward.kernel = 3;
    mean_backward.padding = mean.padding;
    mean_backward.input_size = {8, 7};
    cases.push_back({with, mean_backward, {{{3, 4, 4, c}}}});
    cases.push_back({with, ops::GlobalAvgPool{}, {{x}}});
    ops::BatchNormAct norm;
    norm.activation = relu;
    norm.residual = true;
    cases.push_back({with, norm, {{x, uniform(3, 5)}, {{c}}, {{c}}, {{c}}, {{c}}, {x}}});
    ops::BatchNormActBackward norm_backward;
    norm_backward.activation = relu;
    cases.push_back(
        {with, norm_backward, {{x}, {x, away_from_zero()}, {x}, {{c}}, {{c}}, {{c}, positive}}});
  }
  return cases;
}

class Blocked : public ::testing::TestWithParam<OpCase> {};

TEST_P(Blocked, AgreesWithTheF64Reference) {
  NEEDS_ONEDNN();
  const OpCase& op_case = GetParam();
  const OpPtr op = op_case.op(DType::f32);
  std::vector<Placed> inputs;
  std::vector<Layout> layouts;
  for (const Tensor& tensor : make_inputs(op_case, DType::f32)) {
    const Placed plain = place(tensor);
    inputs.push_back(reorder(plain, blocked_layout(plain.type)));
    layouts.push_back(inputs.back().layout);
  }
  const std::vector<ValueType> input_types = types_of(inputs);
  const std::vector<ValueType> output_types = op->infer(input_types);
  LowerResult result = ask(*op, request_of(input_types, output_types, layouts));
  if (const auto* decline = std::get_if<Decline>(&result)) {
    ASSERT_EQ(kDeclined.count(op_case.name), 1U) << decline->reason;
    EXPECT_EQ(decline->reason, kDeclined.at(op_case.name));
    return;
  }
  const Lowering lowering = std::move(std::get<Lowering>(result));
  // Where channels fill blocks, every instruction set has blocked formats, and nobody reorders.
  if (op_case.inputs[0].shape.c() % 8 == 0) {
    EXPECT_FALSE(layouts[0].plain()) << "oneDNN chose no blocked format";
    EXPECT_EQ(lowering.input_layouts, layouts) << "a reorder would be needed";
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    inputs[i] = reorder(inputs[i], lowering.input_layouts[i]);
  }

  std::vector<Placed> outputs, again;
  for (std::size_t i = 0; i < output_types.size(); ++i) {
    outputs.emplace_back(output_types[i], lowering.output_layouts[i]);
    again.emplace_back(output_types[i], lowering.output_layouts[i]);
  }
  execute(lowering, inputs, outputs);
  execute(lowering, inputs, again);
  const std::vector<Tensor> expected =
      run_reference(op_case.op(DType::f64), make_inputs(op_case, DType::f64));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::string what = op_case.name + ", output " + std::to_string(i);
    expect_zero_padding(outputs[i], what);
    EXPECT_EQ(
        std::memcmp(outputs[i].memory.raw(), again[i].memory.raw(), outputs[i].memory.bytes()), 0)
        << what << " differs from run to run";
    EXPECT_LE(relative_error(to_tensor(outputs[i]), expected[i]), op_case.relative_tolerance)
        << what;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Blocked, ::testing::ValuesIn(blocked_cases()), name_of);

/// A convolution of model 12 or ResNet-20.
struct ConvShape {
  std::int64_t size, channels, filters, kernel, stride;
  bool same;
};
constexpr ConvShape kConvShapes[] = {
    {32, 3, 32, 3, 1, false}, {15, 32, 64, 3, 1, false}, {6, 64, 64, 3, 1, false},
    {32, 3, 16, 3, 1, true},  {32, 16, 16, 3, 1, true},  {32, 16, 32, 3, 2, true},
    {32, 16, 32, 1, 2, true}, {16, 32, 32, 3, 1, true},  {16, 32, 64, 3, 2, true},
    {16, 32, 64, 1, 2, true}, {8, 64, 64, 3, 1, true},
};

ops::ConvAttributes attributes_of(const ConvShape& shape) {
  ops::ConvAttributes attributes;
  attributes.stride = shape.stride;
  if (shape.same) attributes.padding = Padding::same();
  return attributes;
}

/// The plug-in declines whatever oneDNN would do by its slow reference, so accepting is the test.
TEST(OneDnn, HasFastKernelsForEveryConvolutionOfTheModels) {
  NEEDS_ONEDNN();
  for (const ConvShape& shape : kConvShapes) {
    const ops::ConvAttributes attributes = attributes_of(shape);
    const Size2 picture = shape.size;
    const std::vector<ValueType> xw = {
        {{32, shape.size, shape.size, shape.channels}, DType::f32},
        {{shape.filters, shape.kernel, shape.kernel, shape.channels}, DType::f32}};
    const ops::Conv2d forward(attributes);
    const ValueType y = forward.infer(xw)[0];
    SCOPED_TRACE(to_string(xw[0]) + " and " + to_string(xw[1]));
    const std::vector<Layout> plain(3);
    lower(forward, request_of(xw, {y}, plain));

    ops::Conv2dBiasAct fused;
    static_cast<ops::ConvAttributes&>(fused) = attributes;
    fused.activation.kind = Activation::Kind::relu;
    const std::vector<ValueType> xwb = {xw[0], xw[1], {{shape.filters}, DType::f32}};
    lower(fused, request_of(xwb, {y}, plain));

    const ops::Conv2dBackwardData data(attributes, picture);
    lower(data, request_of({y, xw[1]}, {xw[0]}, plain));

    ops::Conv2dBackwardFilterBias filter;
    static_cast<ops::ConvAttributes&>(filter) = attributes;
    filter.kernel = shape.kernel;
    const std::vector<ValueType> xdy = {xw[0], y};
    lower(filter, request_of(xdy, filter.infer(xdy), plain));
  }
}

/// An activation that does not keep zeros, on filters that do not fill a block.
TEST(OneDnn, ConvolutionsKeepThePaddingZero) {
  NEEDS_ONEDNN();
  ops::Conv2dBiasAct conv;
  conv.activation.kind = Activation::Kind::sigmoid;
  for (const std::int64_t filters : {10, 24, 32}) {
    const std::vector<ValueType> types = {
        {{2, 9, 9, 20}, DType::f32}, {{filters, 3, 3, 20}, DType::f32}, {{filters}, DType::f32}};
    const std::vector<ValueType> output_types = conv.infer(types);
    LowerResult result = ask(conv, request_of(types, output_types, {{}, {}, {}}));
    if (const auto* decline = std::get_if<Decline>(&result)) {  // old instruction sets
      EXPECT_EQ(decline->reason,
                "oneDNN cannot add this activation or residual to its convolution");
      continue;
    }
    const Lowering lowering = std::move(std::get<Lowering>(result));
    std::vector<Placed> inputs;
    for (std::size_t i = 0; i < types.size(); ++i) {
      const Placed plain = place(Tensor::full(types[i].shape, 0.01));
      inputs.push_back(reorder(plain, lowering.input_layouts[i]));
    }
    std::vector<Placed> outputs = {Placed(output_types[0], lowering.output_layouts[0])};
    execute(lowering, inputs, outputs);
    expect_zero_padding(outputs[0], std::to_string(filters) + " filters");
  }
}

/// Convolutions hand blocked pictures to each other, and ask for none where plain is the same.
TEST(OneDnn, LayoutsAreShared) {
  NEEDS_ONEDNN();
  const Layout once = convolution_layout({4, 9, 9, 64});
  EXPECT_FALSE(once.plain());
  EXPECT_EQ(once.library, "onednn");
  EXPECT_EQ(once, convolution_layout({4, 9, 9, 64})) << "one format has one number";
  EXPECT_NE(once, convolution_layout({4, 9, 9, 32}));
  // One channel: NCHW and NHWC are the same memory, so the first layer of MNIST needs no reorder.
  const ops::Conv2d first;
  const std::vector<ValueType> inputs = {{{4, 28, 28, 1}, DType::f32}, {{32, 3, 3, 1}, DType::f32}};
  EXPECT_TRUE(
      lower(first, request_of(inputs, first.infer(inputs), {{}, {}})).input_layouts[0].plain());
}

TEST(OneDnn, DeclinesOtherTypesWithAReason) {
  NEEDS_ONEDNN();
  const ops::Conv2d conv;
  const std::vector<Tensor> inputs = {Tensor::zeros({1, 8, 8, 4}, DType::f64),
                                      Tensor::zeros({8, 3, 3, 4}, DType::f64)};
  EXPECT_EQ(decline_reason(std::make_shared<ops::Conv2d>(conv), inputs, "onednn"),
            "the oneDNN path computes in f32, not in f64");
}

/// The first of equal cells wins, in every candidate, and a NaN is not lost.
TEST(OneDnn, MaxPoolingAgreesWithTheReferenceOnTiesAndNaN) {
  NEEDS_ONEDNN();
  const Shape shape = {2, 9, 9, 20};
  Tensor x(shape, DType::f32);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    x.data<float>()[i] = static_cast<float>(i * 7919 % 5 / 2) - 1;
    if (i % 97 == 0) x.data<float>()[i] = std::numeric_limits<float>::quiet_NaN();
  }
  ops::MaxPool2d pool;
  pool.kernel = 3;
  pool.padding = Padding::same();
  RunOptions reference;
  reference.candidate = "reference";
  const std::vector<Tensor> expected =
      run_op(std::make_shared<ops::MaxPool2d>(pool), std::vector<Tensor>{x}, reference);
  for (const Layout& layout : {Layout{}, convolution_layout(shape)}) {
    const std::vector<Placed> inputs = {reorder(place(x), layout)};
    const std::vector<ValueType> output_types = pool.infer(types_of(inputs));
    const std::vector<ValueType> input_types = types_of(inputs);
    const Lowering lowering = lower(pool, request_of(input_types, output_types, {layout}));
    std::vector<Placed> outputs = {Placed(output_types[0], lowering.output_layouts[0]),
                                   Placed(output_types[1], lowering.output_layouts[1])};
    execute(lowering, inputs, outputs);
    EXPECT_EQ(relative_error(to_tensor(outputs[0]), expected[0]), 0);
    const Tensor argmax = to_tensor(outputs[1]);
    EXPECT_EQ(std::memcmp(argmax.raw(), expected[1].raw(), argmax.bytes()), 0)
        << (layout.plain() ? "plain" : "blocked");
  }
}

}  // namespace
}  // namespace fovea::test
