// One operation of a graph, out of its descriptor.
#include <limits>

#include "tests/simulated_gpu/cudnn/graph.h"

namespace simulated_gpu::cudnn {
namespace {

using Kind = Operation::Kind;

Type type_of(cudnnDataType_t type) {
  switch (type) {
    case CUDNN_DATA_FLOAT:
      return Type::f32;
    case CUDNN_DATA_HALF:
      return Type::f16;
    case CUDNN_DATA_BFLOAT16:
      return Type::bf16;
    default:
      throw Failure{CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE,
                    "data type " + std::to_string(type) + " is not simulated"};
  }
}

template <std::size_t count>
std::array<std::int64_t, count> numbers(const Content& content, cudnnBackendAttributeName_t name,
                                        std::int64_t least) {
  const auto values = content.all<std::int64_t>(name);
  require(values.size() == count, CUDNN_STATUS_BAD_PARAM,
          "attribute " + std::to_string(name) + " has " + std::to_string(values.size()) +
              " elements instead of " + std::to_string(count));
  std::array<std::int64_t, count> result;
  for (std::size_t i = 0; i < count; ++i) {
    require(values[i] >= least, CUDNN_STATUS_BAD_PARAM,
            "attribute " + std::to_string(name) + " has an element below " + std::to_string(least));
    result[i] = values[i];
  }
  return result;
}

void require_f32(const Content& content, cudnnBackendAttributeName_t precision) {
  require(content.one<cudnnDataType_t>(precision) == CUDNN_DATA_FLOAT,
          CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE, "only computing in f32 is simulated");
}

void require_shape(bool holds, const std::string& words) {
  require(holds, CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH, words);
}

void check_window(const Window& window, const Tensor& x, const Tensor& w, const Tensor& y) {
  require_shape(y.sizes[0] == x.sizes[0], "a batch of y is not one of x");
  require_shape(y.sizes[1] == w.sizes[0], "y's channels are not the filters");
  require_shape(x.sizes[1] % w.sizes[1] == 0, "the filters' channels do not divide x's");
  require_shape(w.sizes[0] % (x.sizes[1] / w.sizes[1]) == 0,
                "the groups do not divide the filters");
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t reach = window.dilation[i] * (w.sizes[i + 2] - 1) + 1;
    const std::int64_t room = x.sizes[i + 2] + window.before[i] + window.after[i] - reach;
    require_shape(room >= 0 && y.sizes[i + 2] == room / window.stride[i] + 1,
                  "y is not as large as the window makes it");
  }
}

/// Which attributes a convolution has, by kind.
struct Names {
  cudnnBackendAttributeName_t window, alpha, beta, first, second, output;
};

Operation convolution_of(const Content& content, Kind kind, const Names& names) {
  Operation operation;
  operation.kind = kind;
  operation.window = window_of(*content.child(names.window));
  operation.alpha = content.real_or(names.alpha, 1);
  operation.beta = content.real_or(names.beta, 0);
  operation.inputs = {tensor_of(*content.child(names.first)),
                      tensor_of(*content.child(names.second))};
  operation.outputs = {tensor_of(*content.child(names.output))};
  const Tensor& first = operation.inputs[0];
  const Tensor& second = operation.inputs[1];
  const Tensor& output = operation.outputs[0];
  if (kind == Kind::forward) check_window(operation.window, first, second, output);
  if (kind == Kind::backward_data) check_window(operation.window, output, second, first);
  if (kind == Kind::backward_filter) check_window(operation.window, first, output, second);
  return operation;
}

Pointwise pointwise_of(const Content& content) {
  require_f32(content, CUDNN_ATTR_POINTWISE_MATH_PREC);
  Pointwise pointwise;
  pointwise.mode = content.one<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE);
  pointwise.nan_passes = content.one_or(CUDNN_ATTR_POINTWISE_NAN_PROPAGATION,
                                        CUDNN_NOT_PROPAGATE_NAN) == CUDNN_PROPAGATE_NAN;
  pointwise.lower = content.real_or(CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP, 0);
  pointwise.upper = content.real_or(CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP,
                                    std::numeric_limits<double>::infinity());
  pointwise.slope = content.real_or(CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE, 0);
  return pointwise;
}

