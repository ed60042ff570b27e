#include "host/io/onnx/import_graph.h"

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "fovea/ops/basic.h"
#include "fovea/ops/transpose.h"
#include "host/io/input_file.h"
#include "host/io/onnx/import_ops.h"
#include "host/layers/network_description.h"

namespace fovea::onnx {
namespace {

/// More numbers than any sample has, few enough to be multiplied by a batch.
constexpr std::int64_t kMostSampleElements = std::int64_t{1} << 40;

/// Whether a sample of this shape, with its batch, has so many numbers at most.
bool is_moderate(const Shape& shape) {
  std::int64_t elements = 1;
  for (int axis = 1; axis < shape.rank(); ++axis) {
    if (shape[axis] > 0 && elements > kMostSampleElements / shape[axis]) return false;
    elements *= std::max<std::int64_t>(shape[axis], 1);
  }
  return true;
}

std::vector<std::int64_t> same_order(int rank) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(rank));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

/// The file's shape of a view before it was reshaped.
Shape direct_shape(const Builder& b, const View& view) {
  const Shape own = b.type(view.value).shape;
  Shape shape = own;
  for (int i = 0; i < own.rank(); ++i) {
    shape.set(static_cast<int>(view.order[static_cast<std::size_t>(i)]), own[i]);
  }
  return shape;
}

/// What undoes an order.
std::vector<std::int64_t> inverse(const std::vector<std::int64_t>& order) {
  std::vector<std::int64_t> result(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    result[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
  }
  return result;
}

/// Where only axes of size 1 move, a reshape is enough.
bool moves_numbers(const Shape& shape, const std::vector<std::int64_t>& order) {
  std::int64_t last = -1;
  for (const std::int64_t axis : order) {
    if (shape[static_cast<int>(axis)] == 1) continue;
    if (axis < last) return true;
    last = axis;
  }
  return false;
}

/// Letters, digits, '_', '-' and '.' of a name of the file, other characters becoming '_'.
std::string safe(const std::string& name) {
  std::string result;
  for (const char c : name) {
    const bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-' || c == '.';
    const char next = kept ? c : c == '/' ? '.' : '_';
    if (next != '.' || (!result.empty() && result.back() != '.')) result += next;
  }
  while (!result.empty() && result.back() == '.') result.pop_back();
  return result;
}

bool has_weights(const Node& node) {
  return node.type == "Conv" || node.type == "Gemm" || node.type == "MatMul" ||
         node.type == "BatchNormalization";
}

InputSpec input_spec(const ValueInfo& info, const std::string& path) {
  const std::string source = path + ": input '" + info.name + "'";
  FOVEA_REQUIRE(!info.dims.empty(), unsupported, source,
                " has no shape; export the model with one, the batch first");
  FOVEA_REQUIRE(info.dims.size() <= Shape::kMaxRank, unsupported, source, " has too many axes, ",
                info.dims.size());
  std::int64_t elements = 1;
  for (std::size_t i = 1; i < info.dims.size(); ++i) {
    const std::int64_t size = info.dims[i];
    FOVEA_REQUIRE(size > 0 && elements <= kMostSampleElements / size, unsupported, source,
                  " has no fixed size along axis ", i,
                  "; export the model with one: only the batch may be open");
    elements *= size;
  }
  const bool bytes = info.type == kUint8;
  FOVEA_REQUIRE(bytes || info.type == kFloat || info.type == kDouble || info.type == kFloat16 ||
                    info.type == kBfloat16,
                unsupported, source, " has elements of type ", info.type,
                " of ONNX's; floating-point numbers and uint8 are supported");
  return {info.name, Shape(std::span(info.dims).subspan(1)), bytes ? DType::u8 : DType::f32};
}

}  // namespace

View plain_view(const Builder& b, Value value, const std::string& layer) {
  const Shape shape = b.type(value).shape;
  return {value, same_order(shape.rank()), shape, layer};
}

View picture_view(const Builder& b, Value value, const std::string& layer) {
  View view{value, {0, 2, 3, 1}, {}, layer};
  view.shape = direct_shape(b, view);
  return view;
}

int resolve_axis(const Call& call, std::int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) call.fail_parse("there is no axis ", axis, " of ", rank);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

// ---- Importer ----

Importer::Importer(Model file, std::string path) : file_(std::move(file)), path_(std::move(path)) {
  FOVEA_REQUIRE(file_.opset >= 7, unsupported, path_, " is of ONNX's operator set ", file_.opset,
                "; sets from 7 on are supported: export the model again");
  index_graph();
  fold_constants();
  find_gelu(*this, file_.graph);
  index_graph();
  find_needed();
  name_layers();
}

void Importer::index_graph() {
  consumers_.clear();
  for (TensorData& data : file_.graph.initializers) initializers_[data.name] = &data;
  for (const Node& node : file_.graph.nodes) {
    for (const std::string& input : node.inputs) {
      if (!input.empty()) consumers_[input].push_back(&node);
    }
  }
  for (const ValueInfo& output : file_.graph.outputs) results_.insert(output.name);
}

void Importer::fold_constants() {
  for (const Node& node : file_.graph.nodes) {
    if (node.domain.empty() || node.domain == "ai.onnx") fold(Call(*this, node, "", nullptr));
  }
}

void Importer::find_needed() {
  std::set<std::string> wanted = results_;
  const std::vector<Node>& nodes = file_.graph.nodes;
  needed_.assign(nodes.size(), false);
  for (std::size_t i = nodes.size(); i-- > 0;) {
    for (const std::string& output : nodes[i].outputs) {
      needed_[i] = needed_[i] || (wanted.contains(output) && !constants_.contains(output));
    }
    if (needed_[i]) wanted.insert(nodes[i].inputs.begin(), nodes[i].inputs.end());
  }
}

/// Layers with weights come first, so that they keep the names that their weights have.
void Importer::name_layers() {
  std::set<std::string> taken;
  for (const ValueInfo& input : file_.graph.inputs) taken.insert(input.name);
  const std::vector<Node>& nodes = file_.graph.nodes;
  layer_names_.resize(nodes.size());
  for (const bool weighty : {true, false}) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (!needed_[i] || has_weights(nodes[i]) != weighty) continue;
      const std::string stem = layer_name(nodes[i]);
      std::string& name = layer_names_[i] = stem;
      for (int number = 1; !taken.insert(name).second; ++number) {
        name = stem + "_" + std::to_string(number);
      }
    }
  }
}

