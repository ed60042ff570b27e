// make_layer: one function per class of Keras's, which reads the keys that the class has, and one
// line per class in a table.
#include <algorithm>
#include <array>
#include <cmath>

#include "fovea/layer_config.h"
#include "host/io/keras/config_reader.h"
#include "host/io/keras/extra_layers.h"

namespace fovea {
namespace {

using keras::ConfigReader;

constexpr std::string_view kTransposedRemedy =
    "pictures are (N, H, W, C), channels_last; build the model so and copy its weights";

/// The layout of pictures, where it changes what a layer computes.
void require_channels_last(ConfigReader& config) {
  if (config.text("data_format", "channels_last") == "channels_last") return;
  config.fail_unsupported("data_format", kTransposedRemedy);
}

/// The axis of a layer that works along the last one. Keras writes -1, 3 or [3].
std::int64_t axis_of(ConfigReader& config) {
  const Json& axis = config.value("axis");
  if (axis.is_null()) return -1;
  if (axis.is_array() && axis.size() == 1) return axis[0].as_int();
  if (axis.is_array()) config.fail_unsupported("axis", "it must be the last one");
  return axis.as_int();
}

AnyLayer along_last_axis(const Layer& layer, std::int64_t axis) {
  if (axis == -1) return layer;
  return keras::LastAxis(layer, axis);
}

/// Options that Conv2D, DepthwiseConv2D and Dense share.
template <class Options>
void read_weighted(ConfigReader& config, Options& options, std::string_view kernel) {
  const auto key = [&](const char* end) { return std::string(kernel) + end; };
  options.activation = config.activation("activation", "linear");
  options.use_bias = config.boolean("use_bias", true);
  options.kernel_initializer = config.initializer(key("_initializer"), glorot_uniform());
  options.bias_initializer = config.initializer("bias_initializer", zeros());
  options.kernel_regularizer = config.regularizer(key("_regularizer"));
  options.bias_regularizer = config.regularizer("bias_regularizer");
  options.activity_regularizer = config.regularizer("activity_regularizer");
  config.only(key("_constraint"), nullptr);
  config.only("bias_constraint", nullptr);
}

AnyLayer conv2d(ConfigReader& config, const std::string& name) {
  Conv2DOptions options;
  options.name = name;
  options.strides = config.pair("strides", 1);
  options.padding = config.padding();
  options.dilation = config.pair("dilation_rate", 1);
  options.groups = config.integer("groups", 1);
  require_channels_last(config);
  read_weighted(config, options, "kernel");
  return Conv2D(config.required_integer("filters"), config.pair("kernel_size"), options);
}

AnyLayer depthwise_conv2d(ConfigReader& config, const std::string& name) {
  keras::DepthwiseOptions options;
  options.multiplier = config.integer("depth_multiplier", 1);
  options.strides = config.pair("strides", 1);
  options.padding = config.padding();
  options.dilation = config.pair("dilation_rate", 1);
  require_channels_last(config);
  read_weighted(config, options, "depthwise");
  // Keras 2 writes what the class inherits, too.
  config.ignore({"groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"});
  return keras::DepthwiseConv2D(config.pair("kernel_size"), options, name);
}

AnyLayer dense(ConfigReader& config, const std::string& name) {
  DenseOptions options;
  options.name = name;
  read_weighted(config, options, "kernel");
  config.only("lora_rank", nullptr);
  config.only("quantization_config", nullptr);
  return Dense(config.required_integer("units"), options);
}

AnyLayer maxout(ConfigReader& config, const std::string& name) {
  MaxoutOptions options;
  options.name = name;
  options.use_bias = config.boolean("use_bias", true);
  options.kernel_initializer = config.initializer("kernel_initializer", glorot_uniform());
  options.bias_initializer = config.initializer("bias_initializer", zeros());
  options.kernel_regularizer = config.regularizer("kernel_regularizer");
  options.bias_regularizer = config.regularizer("bias_regularizer");
  return Maxout(config.required_integer("units"), config.integer("pieces", 2), options);
}

AnyLayer batch_normalization(ConfigReader& config, const std::string& name) {
  BatchNormOptions options;
  options.name = name;
  options.momentum = config.number("momentum", 0.99);
  options.epsilon = config.number("epsilon", 1e-3);
  const bool scale = config.boolean("scale", true);
  const bool center = config.boolean("center", true);
  config.ignore({"beta_initializer", "gamma_initializer", "moving_mean_initializer",
                 "moving_variance_initializer"});
  for (const char* key : {"beta_regularizer", "gamma_regularizer", "beta_constraint",
                          "gamma_constraint", "renorm_clipping", "virtual_batch_size"}) {
    config.only(key, nullptr);
  }
  config.only("renorm", false);
  config.only("synchronized", false);
  config.ignore({"renorm_momentum", "fused"});
  const std::int64_t axis = axis_of(config);
  if (scale && center) return along_last_axis(BatchNorm(options), axis);
  return along_last_axis(keras::PartialBatchNorm(options, scale, center), axis);
}

template <class PoolLayer>
AnyLayer pool(ConfigReader& config, const std::string& name) {
  PoolOptions options;
  options.name = name;
  if (!config.value("strides").is_null()) options.strides = config.pair("strides");
  options.padding = config.padding();
  require_channels_last(config);
  return PoolLayer(config.pair("pool_size", 2), options);
}

template <class PoolLayer>
AnyLayer global_pool(ConfigReader& config, const std::string& name) {
  require_channels_last(config);
  config.only("keepdims", false);
  return PoolLayer(name);
}

/// A layer with nothing but a name.
template <class PlainLayer>
AnyLayer plain(ConfigReader&, const std::string& name) {
  return PlainLayer(name);
}

std::vector<std::int64_t> sizes_from(const Json& json) {
  std::vector<std::int64_t> sizes;
  for (const Json& size : json.as_array()) sizes.push_back(size.is_null() ? -1 : size.as_int());
  return sizes;
}

DType input_dtype(ConfigReader& config) {
  const Json& dtype = config.value("dtype");
  if (dtype.is_null() || dtype == Json("float32")) return DType::f32;
  if (dtype == Json("uint8")) return DType::u8;
  config.fail_unsupported("dtype", "inputs are float32 or uint8");
}

AnyLayer input_layer(ConfigReader& config, const std::string& name) {
  for (const char* key : {"sparse", "ragged"}) config.only(key, false);
  config.ignore({"optional", "type_spec"});
  const char* key = "shape";
  for (const char* other : {"batch_shape", "batch_input_shape"}) {
    if (!config.value(other).is_null()) key = other;
  }
  const Json& shape = config.value(key);
  FOVEA_REQUIRE(!shape.is_null(), invalid_argument, config.what(), " needs 'batch_shape'");
  std::vector<std::int64_t> sizes = sizes_from(shape);
  if (std::string_view(key) != "shape" && !sizes.empty()) sizes.erase(sizes.begin());
  for (std::int64_t size : sizes) {
    if (size < 1) config.fail_unsupported(key, "every size but the batch's must be known");
  }
  return Input(Shape(sizes), name, input_dtype(config));
}

AnyLayer flatten(ConfigReader& config, const std::string& name) {
  require_channels_last(config);
  return Flatten(name);
}

AnyLayer reshape(ConfigReader& config, const std::string& name) {
  const Json& sizes = config.value("target_shape");
  FOVEA_REQUIRE(sizes.is_array(), invalid_argument, config.what(), " needs 'target_shape', a list");
  return Reshape(sizes_from(sizes), name);
}

AnyLayer zero_padding2d(ConfigReader& config, const std::string& name) {
  const Json& given = config.value("padding");
  Padding cells = Padding::cells(1);
  if (given.is_array() && given.size() == 2 && given[0].is_array()) {
    const std::vector<std::int64_t> rows = sizes_from(given[0]);
    const std::vector<std::int64_t> columns = sizes_from(given[1]);
    FOVEA_REQUIRE(rows.size() == 2 && columns.size() == 2, invalid_argument, config.what(),
                  ": padding is a number, (rows, columns) or ((top, bottom), (left, right)), not ",
                  given.to_string());
    cells = Padding::cells(rows[0], rows[1], columns[0], columns[1]);
  } else if (!given.is_null()) {
    const Size2 sides = config.pair("padding");
    cells = Padding::cells(sides.h, sides.h, sides.w, sides.w);
  }
  if (config.text("data_format", "channels_last") == "channels_last") {
    return ZeroPadding2D(cells, name);
  }
  config.only("data_format", "channels_first");
  return keras::ZeroPaddingLastAxes(cells, name);
}

template <class JoiningLayer>
AnyLayer join(ConfigReader& config, const std::string& name) {
  const std::int64_t otherwise = std::string_view(JoiningLayer::kKind) == Stack::kKind ? 1 : -1;
  return JoiningLayer(static_cast<int>(config.integer("axis", otherwise)), name);
}

AnyLayer activation(ConfigReader& config, const std::string& name) {
  FOVEA_REQUIRE(!config.value("activation").is_null(), invalid_argument, config.what(),
                " needs 'activation'");
  return ActivationLayer(config.activation("activation", ""), name);
}

AnyLayer relu(ConfigReader& config, const std::string& name) {
  config.only("max_value", nullptr);
  config.only("threshold", 0.0);
  const double slope = config.number("negative_slope", 0);
  return slope == 0 ? AnyLayer(Relu(name)) : AnyLayer(LeakyRelu(slope, name));
}

AnyLayer leaky_relu(ConfigReader& config, const std::string& name) {
  const double keras2 = config.number("alpha", 0.3);
  return LeakyRelu(config.number("negative_slope", keras2), name);
}

AnyLayer elu(ConfigReader& config, const std::string& name) {
  return Elu(config.number("alpha", 1), name);
}

AnyLayer softmax(ConfigReader& config, const std::string& name) {
  return along_last_axis(Softmax(name), axis_of(config));
}

AnyLayer identity(ConfigReader&, const std::string& name) {
  return ActivationLayer("linear", name);
}

AnyLayer activity_regularization(ConfigReader& config, const std::string& name) {
  return ActivityRegularization({.l1 = config.number("l1", 0), .l2 = config.number("l2", 0)}, name);
}

AnyLayer dropout(ConfigReader& config, const std::string& name) {
  config.ignore({"seed"});
  config.only("noise_shape", nullptr);
  return Dropout(config.required_number("rate"), name);
}

/// scale x + offset of several channels is the normalization by mean -offset / scale and variance
/// 1 / scale^2.
AnyLayer rescaling(ConfigReader& config, const std::string& name) {
  const std::vector<double> scales = config.numbers("scale");
  std::vector<double> offsets = config.numbers("offset");
  FOVEA_REQUIRE(!scales.empty(), invalid_argument, config.what(), " needs 'scale'");
  if (offsets.empty()) offsets = {0};
  if (scales.size() == 1 && offsets.size() == 1) return Rescaling(scales[0], offsets[0], name);
  const std::size_t channels = std::max(scales.size(), offsets.size());
  const auto fits = [&](std::size_t count) { return count == 1 || count == channels; };
  FOVEA_REQUIRE(fits(scales.size()) && fits(offsets.size()), invalid_argument, config.what(), ": ",
                scales.size(), " scales, but ", offsets.size(), " offsets");
  std::vector<double> means;
  std::vector<double> variances;
  for (std::size_t c = 0; c < channels; ++c) {
    const double scale = scales[scales.size() == 1 ? 0 : c];
    const double offset = offsets[offsets.size() == 1 ? 0 : c];
    if (scale <= 0) config.fail_unsupported("scale", "scales of several channels must be > 0");
    means.push_back(-offset / scale);
    variances.push_back(1 / (scale * scale));
  }
  return Normalization(means, variances, name);
}

/// Keras divides by max(sqrt(variance), 1e-7).
AnyLayer normalization(ConfigReader& config, const std::string& name) {
  config.only("invert", false);
  const std::vector<double> means = config.numbers("mean");
  std::vector<double> variances = config.numbers("variance");
  FOVEA_REQUIRE(!means.empty() && !variances.empty(), unsupported, config.what(),
                ": the description holds no mean and variance; they lie in the model's weights: "
                "load the whole file, or set \"mean\" and \"variance\"");
  for (double& variance : variances) variance = std::max(variance, 1e-14);
  if (means.size() == 1) {
    config.ignore({"axis"});
    return Normalization(means, variances, name);
  }
  return along_last_axis(Normalization(means, variances, name), axis_of(config));
}

struct Entry {
  std::string_view class_name;
  AnyLayer (*make)(ConfigReader& config, const std::string& name);
};

constexpr Entry kLayers[] = {
    {"Activation", activation},
    {"ActivityRegularization", activity_regularization},
    {"Add", plain<Add>},
    {"AveragePooling2D", pool<AvgPool2D>},
    {"BatchNormalization", batch_normalization},
    {"Concatenate", join<Concatenate>},
    {"Conv2D", conv2d},
    {"Dense", dense},
    {"DepthwiseConv2D", depthwise_conv2d},
    {"Dropout", dropout},
    {"ELU", elu},
    {"Flatten", flatten},
    {"Gelu", plain<Gelu>},
    {"GlobalAveragePooling2D", global_pool<GlobalAvgPool2D>},
    {"GlobalMaxPooling2D", global_pool<GlobalMaxPool2D>},
    {"GlobalMinPooling2D", global_pool<GlobalMinPool2D>},
    {"Identity", identity},
    {"InputLayer", input_layer},
    {"LeakyReLU", leaky_relu},
    {"MaxPooling2D", pool<MaxPool2D>},
    {"Maxout", maxout},
    {"MinPooling2D", pool<MinPool2D>},
    {"Multiply", plain<Multiply>},
    {"Normalization", normalization},
    {"ReLU", relu},
    {"Rescaling", rescaling},
    {"Reshape", reshape},
    {"Sigmoid", plain<Sigmoid>},
    {"Silu", plain<Silu>},
    {"Softmax", softmax},
    {"Stack", join<Stack>},
    {"Tanh", plain<Tanh>},
    {"ZeroPadding2D", zero_padding2d},
};

const Entry& entry_of(const std::string& class_name, const std::string& what) {
  std::string known;
  for (const Entry& entry : kLayers) {
    if (entry.class_name == class_name) return entry;
    known += (known.empty() ? "" : ", ") + std::string(entry.class_name);
  }
  fail(ErrorCode::invalid_argument, what, ": there is no such layer here; known: ", known);
}

/// Layers compute in what the model's precision says: a layer's own dtype may only be float32.
void require_float32(ConfigReader& config) {
  const Json& dtype = config.value("dtype");
  if (dtype.is_object() && dtype.contains("config")) {
    const Json* name = dtype.at("config").find("name");
    if (name != nullptr && *name == Json("float32")) return;
  }
  if (dtype.is_null() || dtype == Json("float32")) return;
  config.fail_unsupported("dtype",
                          "it must be float32; ModelOptions::precision computes in others");
}

}  // namespace

AnyLayer make_layer(const std::string& class_name, const Json& json) {
  const Json* given_name = json.is_object() ? json.find("name") : nullptr;
  const std::string name =
      given_name == nullptr || given_name->is_null() ? "" : given_name->as_string();
  const std::string what = name.empty() ? class_name : "'" + name + "' (" + class_name + ")";
  const Entry& entry = entry_of(class_name, what);
  ConfigReader config(what, json);
  config.ignore({"name", "trainable", "batch_input_shape", "build_config"});
  if (class_name != Input::kKind) require_float32(config);
  AnyLayer layer = entry.make(config, name);
  config.finish();
  return layer;
}

}  // namespace fovea