/// The tensor's size along each axis is the output's, or 1.
void check_broadcast(const Tensor& input, const Tensor& output) {
  for (std::size_t i = 0; i < 4; ++i) {
    require_shape(input.sizes[i] == output.sizes[i] || input.sizes[i] == 1,
                  "an input does not broadcast to the output");
  }
}

Operation pointwise_operation_of(const Content& content) {
  Operation operation;
  operation.kind = Kind::pointwise;
  operation.pointwise = pointwise_of(*content.child(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR));
  operation.alpha = content.real_or(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA1, 1);
  operation.beta = content.real_or(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA2, 1);
  std::vector<cudnnBackendAttributeName_t> inputs;
  cudnnBackendAttributeName_t output = CUDNN_ATTR_OPERATION_POINTWISE_YDESC;
  switch (operation.pointwise.mode) {
    case CUDNN_POINTWISE_ADD:
    case CUDNN_POINTWISE_SUB:
    case CUDNN_POINTWISE_MUL:
      inputs = {CUDNN_ATTR_OPERATION_POINTWISE_XDESC, CUDNN_ATTR_OPERATION_POINTWISE_BDESC};
      break;
    case CUDNN_POINTWISE_IDENTITY:
    case CUDNN_POINTWISE_RELU_FWD:
      inputs = {CUDNN_ATTR_OPERATION_POINTWISE_XDESC};
      break;
    case CUDNN_POINTWISE_RELU_BWD:  // of relu's input, or of its output, which is as good
      inputs = {content.has(CUDNN_ATTR_OPERATION_POINTWISE_XDESC)
                    ? CUDNN_ATTR_OPERATION_POINTWISE_XDESC
                    : CUDNN_ATTR_OPERATION_POINTWISE_YDESC,
                CUDNN_ATTR_OPERATION_POINTWISE_DYDESC};
      output = CUDNN_ATTR_OPERATION_POINTWISE_DXDESC;
      break;
    default:
      throw Failure{
          CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN,
          "pointwise mode " + std::to_string(operation.pointwise.mode) + " is not simulated"};
  }
  std::size_t tensors = inputs.size() + 1;
  for (const auto& [name, attribute] : content.attributes) {
    if (!attribute.children.empty() && name != CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR) {
      --tensors;
    }
  }
  const bool complete = tensors == 0 && content.has(output) && content.has(inputs.front()) &&
                        content.has(inputs.back());
  require(
      complete, CUDNN_STATUS_BAD_PARAM,
      "these are not the tensors of pointwise mode " + std::to_string(operation.pointwise.mode));
  operation.outputs = {tensor_of(*content.child(output))};
  for (const auto name : inputs) {
    operation.inputs.push_back(tensor_of(*content.child(name)));
    check_broadcast(operation.inputs.back(), operation.outputs[0]);
  }
  require_shape(operation.inputs[0].sizes == operation.outputs[0].sizes,
                "the first input is not of the output's shape");
  return operation;
}

/// Fails unless the tensor has one f32 element per channel of x.
void check_channels(const Tensor& tensor, const Tensor& x) {
  require_shape(tensor.sizes == std::array<std::int64_t, 4>{1, x.sizes[1], 1, 1},
                "not one element per channel");
  require(tensor.type == Type::f32, CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE,
          "what channels have one of is f32");
}

Operation statistics_of(const Content& content) {
  require_f32(content, CUDNN_ATTR_OPERATION_GENSTATS_MATH_PREC);
  require(content.one<cudnnGenStatsMode_t>(CUDNN_ATTR_OPERATION_GENSTATS_MODE) ==
              CUDNN_GENSTATS_SUM_SQSUM,
          CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN, "no such statistics");
  Operation operation;
  operation.kind = Kind::statistics;
  operation.inputs = {tensor_of(*content.child(CUDNN_ATTR_OPERATION_GENSTATS_XDESC))};
  operation.outputs = {tensor_of(*content.child(CUDNN_ATTR_OPERATION_GENSTATS_SUMDESC)),
                       tensor_of(*content.child(CUDNN_ATTR_OPERATION_GENSTATS_SQSUMDESC))};
  for (const Tensor& output : operation.outputs) check_channels(output, operation.inputs[0]);
  return operation;
}