/// "conv1" of a weight "conv1.weight"; else the node's own name; else its operator's.
std::string Importer::layer_name(const Node& node) {
  if (has_weights(node) && node.inputs.size() > 1) {
    const std::string& weight = node.inputs[1];
    const std::size_t dot = weight.rfind('.');
    const std::string role = dot == std::string::npos ? "" : weight.substr(dot + 1);
    if (role == "weight" || role == "kernel" || role == "gamma") {
      std::string name = safe(weight.substr(0, dot));
      if (!name.empty()) return name;
    }
  }
  std::string name = node.name;
  const std::string ending = "/" + node.type;
  if (name.ends_with(ending)) name.resize(name.size() - ending.size());
  name = safe(name);
  return name.empty() ? safe(node.type) + "_layer" : name;
}

std::vector<InputSpec> Importer::inputs() const {
  std::vector<InputSpec> specs;
  for (const ValueInfo& input : file_.graph.inputs) {
    // Files of old versions list the initializers among the inputs.
    if (!initializers_.contains(input.name)) specs.push_back(input_spec(input, path_));
  }
  FOVEA_REQUIRE(!specs.empty(), unsupported, path_, " has no inputs");
  return specs;
}

std::vector<std::string> Importer::output_names() const {
  std::vector<std::string> names;
  for (const ValueInfo& output : file_.graph.outputs) names.push_back(output.name);
  FOVEA_REQUIRE(!names.empty(), parse, path_, " has no outputs");
  return names;
}

std::int64_t Importer::declared_batch() const {
  for (const ValueInfo& input : file_.graph.inputs) {
    if (!initializers_.contains(input.name) && !input.dims.empty()) return input.dims.front();
  }
  return -1;
}

std::vector<Value> Importer::build(Builder& b, std::span<const Value> inputs) {
  views_.clear();
  built_constants_.clear();
  skipped_.clear();
  weights_.clear();
  weight_paths_.clear();
  layers_.clear();
  const std::vector<InputSpec> specs = this->inputs();
  for (std::size_t i = 0; i < specs.size(); ++i) {
    give(specs[i].name, plain_view(b, inputs[i], specs[i].name));
    layers_.push_back(detail::input_record(specs[i]));
  }
  const std::vector<Node>& nodes = file_.graph.nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!needed_[i] || skipped_.contains(&nodes[i])) continue;
    const std::size_t first_node = b.graph().nodes().size();
    const Call call(*this, nodes[i], layer_names_[i], &b);
    import_node(call);
    if (b.graph().nodes().size() > first_node) add_record(b, i, first_node);
  }
  std::vector<Value> outputs;
  for (const std::string& name : output_names()) {
    const View* view = find_view(name);
    FOVEA_REQUIRE(view != nullptr, parse, path_, ": output '", name,
                  "' is not computed from the inputs");
    const Node end{name, "output", "", {}, {}, {}};
    outputs.push_back(Call(*this, end, safe(name) + ".output", &b).plain(*view));
  }
  return outputs;
}

