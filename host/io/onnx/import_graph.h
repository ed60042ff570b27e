// Importer: an ONNX graph on its way to ops of ours. Its nodes are replayed for a batch size; what
// does not depend on it (constants, names, weights) is settled once.
//
// Pictures are (N, C, H, W) in most files, (N, H, W, C) here. A View remembers how a value of ours
// lies to the file's tensor, so that transposing and flattening cost nothing until an operator
// needs the numbers in some order; what comes behind a Flatten permutes its weights instead.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/io/model_formats.h"
#include "host/io/onnx/onnx_model.h"

namespace fovea::onnx {

/// A tensor of the file whose numbers are known: f32 or i64.
struct Constant {
  std::string name;
  Tensor tensor;
};

/// A tensor of the file that a run computes. The file's tensor is `value` with its axes put in the
/// file's order, then reshaped to `shape`.
struct View {
  Value value;
  std::vector<std::int64_t> order;  ///< axis i of `value` is axis order[i] of the file's tensor
  Shape shape;                      ///< the file's, with the batch
  std::string layer;                ///< whose output it is
};

/// A value in the file's own order of axes.
View plain_view(const Builder& b, Value value, const std::string& layer);
/// A picture, (N, H, W, C) here and (N, C, H, W) in the file.
View picture_view(const Builder& b, Value value, const std::string& layer);

class Importer {
 public:
  Importer(Model file, std::string path);

  const std::string& path() const { return path_; }
  std::int64_t opset() const { return file_.opset; }
  std::vector<InputSpec> inputs() const;
  std::vector<std::string> output_names() const;
  /// The nodes, for a batch of any size. What it says of weights and layers is of the last call.
  std::vector<Value> build(Builder& b, std::span<const Value> inputs);
  const NamedTensors& weights() const { return weights_; }
  const std::vector<LayerRecord>& layers() const { return layers_; }

  // ---- What is asked while a node is imported (see Call) ----

  /// Null where the name is not known, or its numbers are not.
  const Constant* find_constant(const std::string& name);
  const View* find_view(const std::string& name) const;
  void give(const std::string& name, View view);
  void give(const std::string& name, Tensor constant);
  /// The only node that reads a tensor; null where there are others, or it is an output.
  const Node* only_consumer(const std::string& name) const;
  void skip(const Node& node) { skipped_.insert(&node); }
  /// The size of the first input's first axis in the file, -1 where it is open.
  std::int64_t declared_batch() const;
  /// The parameter or state that a constant of the file becomes, as a path; the same for the same
  /// constant in the same form.
  const std::string& weight_path(const std::string& constant, const std::string& form,
                                 const std::string& wanted, const Tensor& values);

 private:
  void index_graph();
  void read_constant(TensorData& data);
  const std::string& external_file(const std::string& location);
  void find_needed();
  void fold_constants();
  void name_layers();
  std::string layer_name(const Node& node);
  void add_record(Builder& b, std::size_t index, std::size_t first_node);

  Model file_;
  std::string path_;
  std::map<std::string, TensorData*> initializers_;
  std::map<std::string, Constant> constants_;      // of the file, and what follows from them alone
  std::map<std::string, std::string> companions_;  // contents of files of external data
  std::map<std::string, std::vector<const Node*>> consumers_;
  std::set<std::string> results_;         // names of the graph's outputs
  std::vector<bool> needed_;              // per node: whether an output depends on it
  std::vector<std::string> layer_names_;  // per node
  std::map<std::string, std::string> weight_paths_;

  // Of one build.
  std::map<std::string, View> views_;
  Value last_given_;
  std::map<std::string, Constant> built_constants_;
  std::set<const Node*> skipped_;
  NamedTensors weights_;
  std::vector<LayerRecord> layers_;
};

/// One node while it is imported. Errors name the file, the node and its operator.
class Call {
 public:
  /// Without a builder: for what follows from constants alone.
  Call(Importer& importer, const Node& node, std::string layer, Builder* b)
      : importer_(importer), node_(node), layer_(std::move(layer)), b_(b) {}

  Importer& importer() const { return importer_; }
  const Node& node() const { return node_; }
  const std::string& layer() const { return layer_; }
  Builder& b() const { return *b_; }

  // ---- Attributes ----

  std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  double number(std::string_view name, double otherwise) const;
  std::string text(std::string_view name, const std::string& otherwise) const;
  std::optional<std::vector<std::int64_t>> integers(std::string_view name) const;
  const Attribute* find(std::string_view name) const;

  // ---- Inputs ----

  std::size_t count() const { return node_.inputs.size(); }
  bool has(std::size_t i) const { return i < count() && !node_.inputs[i].empty(); }
  /// Null where it is no constant.
  const Constant* maybe_constant(std::size_t i) const;
  /// Throws unsupported, saying `what` must be constant.
  const Constant& constant(std::size_t i, std::string_view what) const;
  std::vector<std::int64_t> integers_at(std::size_t i, std::string_view what) const;
  /// Throws parse where there is none, unsupported for a constant.
  const View& view(std::size_t i) const;

  // ---- Ways to have an input ----

  /// The file's tensor itself.
  Value plain(const View& view) const;
  /// (N, H, W, C) of a tensor of rank 4 that is (N, C, H, W) in the file.
  Value picture(const View& view) const;
  /// Not reshaped, and the file's axis is our last one.
  View with_last_axis(const View& view, int axis) const;
  /// Whether the view is not reshaped.
  bool is_direct(const View& view) const;

  // ---- Outputs ----

  void give(View view) const;
  void give(Tensor constant) const;
  /// The output of an op that works element by element.
  void give_like(const View& view, Value value) const;
  /// A weight under "<layer>.<role>".
  Value parameter(const Constant& source, const std::string& role, const Tensor& values,
                  const Initializer& initializer, const std::string& form = {}) const;
  Value state(const Constant& source, const std::string& role, const Tensor& values,
              double initial_value) const;
  /// Appends an op under the layer's path.
  template <class DerivedOp>
  Value add(DerivedOp op, std::vector<Value> inputs) const {
    const auto scope = b().scope(layer_);
    return b().add(std::make_shared<const DerivedOp>(std::move(op)), std::move(inputs));
  }

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(ErrorCode::unsupported, where(), parts...);
  }
  template <class... Parts>
  [[noreturn]] void fail_parse(const Parts&... parts) const {
    fail(ErrorCode::parse, where(), parts...);
  }
  /// "m.onnx: node 'conv1' (Conv): "
  std::string where() const;

 private:
  Importer& importer_;
  const Node& node_;
  std::string layer_;
  Builder* b_;
};

/// An axis counted from the end, if negative. Throws parse for one out of range.
int resolve_axis(const Call& call, std::int64_t axis, int rank);

/// Elements of a tensor of the file: f32, or i64 for whole numbers. Throws parse or unsupported.
Tensor tensor_of(const TensorData& data, std::string_view bytes, const std::string& source);

/// What follows from constants alone; false where the node is none of those or has other inputs.
bool fold(const Call& call);

/// Replaces the usual way to spell gelu in operators, by erf, by one node of type Gelu.
void find_gelu(Importer& importer, Graph& graph);

}  // namespace fovea::onnx
