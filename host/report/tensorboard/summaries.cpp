#include "host/report/tensorboard/summaries.h"

#include <algorithm>
#include <cmath>

#include "fovea/error.h"
#include "fovea/image.h"

namespace fovea::report {
namespace {

constexpr int kBuckets = 30;  // as TensorFlow 2 makes them
constexpr int kFloat = 1;     // DataType.DT_FLOAT
constexpr int kString = 7;    // DataType.DT_STRING

/// Summary {value = 1: Value {tag = 1, <field>: <what>}}.
Message summary(const Message& value) { return Message().message(1, value); }
Message tagged(const std::string& tag) { return Message().text(1, tag); }

/// SummaryMetadata {plugin_data = 1: PluginData {plugin_name = 1, content = 2}}.
Message metadata(const std::string& plugin, const std::string& content) {
  return Message().message(1, Message().text(1, plugin).text(2, content));
}

/// TensorShapeProto {dim = 2: Dim {size = 1}}; the batch's size is not known: -1.
Message shape_proto(const Shape& sample) {
  Message shape;
  shape.message(2, Message().integer(1, -1));
  for (const std::int64_t size : sample) shape.message(2, Message().integer(1, size));
  return shape;
}

std::string node_name(const std::string& layer) {
  std::string name = layer;
  std::replace(name.begin(), name.end(), '.', '/');
  return name;
}

/// An entry {key = 1, value = 2} of a map.
Message entry(const std::string& key, const Message& value) {
  return Message().text(1, key).message(2, value);
}

/// google.protobuf.Value {number_value = 2, string_value = 3, bool_value = 4}.
Message value_proto(const Json& json) {
  if (json.is_bool()) return Message().integer(4, json.as_bool() ? 1 : 0);
  if (json.is_string()) return Message().text(3, json.as_string());
  return Message().f64(2, json.as_double());
}

/// A summary whose value {tag = 1, tensor = 8, metadata = 9} is for the page of hyperparameters.
/// Its tensor is an empty one: TensorProto {dtype = 1, tensor_shape = 2}, of shape (0,).
Message hparams_summary(const std::string& tag, const Message& data) {
  const Message empty =
      Message().integer(1, kFloat).message(2, Message().message(2, Message().integer(1, 0)));
  return summary(tagged(tag).message(8, empty).message(9, metadata("hparams", data.bytes())));
}

}  // namespace

Message scalar_summary(const std::string& tag, double value) {
  return summary(tagged(tag).f32(2, static_cast<float>(value)));  // simple_value = 2
}

Histogram histogram_of(std::span<const float> values) {
  std::vector<double> finite;
  for (const float value : values) {
    if (std::isfinite(value)) finite.push_back(value);
  }
  Histogram histogram;
  if (finite.empty()) return histogram;
  const auto [low, high] = std::minmax_element(finite.begin(), finite.end());
  histogram.min = *low;
  histogram.max = *high;
  for (const double value : finite) {
    histogram.sum += value;
    histogram.sum_squares += value * value;
  }
  const double width = (histogram.max - histogram.min) / kBuckets;
  if (width == 0) {
    histogram.limits = {histogram.max};
    histogram.counts = {static_cast<double>(finite.size())};
    return histogram;
  }
  for (int i = 1; i < kBuckets; ++i) histogram.limits.push_back(histogram.min + i * width);
  histogram.limits.push_back(histogram.max);
  histogram.counts.assign(kBuckets, 0);
  for (const double value : finite) {
    const auto bucket = static_cast<std::size_t>((value - histogram.min) / width);
    ++histogram.counts[std::min<std::size_t>(bucket, kBuckets - 1)];
  }
  return histogram;
}

Message histogram_summary(const std::string& tag, const Histogram& histogram) {
  double count = 0;
  for (const double bucket : histogram.counts) count += bucket;
  Message proto;  // HistogramProto
  proto.f64(1, histogram.min).f64(2, histogram.max).f64(3, count).f64(4, histogram.sum);
  proto.f64(5, histogram.sum_squares).packed(6, histogram.limits).packed(7, histogram.counts);
  return summary(tagged(tag).message(5, proto));  // histo = 5
}

Message image_summary(const std::string& tag, const Tensor& picture) {
  const std::vector<std::uint8_t> png = encode_image(".png", picture);
  Message image;  // Image {height = 1, width = 2, colorspace = 3, encoded_image_string = 4}
  image.integer(1, picture.shape()[0]).integer(2, picture.shape()[1]);
  image.integer(3, picture.shape()[2]);
  image.text(4, {reinterpret_cast<const char*>(png.data()), png.size()});
  return summary(tagged(tag).message(4, image));
}

Message text_summary(const std::string& tag, const std::string& text) {
  // TensorProto {dtype = 1, tensor_shape = 2, string_val = 8}, a scalar
  const Message tensor = Message().integer(1, kString).message(2, Message()).text(8, text);
  return summary(tagged(tag).message(8, tensor).message(9, metadata("text", "")));
}

Message graph_def(const std::vector<LayerRecord>& layers) {
  Message graph;  // GraphDef {node = 1, versions = 4: VersionDef {producer = 1}}
  for (const LayerRecord& layer : layers) {
    Message node;  // NodeDef {name = 1, op = 2, input = 3, attr = 5}
    node.text(1, node_name(layer.name)).text(2, layer.kind);
    for (const std::string& source : layer.connected_to) node.text(3, node_name(source));
    // AttrValue {list = 1: ListValue {shape = 7}} and AttrValue {i = 3}
    const Message shapes = Message().message(1, Message().message(7, shape_proto(layer.output)));
    node.message(5, entry("_output_shapes", shapes));
    node.message(5, entry("parameters", Message().integer(3, layer.parameter_count())));
    graph.message(1, node);
  }
  return graph.message(4, Message().integer(1, 22));
}

Message session_start(const Json& hparams, double seconds) {
  Message start;  // SessionStartInfo {hparams = 1, start_time_secs = 5}
  for (const auto& [name, value] : hparams.as_object()) {
    start.message(1, entry(name, value_proto(value)));
  }
  start.f64(5, seconds);
  // HParamsPluginData {version = 1, session_start_info = 3, session_end_info = 4}
  return hparams_summary("_hparams_/session_start_info", Message().integer(1, 0).message(3, start));
}

Message session_end(double seconds) {
  const Message end = Message().integer(1, 1).f64(2, seconds);  // status = 1: success
  return hparams_summary("_hparams_/session_end_info", Message().integer(1, 0).message(4, end));
}

}  // namespace fovea::report