void Importer::add_record(Builder& b, std::size_t index, std::size_t first_node) {
  const Node& node = file_.graph.nodes[index];
  LayerRecord record;
  record.name = layer_names_[index];
  record.kind = layer_kind(node.type);
  record.output = b.shape(last_given_).drop_front();
  record.parameters = detail::parameters_since(b.graph(), first_node, "");
  for (const std::string& input : node.inputs) {
    const View* view = find_view(input);
    if (view == nullptr) continue;
    record.connected_to.push_back(view->layer);
    record.connected_calls.push_back(0);
  }
  layers_.push_back(std::move(record));
}

const Constant* Importer::find_constant(const std::string& name) {
  if (const auto built = built_constants_.find(name); built != built_constants_.end()) {
    return &built->second;
  }
  if (const auto known = constants_.find(name); known != constants_.end()) return &known->second;
  const auto initializer = initializers_.find(name);
  if (initializer == initializers_.end()) return nullptr;
  read_constant(*initializer->second);
  return &constants_.at(name);
}

void Importer::read_constant(TensorData& data) {
  const std::string source = path_ + ": tensor '" + data.name + "'";
  std::string_view bytes = data.bytes;
  if (!data.location.empty()) {
    bytes = external_file(data.location);
    FOVEA_REQUIRE(data.offset <= bytes.size() && data.length <= bytes.size() - data.offset, parse,
                  source, " lies at bytes ", data.offset, " to ", data.offset + data.length, " of ",
                  data.location, ", which has ", bytes.size());
    bytes = bytes.substr(data.offset, data.length == 0 ? bytes.npos : data.length);
  }
  constants_[data.name] = {data.name, tensor_of(data, bytes, source)};
  data.bytes = {};  // may be large
}

/// A file beside this one; a name that leads elsewhere is refused.
const std::string& Importer::external_file(const std::string& location) {
  const std::filesystem::path file = location;
  const bool inside = file.is_relative() && std::none_of(file.begin(), file.end(),
                                                         [](auto& part) { return part == ".."; });
  FOVEA_REQUIRE(inside, unsupported, path_, ": weights outside the model's folder, in ", file,
                ", are not read");
  const auto [entry, is_new] = companions_.try_emplace(location);
  if (is_new) {
    entry->second = read_text_file((std::filesystem::path(path_).parent_path() / file).string());
  }
  return entry->second;
}

const View* Importer::find_view(const std::string& name) const {
  const auto found = views_.find(name);
  return found == views_.end() ? nullptr : &found->second;
}

void Importer::give(const std::string& name, View view) {
  FOVEA_REQUIRE(is_moderate(view.shape), unsupported, path_, ": tensor '", name, "' of shape ",
                view.shape, " is too large");
  last_given_ = view.value;
  const bool is_new = views_.emplace(name, std::move(view)).second;
  FOVEA_REQUIRE(is_new && !constants_.contains(name), parse, path_, ": two tensors are named '",
                name, "'");
}

void Importer::give(const std::string& name, Tensor constant) {
  const bool building = !needed_.empty();
  auto& known = building ? built_constants_ : constants_;
  const bool is_new = known.emplace(name, Constant{name, std::move(constant)}).second;
  FOVEA_REQUIRE(is_new && !initializers_.contains(name), parse, path_, ": two tensors are named '",
                name, "'");
}

const Node* Importer::only_consumer(const std::string& name) const {
  const auto found = consumers_.find(name);
  if (found == consumers_.end() || found->second.size() != 1 || results_.contains(name)) {
    return nullptr;
  }
  return found->second.front();
}

const std::string& Importer::weight_path(const std::string& constant, const std::string& form,
                                         const std::string& wanted, const Tensor& values) {
  std::string& path = weight_paths_[constant + "\n" + form];
  if (path.empty()) {
    path = wanted;
    weights_.emplace_back(path, values);
  }
  return path;
}

// ---- Call ----

std::string Call::where() const {
  const std::string& name =
      node_.name.empty() && !node_.outputs.empty() ? node_.outputs.front() : node_.name;
  return importer_.path() + ": node '" + name + "' (" + node_.type + "): ";
}

const Attribute* Call::find(std::string_view name) const {
  for (const Attribute& attribute : node_.attributes) {
    if (attribute.name == name) return &attribute;
  }
  return nullptr;
}

