#include "cuda/cudnn/graph.h"

#include <array>
#include <sstream>

#include "fovea/error.h"

namespace fovea::cuda::cudnn {
namespace {

constexpr std::int64_t kAlignmentBytes = 16;

cudnnDataType_t data_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return CUDNN_DATA_FLOAT;
    case DType::f16:
      return CUDNN_DATA_HALF;
    case DType::bf16:
      return CUDNN_DATA_BFLOAT16;
    default:
      fail(ErrorCode::unsupported, "cuDNN's convolutions are used for f32, f16 and bf16, not for ",
           dtype_name(dtype));
  }
}

/// Makes one graph, part by part.
class GraphBuilder {
 public:
  GraphBuilder(const Target& target, const Convolution& convolution)
      : target_(target),
        library_(target.library()),
        convolution_(convolution),
        type_(data_type(convolution.dtype)),
        in_memory_{&tensor(kX, convolution.x, type_), &tensor(kW, convolution.w, type_),
                   &tensor(kY, convolution.y, type_)} {}

  OperationGraph build() {
    add_operations();
    graph_.graph = Descriptor(library_, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    target_.attach_to_graph(graph_.graph);
    graph_.graph.set_array(CUDNN_ATTR_OPERATIONGRAPH_OPS,
                           std::span<const Descriptor>(graph_.operations));
    graph_.graph.finalize();
    return std::move(graph_);
  }

 private:
  using Pass = Convolution::Pass;

  const Descriptor& keep(Descriptor descriptor) {
    descriptor.finalize();
    graph_.parts.push_back(std::make_unique<Descriptor>(std::move(descriptor)));
    return *graph_.parts.back();
  }

  /// cuDNN orders sizes (N, C, H, W), and (K, C, R, S); strides say how they lie.
  const Descriptor& tensor(std::int64_t id, const Shape& shape, cudnnDataType_t type,
                           bool is_virtual = false) {
    const std::int64_t h = shape.h(), w = shape.w(), c = shape.c();
    Descriptor tensor(library_, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, id);
    tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, type);
    tensor.set_array<std::int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS, std::array{shape.n(), c, h, w});
    tensor.set_array<std::int64_t>(CUDNN_ATTR_TENSOR_STRIDES,
                                   std::array{h * w * c, std::int64_t{1}, w * c, c});
    tensor.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kAlignmentBytes);
    tensor.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, is_virtual);
    return keep(std::move(tensor));
  }

  /// One f32 for each of x's channels, in memory.
  const Descriptor& per_channel(TensorId id) {
    return tensor(id, {1, 1, 1, convolution_.x.c()}, CUDNN_DATA_FLOAT);
  }

  /// What one operation hands to the next, never in memory.
  const Descriptor& virtual_tensor(const Shape& shape) {
    return tensor(next_virtual_id_++, shape, CUDNN_DATA_FLOAT, true);
  }

  const Descriptor& window() {
    const WindowGeometry& g = convolution_.window;
    Descriptor window(library_, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    window.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
    window.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION);
    window.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2});
    const auto set_pair = [&](cudnnBackendAttributeName_t name, std::int64_t h, std::int64_t w) {
      window.set_array<std::int64_t>(name, std::array{h, w});
    };
    set_pair(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, g.stride.h, g.stride.w);
    set_pair(CUDNN_ATTR_CONVOLUTION_DILATIONS, g.dilation.h, g.dilation.w);
    set_pair(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, g.pad_top, g.pad_left);
    set_pair(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, g.pad_bottom, g.pad_right);
    return keep(std::move(window));
  }

  void add_operation(Descriptor operation) {
    operation.finalize();
    graph_.operations.push_back(std::move(operation));
  }

  void add_forward(const Descriptor& y) {
    Descriptor forward(library_, CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
    forward.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, window());
    forward.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, *in_memory_.x);
    forward.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, *in_memory_.w);
    forward.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y);
    forward.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1.0f);
    forward.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0.0f);
    add_operation(std::move(forward));
  }

  void add_backward_data(const Descriptor& dx) {
    Descriptor backward(library_, CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR);
    backward.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, window());
    backward.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, dx);
    backward.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, *in_memory_.w);
    backward.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, *in_memory_.y);
    backward.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, 1.0f);
    backward.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, 0.0f);
    add_operation(std::move(backward));
  }

  void add_backward_filter() {
    Descriptor backward(library_, CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR);
    backward.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, window());
    backward.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, *in_memory_.x);
    backward.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, *in_memory_.w);
    backward.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, *in_memory_.y);
    backward.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, 1.0f);
    backward.set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, 0.0f);
    add_operation(std::move(backward));
  }

  const Descriptor& pointwise_function(cudnnPointwiseMode_t mode) {
    Descriptor function(library_, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    function.set(CUDNN_ATTR_POINTWISE_MODE, mode);
    function.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
    // A NaN passes through relu, so that it is found where it arose.
    if (mode == CUDNN_POINTWISE_RELU_FWD) {
      function.set(CUDNN_ATTR_POINTWISE_NAN_PROPAGATION, CUDNN_PROPAGATE_NAN);
    }
    return keep(std::move(function));
  }

  /// y = mode(x), or mode(x, b_factor b) with b broadcast to x's shape.
  void add_pointwise(cudnnPointwiseMode_t mode, const Descriptor& x, const Descriptor* b,
                     const Descriptor& y, float b_factor = 1) {
    Descriptor operation(library_, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, pointwise_function(mode));
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (b != nullptr) {
      operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *b);
      operation.set(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA2, b_factor);
    }
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
    add_operation(std::move(operation));
  }

  /// dx = dy where x > 0, else 0.
  void add_relu_backward(const Descriptor& dy, const Descriptor& x, const Descriptor& dx) {
    Descriptor operation(library_, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR,
                  pointwise_function(CUDNN_POINTWISE_RELU_BWD));
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_DYDESC, dy);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_DXDESC, dx);
    add_operation(std::move(operation));
  }

  void add_statistics() {
    const Shape channels{1, 1, 1, convolution_.y.c()};
    Descriptor statistics(library_, CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR);
    statistics.set(CUDNN_ATTR_OPERATION_GENSTATS_MODE, CUDNN_GENSTATS_SUM_SQSUM);
    statistics.set(CUDNN_ATTR_OPERATION_GENSTATS_MATH_PREC, CUDNN_DATA_FLOAT);
    statistics.set(CUDNN_ATTR_OPERATION_GENSTATS_XDESC, *in_memory_.y);
    statistics.set(CUDNN_ATTR_OPERATION_GENSTATS_SUMDESC, tensor(kSum, channels, CUDNN_DATA_FLOAT));
    statistics.set(CUDNN_ATTR_OPERATION_GENSTATS_SQSUMDESC,
                   tensor(kSquares, channels, CUDNN_DATA_FLOAT));
    add_operation(std::move(statistics));
  }

  /// The batch norm's output is computed anew from its input: the engines take no stored one.
  void add_norm_gradients() {
    const Shape& shape = convolution_.x;
    const Descriptor& dy = virtual_tensor(shape);
    add_backward_data(dy);
    const Descriptor& x = tensor(kNormX, shape, type_);
    const Descriptor& mean = per_channel(kMean);
    const Descriptor& inverse = per_channel(kInverse);
    const Descriptor& gamma = per_channel(kGamma);
    const Descriptor* normalized = &x;
    const auto append = [&](cudnnPointwiseMode_t mode, const Descriptor& b, float b_factor = 1) {
      const Descriptor& next = virtual_tensor(shape);
      add_pointwise(mode, *normalized, &b, next, b_factor);
      normalized = &next;
    };
    append(CUDNN_POINTWISE_ADD, mean, -1);
    append(CUDNN_POINTWISE_MUL, inverse);
    append(CUDNN_POINTWISE_MUL, gamma);
    append(CUDNN_POINTWISE_ADD, per_channel(kBeta));
    add_relu_backward(dy, *normalized, *in_memory_.x);

    Descriptor sums(library_, CUDNN_BACKEND_OPERATION_BN_BWD_WEIGHTS_DESCRIPTOR);
    sums.set(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_MATH_PREC, CUDNN_DATA_FLOAT);
    sums.set(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_X_DESC, x);
    sums.set(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_MEAN_DESC, mean);
    sums.set(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_INVSTD_DESC, inverse);
    sums.set(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_BN_SCALE_DESC, gamma);
    sums.set(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DY_DESC, *in_memory_.x);
    const auto set_result = [&](cudnnBackendAttributeName_t name, TensorId id) {
      sums.set(name, per_channel(id));
    };
    set_result(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DBN_SCALE_DESC, kGammaGradient);
    set_result(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_DBN_BIAS_DESC, kBetaGradient);
    set_result(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_DY_SCALE_DESC, kGradientFactor);
    set_result(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_X_SCALE_DESC, kXFactor);
    set_result(CUDNN_ATTR_OPERATION_BN_BWD_WEIGHTS_EQ_BIAS, kOffset);
    add_operation(std::move(sums));
  }

  void add_operations() {
    if (convolution_.norm_gradients) return add_norm_gradients();
    if (convolution_.pass == Pass::backward_data) return add_backward_data(*in_memory_.x);
    if (convolution_.pass == Pass::backward_filter) return add_backward_filter();
    if (convolution_.statistics) {
      add_forward(*in_memory_.y);
      return add_statistics();
    }

    int left = int{convolution_.residual} + int{convolution_.bias} + int{convolution_.relu};
    const auto next_sum = [&]() -> const Descriptor& {  // the last one is y itself
      return left-- == 0 ? *in_memory_.y : virtual_tensor(convolution_.y);
    };
    const Descriptor* sum = &next_sum();
    add_forward(*sum);
    const auto append = [&](cudnnPointwiseMode_t mode, const Descriptor* b) {
      const Descriptor& next = next_sum();
      add_pointwise(mode, *sum, b, next);
      sum = &next;
    };
    if (convolution_.residual) {
      append(CUDNN_POINTWISE_ADD, &tensor(kResidual, convolution_.y, type_));
    }
    if (convolution_.bias) {
      append(CUDNN_POINTWISE_ADD, &tensor(kBias, {1, 1, 1, convolution_.y.c()}, type_));
    }
    if (convolution_.relu) append(CUDNN_POINTWISE_RELU_FWD, nullptr);
  }

  const Target& target_;
  const Library& library_;
  const Convolution& convolution_;
  cudnnDataType_t type_;
  OperationGraph graph_;
  std::int64_t next_virtual_id_ = 100;
  struct {
    const Descriptor *x, *w, *y;
  } in_memory_;
};

}  // namespace

std::string Convolution::to_string() const {
  static constexpr const char* kPasses[] = {"forward", "backward_data", "backward_filter"};
  std::ostringstream text;
  text << kPasses[static_cast<int>(pass)] << (residual ? "+residual" : "") << (bias ? "+bias" : "")
       << (relu ? "+relu" : "") << (statistics ? "+statistics" : "")
       << (norm_gradients ? "+norm_gradients" : "") << ' ' << dtype_name(dtype) << " x" << x.str()
       << " w" << w.str() << " y" << y.str() << " stride " << window.stride.h << ','
       << window.stride.w << " dilation " << window.dilation.h << ',' << window.dilation.w
       << " padding " << window.pad_top << ',' << window.pad_bottom << ',' << window.pad_left << ','
       << window.pad_right;
  return text.str();
}

OperationGraph build_graph(const Target& target, const Convolution& convolution) {
  return GraphBuilder(target, convolution).build();
}

}  // namespace fovea::cuda::cudnn
