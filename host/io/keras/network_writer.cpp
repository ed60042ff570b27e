// From ops to Keras's layers. A network keeps no hyper-parameters, only the ops that its layers
// gave, so the layers are found from those: a convolution, the bias added to it and the activation
// behind it, all of one path, are a Conv2D with bias and activation.
#include "host/io/keras/network_writer.h"

#include <cmath>

#include "fovea/ops/basic.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/matmul.h"
#include "fovea/ops/norm.h"
#include "fovea/ops/pool.h"
#include "fovea/ops/source.h"
#include "host/io/keras/config_reader.h"

namespace fovea::keras {
namespace {

template <class OpType>
const OpType& as(const Node& node) {
  return static_cast<const OpType&>(*node.op);
}

bool is_source(const Node& node) {
  const std::string_view name = node.op->name();
  return name == ops::Parameter::kName || name == ops::State::kName ||
         name == ops::Constant::kName || name == ops::Input::kName;
}

[[noreturn]] void fail_node(const Node& node, const std::string& why) {
  fail(ErrorCode::unsupported, "'", node.path, "' (", node.op->name(), "): ", why);
}

Json size_to_json(Size2 size) { return Json::Array{size.h, size.w}; }

}  // namespace

LayerWriter::LayerWriter(const Network& network, const Graph& graph)
    : graph_(graph),
      users_(static_cast<std::size_t>(graph.value_count())),
      is_output_(static_cast<std::size_t>(graph.value_count()), false) {
  for (const LayerRecord& layer : network.layers()) kinds_[layer.name] = layer.kind;
  for (const Node& node : graph.nodes()) {
    if (node.op->name() == ops::WeightPenalty::kName) continue;  // see write_penalty
    for (Value input : node.inputs) users_[static_cast<std::size_t>(input.id)].push_back(&node);
  }
  for (const auto& [name, value] : graph.outputs()) {
    is_output_[static_cast<std::size_t>(value.id)] = true;
  }
  for (std::size_t i = 0; i < network.inputs().size(); ++i) {
    write_input(network.inputs()[i], graph.nodes()[i].outputs.front());
  }
  for (const Node& node : graph.nodes()) {
    if (!is_source(node) && !done_.contains(&node)) write_node(node);
  }
  for (const auto& [name, value] : graph.outputs()) {
    FOVEA_REQUIRE(sources_.contains(value.id), unsupported, "the output '", name,
                  "' depends on no input, which Keras cannot express");
    outputs_.push_back(sources_.at(value.id));
  }
}

void LayerWriter::write_input(const InputSpec& input, Value value) {
  Json shape = Json::array();
  shape.push(nullptr);
  for (std::int64_t size : input.shape) shape.push(size);
  FOVEA_REQUIRE(input.dtype == DType::f32 || input.dtype == DType::u8, unsupported, "the input '",
                input.name, "' is ", dtype_name(input.dtype), "; Keras's are written as f32 or u8");
  const char* dtype = input.dtype == DType::u8 ? "uint8" : "float32";
  Json config = Json::Object{
      {"batch_shape", shape}, {"dtype", dtype}, {"sparse", false}, {"name", input.name}};
  names_.insert(input.name);
  layers_.push_back(
      {{"InputLayer", input.name, input.name, true, {}}, config, {{{}, graph_.type(value)}}});
  sources_[value.id] = {layers_.size() - 1, 0};
}

void LayerWriter::write_node(const Node& node) {
  const std::string_view op = node.op->name();
  if (op == ops::Conv2d::kName) return write_conv(node);
  if (op == ops::MatMul::kName) return write_dense(node);
  if (op == ops::BatchNorm::kName || op == ops::BatchNormInference::kName) {
    return write_batch_norm(node);
  }
  if (op == ops::MaxPool2d::kName || op == ops::AvgPool2d::kName) return write_pool(node);
  if (op == ops::GlobalAvgPool::kName) {
    return emit("GlobalAveragePooling2D", node, Json::object(), {node.inputs[0]}, node.outputs[0]);
  }
  if (op == ops::Pad::kName) return write_pad(node);
  if (op == ops::Add::kName) return write_joined(node, "Add");
  if (op == ops::Multiply::kName) return write_joined(node, "Multiply");
  if (op == ops::Concat::kName) return write_concat(node);
  if (op == ops::Reshape::kName) return write_reshape(node);
  if (op == ops::Rescale::kName || op == ops::Scale::kName) return write_rescale(node);
  if (op == ops::Activate::kName || op == ops::Softmax::kName) return write_activation(node);
  if (op == ops::WeightPenalty::kName) return write_penalty(node);
  if (op == ops::Dropout::kName) return write_dropout(node);
  fail_node(node, "Keras has no such layer");
}

// ---- Layers with weights ----

namespace {

const ops::Parameter& parameter_of(const Node& user, const Node& source) {
  if (source.op->name() != ops::Parameter::kName) {
    fail_node(user, "its weights are computed or fixed; Keras's layers have weights of their own");
  }
  return as<ops::Parameter>(source);
}

void set_parameter(Json& config, const std::string& key, const ops::Parameter& parameter) {
  config.set(key + "_initializer", initializer_to_json(parameter.initializer));
  config.set(key + "_regularizer", regularizer_to_json(parameter.l1, parameter.l2));
}

}  // namespace

Json LayerWriter::weighted_config(const Node& node, const char* kernel, Value& y,
                                  std::vector<Weight>& weights) {
  Json config = Json::object();
  set_parameter(config, kernel, parameter_of(node, producer(node.inputs[1])));
  const Node* bias = only_user(y);
  const bool use_bias = bias != nullptr && bias->op->name() == ops::AddBias::kName;
  config.set("use_bias", use_bias);
  if (use_bias) {
    const Node& source = producer(bias->inputs[1]);
    set_parameter(config, "bias", parameter_of(*bias, source));
    weights.push_back({"bias", source.path});
    take(*bias);
    y = bias->outputs[0];
  }
  std::string activation;
  if (const Node* act = only_user(y, ops::Activate::kName, node.path)) {
    activation = activation_name(as<ops::Activate>(*act).activation);
  } else if (only_user(y, ops::Softmax::kName, node.path) != nullptr) {
    activation = "softmax";
  }
  if (!activation.empty()) {
    const Node* act = only_user(y);
    take(*act);
    y = act->outputs[0];
  }
  config.set("activation", activation.empty() ? "linear" : activation);
  return config;
}

void LayerWriter::write_conv(const Node& node) {
  const auto& conv = as<ops::Conv2d>(node);
  const Shape& kernel = graph_.type(node.inputs[1]).shape;
  const std::int64_t channels = graph_.type(node.inputs[0]).shape.c();
  if ((conv.dilation.h > 1 || conv.dilation.w > 1) && (conv.stride.h > 1 || conv.stride.w > 1)) {
    fail_node(node, "Keras has no convolution with both strides and dilation");
  }
  Value x = node.inputs[0];
  const WindowGeometry window = conv.geometry(picture(x), {kernel[1], kernel[2]});
  const char* padding = write_padding(node, x, window, conv.padding);
  const bool depthwise =
      conv.groups > 1 && conv.groups == channels && conv.stride.h == conv.stride.w;
  const std::string& path = producer(node.inputs[1]).path;
  std::vector<Weight> weights;
  if (depthwise) {
    weights.push_back({"kernel", path, Layout::depthwise, true, kernel[0] / channels});
  } else {
    weights.push_back({"kernel", path, Layout::conv});
  }
  Value y = node.outputs[0];
  Json config = weighted_config(node, depthwise ? "depthwise" : "kernel", y, weights);
  config.set("kernel_size", size_to_json({kernel[1], kernel[2]}));
  config.set("strides", size_to_json(conv.stride));
  config.set("padding", padding);
  config.set("dilation_rate", size_to_json(conv.dilation));
  config.set("data_format", "channels_last");
  if (depthwise) {
    config.set("depth_multiplier", kernel[0] / channels);
  } else {
    config.set("filters", kernel[0]);
    config.set("groups", conv.groups);
  }
  emit(depthwise ? "DepthwiseConv2D" : "Conv2D", node, config, {x}, y, weights);
}

void LayerWriter::write_dense(const Node& node) {
  const auto& product = as<ops::MatMul>(node);
  if (product.transpose_a) fail_node(node, "Keras has no product with a transposed input");
  const Node& kernel = producer(node.inputs[1]);
  const Shape& shape = graph_.type(node.inputs[1]).shape;
  std::vector<Weight> weights = {
      {"kernel", kernel.path, product.transpose_b ? Layout::conv : Layout::same}};
  Value y = node.outputs[0];
  Json config = weighted_config(node, "kernel", y, weights);
  config.set("units", product.transpose_b ? shape[0] : shape[1]);
  emit("Dense", node, config, {node.inputs[0]}, y, weights);
}

void LayerWriter::write_batch_norm(const Node& node) {
  const bool training = node.op->name() == ops::BatchNorm::kName;
  Json config = Json::object();
  config.set("axis", -1);
  if (training) config.set("momentum", as<ops::BatchNorm>(node).momentum);
  config.set("epsilon", training ? as<ops::BatchNorm>(node).epsilon
                                 : as<ops::BatchNormInference>(node).epsilon);
  std::vector<Weight> weights;
  const char* const flags[] = {"scale", "center"};
  const char* const names[] = {"gamma", "beta", "moving_mean", "moving_variance"};
  for (std::size_t i = 0; i < 4; ++i) {
    const Node& source = producer(node.inputs[i + 1]);
    const std::string_view op = source.op->name();
    const bool left_out = op == ops::Constant::kName && i < 2 &&
                          as<ops::Constant>(source).value == (i == 0 ? 1.0 : 0.0);
    if (i < 2) config.set(flags[i], !left_out);
    if (left_out) continue;
    if (op != ops::Parameter::kName && op != ops::State::kName) {
      fail_node(node, "its parameters are computed; Keras's layers have parameters of their own");
    }
    weights.push_back({names[i], source.path, Layout::same, i < 2 && training});
  }
  // Keras's batch norm uses the running statistics in training, too, where it is not trainable.
  config.set("trainable", training);
  emit("BatchNormalization", node, config, {node.inputs[0]}, node.outputs[0], weights, training);
}

// ---- Windows and shapes ----

const ValueType& LayerWriter::type(Value value) const {
  const int number = value.id - graph_.value_count();
  return number < 0 ? graph_.type(value) : padded_[static_cast<std::size_t>(number)];
}

Size2 LayerWriter::picture(Value value) const {
  const Shape& shape = graph_.type(value).shape;
  return {shape.h(), shape.w()};
}

const char* LayerWriter::write_padding(const Node& node, Value& x, const WindowGeometry& window,
                                       const Padding& padding) {
  if (padding.kind == Padding::Kind::same) return "same";
  if (window.pad_top == 0 && window.pad_bottom == 0 && window.pad_left == 0 &&
      window.pad_right == 0) {
    return "valid";
  }
  const WindowGeometry same =
      resolve_window(window.input, window.kernel, window.stride, window.dilation, Padding::same());
  if (same.pad_top == window.pad_top && same.pad_bottom == window.pad_bottom &&
      same.pad_left == window.pad_left && same.pad_right == window.pad_right) {
    return "same";
  }
  // Zeros never win over numbers >= 0; a mean, and a maximum of others, would count them.
  const Node& before = producer(x);
  const bool above_zero = before.op->name() == ops::Activate::kName &&
                          as<ops::Activate>(before).activation.kind == Activation::Kind::relu;
  if (node.op->name() != ops::Conv2d::kName &&
      (node.op->name() != ops::MaxPool2d::kName || !above_zero)) {
    fail_node(node, "Keras's pooling pads as \"same\" or not at all");
  }
  Json config = Json::object();
  config.set("padding", Json::Array{Json::Array{window.pad_top, window.pad_bottom},
                                    Json::Array{window.pad_left, window.pad_right}});
  ValueType type = graph_.type(x);
  type.shape.set(1, type.shape.h() + window.pad_top + window.pad_bottom);
  type.shape.set(2, type.shape.w() + window.pad_left + window.pad_right);
  const Value padded{graph_.value_count() + static_cast<int>(padded_.size())};
  padded_.push_back(type);
  Node zeros = node;
  zeros.path += "_padding";
  emit("ZeroPadding2D", zeros, config, {x}, padded);
  x = padded;
  return "valid";
}

void LayerWriter::write_pool(const Node& node) {
  const bool largest = node.op->name() == ops::MaxPool2d::kName;
  const ops::PoolAttributes& pool =
      largest ? static_cast<const ops::PoolAttributes&>(as<ops::MaxPool2d>(node))
              : as<ops::AvgPool2d>(node);
  Value x = node.inputs[0];
  const Node* reshape = only_user(node.outputs[0], ops::Reshape::kName, node.path);
  const bool one_cell =
      graph_.type(node.outputs[0]).shape.h() == 1 && graph_.type(node.outputs[0]).shape.w() == 1;
  if (largest && one_cell && pool.kernel == picture(x) && reshape != nullptr &&
      graph_.type(reshape->outputs[0]).shape.rank() == 2) {
    take(*reshape);
    return emit("GlobalMaxPooling2D", node, Json::object(), {x}, reshape->outputs[0]);
  }
  const char* padding = write_padding(node, x, pool.geometry(picture(x)), pool.padding);
  Json config = Json::object();
  config.set("pool_size", size_to_json(pool.kernel));
  config.set("strides", size_to_json(pool.stride));
  config.set("padding", padding);
  config.set("data_format", "channels_last");
  emit(largest ? "MaxPooling2D" : "AveragePooling2D", node, config, {x}, node.outputs[0]);
}

void LayerWriter::write_pad(const Node& node) {
  const auto& first = as<ops::Pad>(node);
  if (graph_.type(node.inputs[0]).shape.rank() != 4) fail_node(node, "Keras pads pictures only");
  // The layer pads two axes, of which this node pads one and the next, maybe, the other.
  Value y = node.outputs[0];
  Json::Array cells = {first.before, first.after};
  Json::Array next_cells = {0, 0};
  const Node* next = only_user(y, ops::Pad::kName, node.path);
  const bool both = first.axis < 3 && next != nullptr && as<ops::Pad>(*next).axis == first.axis + 1;
  if (both) {
    next_cells = {as<ops::Pad>(*next).before, as<ops::Pad>(*next).after};
    take(*next);
    y = next->outputs[0];
  }
  const int second_axis = both || first.axis == 1 ? first.axis + 1 : first.axis;
  if (first.axis == second_axis) std::swap(cells, next_cells);
  Json config = Json::object();
  config.set("padding", Json::Array{cells, next_cells});
  // Taken for (N, C, H, W), the last two axes are columns and channels.
  config.set("data_format", second_axis == 2 ? "channels_last" : "channels_first");
  emit("ZeroPadding2D", node, config, {node.inputs[0]}, y);
}

void LayerWriter::write_joined(const Node& node, const char* class_name) {
  std::vector<Value> inputs = node.inputs;
  Value y = node.outputs[0];
  for (const Node* next = only_user(y, node.op->name(), node.path);
       next != nullptr && next->inputs[0] == y; next = only_user(y, node.op->name(), node.path)) {
    inputs.push_back(next->inputs[1]);
    take(*next);
    y = next->outputs[0];
  }
  emit(class_name, node, Json::object(), inputs, y);
}

void LayerWriter::write_concat(const Node& node) {
  const int axis = as<ops::Concat>(node).axis;
  const bool last = axis == graph_.type(node.outputs[0]).shape.rank() - 1;
  Json config = Json::object();
  config.set("axis", last ? -1 : axis);
  emit("Concatenate", node, config, node.inputs, node.outputs[0]);
}

void LayerWriter::write_reshape(const Node& node) {
  const Shape& tail = as<ops::Reshape>(node).tail;
  Json config = Json::object();
  if (tail.rank() != 1) config.set("target_shape", to_json(tail));
  emit(tail.rank() == 1 ? "Flatten" : "Reshape", node, config, {node.inputs[0]}, node.outputs[0]);
}

// ---- The rest ----

void LayerWriter::write_rescale(const Node& node) {
  Json config = Json::object();
  if (node.op->name() == ops::Scale::kName) {
    config.set("scale", as<ops::Scale>(node).factor);
    return emit("Rescaling", node, config, {node.inputs[0]}, node.outputs[0]);
  }
  const auto& rescale = as<ops::Rescale>(node);
  if (rescale.scale.size() == 1) {
    config.set("scale", rescale.scale[0]);
    config.set("offset", rescale.offset[0]);
    return emit("Rescaling", node, config, {node.inputs[0]}, node.outputs[0]);
  }
  Json means = Json::array();
  Json variances = Json::array();
  for (std::size_t c = 0; c < rescale.scale.size(); ++c) {
    const double scale = rescale.scale[c];
    if (scale <= 0) fail_node(node, "Keras's Normalization divides by numbers > 0 only");
    means.push(-rescale.offset[c] / scale);
    variances.push(1 / (scale * scale));
  }
  config.set("axis", -1);
  config.set("mean", means);
  config.set("variance", variances);
  emit("Normalization", node, config, {node.inputs[0]}, node.outputs[0]);
}

void LayerWriter::write_activation(const Node& node) {
  Json config = Json::object();
  std::string class_name = "Activation";
  const std::string kind = kind_of(node);
  if (node.op->name() == ops::Softmax::kName) {
    if (kind == "Softmax") {
      class_name = kind;
    } else {
      config.set("activation", "softmax");
    }
  } else {
    const Activation& activation = as<ops::Activate>(node).activation;
    const std::string name = activation_name(activation);
    if (activation.kind == Activation::Kind::leaky_relu) {
      class_name = "LeakyReLU";
      config.set("negative_slope", activation.alpha);
    } else if (activation.kind == Activation::Kind::elu) {
      class_name = "ELU";
      config.set("alpha", activation.alpha);
    } else if (kind == "ReLU" && name == "relu") {
      class_name = kind;
    } else {
      if (name.empty()) fail_node(node, "Keras has no such activation");
      config.set("activation", name);
    }
  }
  emit(class_name, node, config, {node.inputs[0]}, node.outputs[0]);
}

/// A penalty has nobody who reads it: Keras knows it as a property of the layer that gives the
/// penalized value, or as a layer that passes the value on.
void LayerWriter::write_penalty(const Node& node) {
  const auto& penalty = as<ops::WeightPenalty>(node);
  const Value x = node.inputs[0];
  if (!sources_.contains(x.id)) fail_node(node, "Keras has penalties for layers' outputs only");
  WrittenLayer& layer = layers_[sources_.at(x.id).layer];
  if (!layer.entry.weights.empty() && layer.entry.path + ".activity_penalty" == node.path &&
      layer.calls.size() == 1) {
    layer.config.set("activity_regularizer", regularizer_to_json(penalty.l1, penalty.l2));
    return;
  }
  Json config = Json::object();
  config.set("l1", penalty.l1);
  config.set("l2", penalty.l2);
  emit("ActivityRegularization", node, config, {x}, x);
}

void LayerWriter::write_dropout(const Node& node) {
  Json config = Json::object();
  config.set("rate", as<ops::Dropout>(node).rate);
  emit("Dropout", node, config, {node.inputs[0]}, node.outputs[0]);
}

// ---- Bookkeeping ----

const Node* LayerWriter::only_user(Value value) const {
  const auto index = static_cast<std::size_t>(value.id);
  return users_[index].size() == 1 && !is_output_[index] ? users_[index][0] : nullptr;
}

const Node* LayerWriter::only_user(Value value, std::string_view op,
                                   const std::string& path) const {
  const Node* user = only_user(value);
  return user != nullptr && user->op->name() == op && user->path == path ? user : nullptr;
}

std::string LayerWriter::kind_of(const Node& node) const {
  const auto found = kinds_.find(node.path);
  return found == kinds_.end() ? "" : found->second;
}

std::string LayerWriter::unique_name(const Node& node) {
  std::string stem = node.path.empty() ? std::string(node.op->name()) : node.path;
  for (char& letter : stem) {
    if (letter == '/') letter = '_';  // Keras's names have none
  }
  std::string name = stem;
  for (int i = 1; names_.contains(name) || (i > 1 && kinds_.contains(name)); ++i) {
    name = stem + "_" + std::to_string(i);
  }
  names_.insert(name);
  return name;
}

void LayerWriter::emit(const std::string& class_name, const Node& node, const Json& config,
                       const std::vector<Value>& inputs, Value output, std::vector<Weight> weights,
                       bool trainable) {
  WrittenCall call{{}, type(output)};
  for (Value input : inputs) {
    const auto found = sources_.find(input.id);
    if (found == sources_.end()) fail_node(node, "it reads a constant, which Keras cannot express");
    call.inputs.push_back(found->second);
  }
  std::string key = class_name + "\n" + node.path + "\n" + config.to_string();
  for (const Weight& weight : weights) key += "\n" + weight.path;
  const auto [position, is_new] = by_key_.emplace(key, layers_.size());
  if (is_new) {
    const std::string name = unique_name(node);
    Json named = Json::object();
    named.set("name", name);
    for (const auto& [member, value] : config.as_object()) named.set(member, value);
    layers_.push_back({{class_name, name, node.path, trainable, std::move(weights)}, named, {}});
  }
  WrittenLayer& layer = layers_[position->second];
  sources_[output.id] = {position->second, layer.calls.size()};
  layer.calls.push_back(std::move(call));
}

}  // namespace fovea::keras