std::int64_t Call::integer(std::string_view name, std::int64_t otherwise) const {
  const Attribute* attribute = find(name);
  return attribute == nullptr ? otherwise : attribute->integer;
}

double Call::number(std::string_view name, double otherwise) const {
  const Attribute* attribute = find(name);
  return attribute == nullptr ? otherwise : static_cast<double>(attribute->number);
}

std::string Call::text(std::string_view name, const std::string& otherwise) const {
  const Attribute* attribute = find(name);
  return attribute == nullptr ? otherwise : attribute->text;
}

std::optional<std::vector<std::int64_t>> Call::integers(std::string_view name) const {
  const Attribute* attribute = find(name);
  if (attribute == nullptr) return std::nullopt;
  return attribute->integers;
}

const Constant* Call::maybe_constant(std::size_t i) const {
  return has(i) ? importer_.find_constant(node_.inputs[i]) : nullptr;
}

const Constant& Call::constant(std::size_t i, std::string_view what) const {
  if (!has(i)) fail_parse(what, " is missing");
  const Constant* constant = maybe_constant(i);
  if (constant == nullptr) refuse(what, " must be constant");
  return *constant;
}

std::vector<std::int64_t> Call::integers_at(std::size_t i, std::string_view what) const {
  const Tensor& tensor = constant(i, what).tensor;
  if (tensor.dtype() != DType::i64 || tensor.shape().rank() > 1) {
    fail_parse(what, " is no list of whole numbers");
  }
  const auto values = tensor.span<std::int64_t>();
  return {values.begin(), values.end()};
}

const View& Call::view(std::size_t i) const {
  if (!has(i)) fail_parse("input ", i, " is missing");
  const View* view = importer_.find_view(node_.inputs[i]);
  if (view != nullptr) return *view;
  if (maybe_constant(i) != nullptr) refuse("its input '", node_.inputs[i], "' is constant");
  fail_parse("it reads '", node_.inputs[i], "', which nothing before it gives");
}

bool Call::is_direct(const View& view) const { return direct_shape(b(), view) == view.shape; }

Value Call::plain(const View& view) const {
  Value value = view.value;
  const std::vector<std::int64_t> order = inverse(view.order);
  if (moves_numbers(b().shape(value), order)) value = add(ops::Transpose(order), {value});
  if (b().shape(value) != view.shape) value = add(ops::Reshape(view.shape.drop_front()), {value});
  return value;
}

Value Call::picture(const View& view) const {
  if (view.shape.rank() != 4) {
    refuse("its input has shape ", view.shape, "; pictures (N, C, H, W) are supported");
  }
  const std::vector<std::int64_t> order = {0, 2, 3, 1};
  if (view.order == order && is_direct(view)) return view.value;
  const Shape& s = view.shape;
  if (!moves_numbers(s, order)) {
    const Value value = plain(view);
    return add(ops::Reshape(Shape{s[2], s[3], s[1]}), {value});
  }
  return add(ops::Transpose(order), {plain(view)});
}

View Call::with_last_axis(const View& view, int axis) const {
  if (is_direct(view) && view.order.back() == axis) return view;
  if (axis == view.shape.rank() - 1) return plain_view(b(), plain(view), view.layer);
  if (axis == 1 && view.shape.rank() == 4) return picture_view(b(), picture(view), view.layer);
  refuse("along axis ", axis, " of ", view.shape, " it is not supported");
}

void Call::give(View view) const {
  if (node_.outputs.empty()) fail_parse("it has no output");
  importer_.give(node_.outputs.front(), std::move(view));
}

void Call::give(Tensor constant) const {
  if (node_.outputs.empty()) fail_parse("it has no output");
  importer_.give(node_.outputs.front(), std::move(constant));
}

void Call::give_like(const View& view, Value value) const {
  give(View{value, view.order, view.shape, layer_});
}

Value Call::parameter(const Constant& source, const std::string& role, const Tensor& values,
                      const Initializer& initializer, const std::string& form) const {
  if (values.dtype() != DType::f32) refuse("its ", role, " are whole numbers");
  return b().parameter(importer_.weight_path(source.name, role + form + values.shape().str(),
                                             layer_ + "." + role, values),
                       values.shape(), initializer);
}

Value Call::state(const Constant& source, const std::string& role, const Tensor& values,
                  double initial_value) const {
  if (values.dtype() != DType::f32) refuse("its ", role, " are whole numbers");
  return b().state(importer_.weight_path(source.name, role, layer_ + "." + role, values),
                   values.shape(), initial_value);
}

}  // namespace fovea::onnx