Operation batch_norm_weights_of(const Content& content) {
  require_f32(content, CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_MATH_PREC);
  Operation operation;
  operation.kind = Kind::batch_norm_weights;
  for (const auto name :
       {CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_X_DESC, CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DY_DESC,
        CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_MEAN_DESC,
        CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_INVSTD_DESC,
        CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_BN_SCALE_DESC}) {
    operation.inputs.push_back(tensor_of(*content.child(name)));
  }
  for (const auto name : {CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DBN_SCALE_DESC,
                          CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DBN_BIAS_DESC,
                          CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_DY_SCALE_DESC,
                          CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_X_SCALE_DESC,
                          CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_BIAS}) {
    operation.outputs.push_back(tensor_of(*content.child(name)));
    check_channels(operation.outputs.back(), operation.inputs[0]);
  }
  require_shape(operation.inputs[0].sizes == operation.inputs[1].sizes, "dy is not of x's shape");
  for (std::size_t i = 2; i < 5; ++i) check_channels(operation.inputs[i], operation.inputs[0]);
  return operation;
}

}  // namespace

std::size_t Tensor::extent_bytes() const {
  std::int64_t last = 0;
  for (std::size_t i = 0; i < 4; ++i) last += (sizes[i] - 1) * strides[i];
  return static_cast<std::size_t>(last + 1) * bytes_of(type);
}

Tensor tensor_of(const Content& content) {
  Tensor tensor;
  tensor.id = content.one<std::int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID);
  tensor.type = type_of(content.one<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE));
  tensor.sizes = numbers<4>(content, CUDNN_ATTR_TENSOR_DIMENSIONS, 1);
  tensor.strides = numbers<4>(content, CUDNN_ATTR_TENSOR_STRIDES, 1);
  tensor.alignment = content.one<std::int64_t>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT);
  tensor.is_virtual = content.one_or(CUDNN_ATTR_TENSOR_IS_VIRTUAL, false);
  require(tensor.alignment > 0 &&
              tensor.alignment % static_cast<std::int64_t>(bytes_of(tensor.type)) == 0,
          CUDNN_STATUS_BAD_PARAM, "an alignment that no whole elements have");
  return tensor;
}

Window window_of(const Content& content) {
  require_f32(content, CUDNN_ATTR_CONVOLUTION_COMP_TYPE);
  require(content.one<cudnnConvolutionMode_t>(CUDNN_ATTR_CONVOLUTION_CONV_MODE) ==
              CUDNN_CROSS_CORRELATION,
          CUDNN_STATUS_NOT_SUPPORTED, "only cross-correlation is simulated");
  require(content.one<std::int64_t>(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS) == 2,
          CUDNN_STATUS_NOT_SUPPORTED, "only two dimensions are simulated");
  Window window;
  window.stride = numbers<2>(content, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, 1);
  window.dilation = numbers<2>(content, CUDNN_ATTR_CONVOLUTION_DILATIONS, 1);
  window.before = numbers<2>(content, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, 0);
  window.after = numbers<2>(content, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, 0);
  return window;
}

Operation operation_of(const Content& content) {
  switch (content.type) {
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
      return convolution_of(
          content, Kind::forward,
          {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
           CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
           CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
           CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
           CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y});
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
      return convolution_of(content, Kind::backward_data,
                            {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX});
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
      return convolution_of(content, Kind::backward_filter,
                            {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                             CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW});
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
      return pointwise_operation_of(content);
    case CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR:
      return statistics_of(content);
    case CUDNN_BACKEND_OPERATION_BN_BWD_WEIGHTS_DESCRIPTOR:
      return batch_norm_weights_of(content);
    default:
      throw Failure{CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN,
                    "operations of type " + std::to_string(content.type) + " are not simulated"};
  }
}

}  // namespace simulated_gpu::cudnn
