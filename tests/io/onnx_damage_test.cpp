// ONNX files that are cut short, damaged, made to deceive, or of operators that are not supported:
// each one an Error that names the file and the node, never a crash, and never believed about a
// size.
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "host/io/input_file.h"
#include "host/io/onnx/onnx_format.h"
#include "host/io/onnx/onnx_model.h"
#include "tests/io/onnx_test_support.h"

namespace fovea {
namespace {

using onnx::Attribute;
using onnx::Node;

Attribute integers(const std::string& name, std::vector<std::int64_t> values) {
  Attribute attribute;
  attribute.name = name;
  attribute.kind = Attribute::Kind::integers;
  attribute.integers = std::move(values);
  return attribute;
}

Attribute integer(const std::string& name, std::int64_t value) {
  Attribute attribute;
  attribute.name = name;
  attribute.kind = Attribute::Kind::integer;
  attribute.integer = value;
  return attribute;
}

onnx::TensorData floats(const std::string& name, std::vector<std::int64_t> dims) {
  std::size_t count = 1;
  for (const std::int64_t dim : dims) count *= static_cast<std::size_t>(dim);
  return {name, onnx::kFloat, std::move(dims), std::string(4 * count, '\0'), "", 0, 0};
}

onnx::TensorData numbers(const std::string& name, const std::vector<std::int64_t>& values) {
  std::string bytes(8 * values.size(), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return {name, onnx::kInt64, {std::ssize(values)}, bytes, "", 0, 0};
}

/// x (N, 3, 8, 8) -> one node with these initializers as its further inputs -> y.
onnx::Model one_node(const std::string& type, const std::vector<onnx::TensorData>& more = {},
                     const std::vector<Attribute>& attributes = {}) {
  onnx::Model model;
  model.graph.inputs.push_back({"x", onnx::kFloat, {-1, 3, 8, 8}});
  model.graph.outputs.push_back({"y", onnx::kFloat, {-1}});
  Node node{"middle", type, "", {"x"}, {"y"}, attributes};
  for (const onnx::TensorData& tensor : more) node.inputs.push_back(tensor.name);
  model.graph.nodes.push_back(node);
  model.graph.initializers = more;
  return model;
}

class OnnxDamage : public testing::Test {
 protected:
  /// The message with which these bytes are refused; "" where they are accepted.
  std::string refusal(const std::string& bytes) {
    std::filesystem::remove(path_);
    std::ofstream(path_, std::ios::binary) << bytes;
    try {
      onnx::read(path_);
    } catch (const Error& error) {
      const ErrorCode code = error.code();
      EXPECT_TRUE(code == ErrorCode::parse || code == ErrorCode::unsupported ||
                  code == ErrorCode::io || code == ErrorCode::shape_mismatch ||
                  code == ErrorCode::invalid_argument)
          << error.what();
      EXPECT_TRUE(contains(error.what(), path_)) << error.what();
      return error.what();
    }
    return "";
  }
  std::string encoded(const onnx::Model& model) { return onnx::codec(path_).encode(model); }
  void expect_refusal(const onnx::Model& model, const std::string& part) {
    const std::string message = refusal(encoded(model));
    EXPECT_TRUE(contains(message, part)) << "\"" << message << "\" lacks \"" << part << "\"";
  }
  void expect_node_refusal(const onnx::Model& model, const std::string& part) {
    expect_refusal(model, "node 'middle' (" + model.graph.nodes[0].type + "): " + part);
  }

  static std::string golden() {
    return read_text_file(std::string(FOVEA_SOURCE_DIR) + "/tests/golden/onnx/torch_mlp.onnx");
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("model.onnx");
};

TEST_F(OnnxDamage, TruncatedAnywhere) {
  SKIP_WITHOUT_ONNX();
  const std::string text = golden();
  EXPECT_EQ(refusal(text), "");
  for (std::size_t length = 0; length < text.size(); ++length) {
    ASSERT_NE(refusal(text.substr(0, length)), "") << length;
  }
}

TEST_F(OnnxDamage, AnyByteChanged) {
  SKIP_WITHOUT_ONNX();
  const std::string text = golden();
  int refused = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const int change : {1, 0x80, 0xff}) {
      std::string damaged = text;
      damaged[i] = static_cast<char>(damaged[i] ^ change);
      if (!refusal(damaged).empty()) ++refused;
    }
  }
  EXPECT_GT(refused, 1000);  // others change a weight, or a name that nobody uses
}

TEST_F(OnnxDamage, LoadToldByContents) {
  SKIP_WITHOUT_ONNX();
  const std::string path = folder_.file("model.of.some.name");
  std::ofstream(path, std::ios::binary) << golden();
  EXPECT_EQ(Model::load(path, test::on_cpu()).network().inputs()[0].shape, Shape({6}));
  EXPECT_FALSE(onnx::recognizes(""));
  EXPECT_FALSE(onnx::recognizes(std::string("\x08\x07\x12\0\0\0\0\0{", 9)));
}

TEST_F(OnnxDamage, Graphs) {
  SKIP_WITHOUT_ONNX();
  onnx::Model model = one_node("Relu");
  EXPECT_EQ(refusal(encoded(model)), "");
  model.opset = 6;
  expect_refusal(model, "is of ONNX's operator set 6; sets from 7 on are supported");
  model = one_node("Relu");
  model.graph.inputs.clear();
  expect_refusal(model, "has no inputs");
  model = one_node("Relu");
  model.graph.outputs.clear();
  expect_refusal(model, "has no outputs");
  model = one_node("Relu");
  model.graph.outputs[0].name = "z";
  expect_refusal(model, "output 'z' is not computed from the inputs");
  model = one_node("Relu");
  model.graph.nodes[0].inputs = {"w"};
  expect_node_refusal(model, "it reads 'w', which nothing before it gives");
  model.graph.nodes[0].inputs.clear();
  expect_node_refusal(model, "input 0 is missing");
  model = one_node("Relu");
  model.graph.nodes.push_back(model.graph.nodes[0]);
  expect_refusal(model, "two tensors are named 'y'");
  model = one_node("Relu");
  model.graph.nodes[0].inputs = {"y"};
  expect_node_refusal(model, "it reads 'y', which nothing before it gives");
  expect_node_refusal(one_node("Loop"), "this operator is not supported");
  model = one_node("Relu");
  model.graph.nodes[0].domain = "com.example";
  expect_node_refusal(model, "this operator of com.example is not supported");
}

TEST_F(OnnxDamage, Inputs) {
  SKIP_WITHOUT_ONNX();
  onnx::Model model = one_node("Relu");
  model.graph.inputs[0].dims = {-1, 3, -1, 8};
  expect_refusal(model, "input 'x' has no fixed size along axis 2");
  model.graph.inputs[0].dims = {-1, std::int64_t{1} << 40, 1 << 30, 1 << 30};
  expect_refusal(model, "input 'x' has no fixed size along axis 2");
  model.graph.inputs[0].dims = {};
  expect_refusal(model, "input 'x' has no shape");
  model.graph.inputs[0].dims = std::vector<std::int64_t>(9, 1);
  expect_refusal(model, "too many axes");
  model = one_node("Relu");
  model.graph.inputs[0].type = 8;
  expect_refusal(model, "elements of type 8");
}

TEST_F(OnnxDamage, TensorsThatClaimTooMuch) {
  SKIP_WITHOUT_ONNX();
  onnx::TensorData weight = floats("w", {4, 3, 3, 3});
  weight.dims = {std::int64_t{1} << 40, 3, 3, 3};
  expect_refusal(one_node("Conv", {weight}), "tensor 'w' has 432 bytes, but");
  weight.dims = {std::int64_t{1} << 60, 1 << 20, 3, 3};
  expect_refusal(one_node("Conv", {weight}), "the file is damaged");
  weight.dims = {-4, 3, 3, 3};
  expect_refusal(one_node("Conv", {weight}), "a size of -4 in an axis");
  weight.dims = std::vector<std::int64_t>(9, 1);
  expect_refusal(one_node("Conv", {weight}), "has 9 axes");
  weight = floats("w", {4, 3, 3, 3});
  weight.type = 3;
  expect_refusal(one_node("Conv", {weight}), "elements of type 3 of ONNX's");
  onnx::Model model = one_node("Add", {numbers("shape", {1 << 15, 1 << 15})});
  model.graph.nodes[0].inputs[1] = "filled";
  model.graph.nodes.insert(model.graph.nodes.begin(),
                           Node{"fill", "ConstantOfShape", "", {"shape"}, {"filled"}, {}});
  expect_refusal(model,
                 "node 'fill' (ConstantOfShape): a constant of shape (32768, 32768) is too "
                 "large");
}

TEST_F(OnnxDamage, TensorsThatGrow) {
  SKIP_WITHOUT_ONNX();
  onnx::Model model = one_node("Relu");
  std::string last = "y";
  for (int i = 0; i < 70; ++i) {
    const std::string next = "y" + std::to_string(i);
    model.graph.nodes.push_back({next, "Concat", "", {last, last}, {next}, {integer("axis", 1)}});
    last = next;
  }
  model.graph.outputs[0].name = last;
  expect_refusal(model, "is too large");
}

TEST_F(OnnxDamage, Convolutions) {
  SKIP_WITHOUT_ONNX();
  const onnx::TensorData w = floats("w", {4, 3, 3, 3});
  EXPECT_EQ(refusal(encoded(one_node("Conv", {w}))), "");
  expect_node_refusal(one_node("Conv", {w}, {integers("strides", {0, 1})}), "strides [0,1]");
  expect_node_refusal(one_node("Conv", {w}, {integers("dilations", {1 << 30, 1 << 30})}),
                      "dilations [");
  expect_node_refusal(one_node("Conv", {w}, {integers("pads", {0, 0, 0})}), "pads [0,0,0]");
  expect_node_refusal(one_node("Conv", {w}, {integers("pads", {0, 0, 0, -1})}), "pads [0,0,0,-1]");
  expect_node_refusal(one_node("Conv", {w}, {integer("group", 0)}), "3 channels in 0 groups");
  expect_node_refusal(one_node("Conv", {w}, {integers("kernel_shape", {2, 2})}),
                      "its kernel_shape is not that of its weight");
  expect_node_refusal(one_node("Conv", {floats("w", {4, 2, 3, 3})}), "3 channels in 1 groups");
  expect_node_refusal(one_node("Conv", {floats("w", {4, 3, 3})}), "a weight of shape (4, 3, 3)");
  expect_node_refusal(one_node("Conv", {w, floats("b", {5})}), "a bias of shape (5,) for 4 units");
  expect_node_refusal(one_node("Conv"), "its weight is missing");
  EXPECT_NE(refusal(encoded(one_node("Conv", {floats("w", {4, 3, 9, 9})}))), "");
}

TEST_F(OnnxDamage, OtherNodes) {
  SKIP_WITHOUT_ONNX();
  expect_node_refusal(one_node("MaxPool"), "it has no kernel_shape");
  expect_node_refusal(
      one_node("MaxPool", {}, {integers("kernel_shape", {2, 2}), integers("pads", {2, 0, 0, 0})}),
      "padding as large as the window");
  expect_node_refusal(one_node("Transpose", {}, {integers("perm", {0, 1, 1, 2})}),
                      "its perm does not name each axis once");
  expect_node_refusal(one_node("Transpose", {}, {integers("perm", {1, 0, 2, 3})}),
                      "an order of axes that does not begin with the batch");
  expect_node_refusal(one_node("Transpose", {}, {integers("perm", {0, 1, 2, 9})}),
                      "there is no axis 9 of 4");
  expect_node_refusal(one_node("Reshape", {numbers("s", {-1, 5})}), "it makes no whole samples");
  expect_node_refusal(one_node("Reshape", {numbers("s", {7, 192})}), "it makes no whole samples");
  expect_node_refusal(
      one_node("Reshape", {numbers("s", {0, std::numeric_limits<std::int64_t>::max(), 2})}),
      "it makes no whole samples");
  expect_node_refusal(one_node("Reshape", {floats("s", {2})}), "its shape is no list of whole");
  expect_node_refusal(one_node("Flatten", {}, {integer("axis", 2)}), "axis 2; only 1");
  expect_node_refusal(one_node("Softmax", {}, {integer("axis", 2)}), "along axis 2");
  expect_node_refusal(one_node("Add", {floats("c", {8, 1})}), "along axis 2 of");
  expect_node_refusal(one_node("Add", {floats("c", {2, 1, 1})}), "a constant of shape (2, 1, 1)");
  expect_node_refusal(one_node("Gemm", {floats("w", {192, 3})}), "an input of shape");
  expect_node_refusal(one_node("BatchNormalization", {floats("a", {3}), floats("b", {3}),
                                                      floats("c", {3}), floats("d", {4})}),
                      "its variance has shape (4,) for 3 channels");
  expect_node_refusal(one_node("Pad", {numbers("p", {0, 0, 0, 0, 0, 0, 1 << 30, 0})}),
                      "pads 0 and 1073741824 along axis 2");
  expect_node_refusal(one_node("Clip", {numbers("low", {5}), numbers("high", {1})}), "bounds of 5");
  expect_node_refusal(one_node("PRelu", {floats("slope", {0})}), "it has no slope");
}

TEST_F(OnnxDamage, WeightsInAnotherFile) {
  SKIP_WITHOUT_ONNX();
  // By hand, as the writer has no such tensors: Tensor{dims: 3, data_type: 1, name: "w",
  // external_data: {location}, data_location: 1} replaces the stored one.
  const auto with_location = [&](const std::string& location, const std::string& offset) {
    const auto field = [](char tag, const std::string& bytes) {
      return std::string(1, tag) + static_cast<char>(bytes.size()) + bytes;
    };
    const auto entry = [&](const std::string& key, const std::string& value) {
      return field('\x6a', field('\x0a', key) + field('\x12', value));
    };
    const std::string tensor = std::string("\x08\x03\x10\x01\x42\x01w", 7) +
                               entry("location", location) + entry("offset", offset) +
                               entry("length", "12") + std::string("\x70\x01", 2);
    onnx::Model model = one_node("Add");
    model.graph.inputs[0].dims = {-1, 3};
    model.graph.nodes[0].inputs.push_back("w");
    // A second graph field is merged with the first.
    return encoded(model) + field('\x3a', field('\x2a', tensor));
  };
  const float values[] = {9, 1, 2, 3};
  std::ofstream(folder_.file("weights.bin"), std::ios::binary)
      .write(reinterpret_cast<const char*>(values), sizeof values);
  EXPECT_EQ(refusal(with_location("weights.bin", "4")), "");
  Model model = Model::load(path_, test::on_cpu());
  const Tensor y = model.predict(Tensor::zeros({1, 3}));
  EXPECT_EQ(y.item(0), 1);
  EXPECT_EQ(y.item(2), 3);
  EXPECT_TRUE(contains(refusal(with_location("weights.bin", "8")), "which has 16"));
  EXPECT_TRUE(contains(refusal(with_location("weights.bin", "-8")), "the offset '-8'"));
  EXPECT_TRUE(
      contains(refusal(with_location("../weights.bin", "4")), "outside the model's folder"));
  EXPECT_TRUE(contains(refusal(with_location("/etc/passwd", "4")), "outside the model's folder"));
  EXPECT_TRUE(contains(refusal(with_location("none.bin", "4")), "none.bin"));
}

TEST_F(OnnxDamage, WithoutThePlugin) {
#if FOVEA_HAS_ONNX
  const std::string message = run_in_child([&] {
    ::setenv("FOVEA_DISABLE_PLUGINS", "onnx", 1);
    return error_message(ErrorCode::unsupported, [&] { onnx::codec(path_); });
  });
#else
  const std::string message = error_message(ErrorCode::unsupported, [&] { onnx::codec(path_); });
#endif
  EXPECT_TRUE(contains(message, "libprotobuf-dev")) << message;
  EXPECT_TRUE(contains(message, path_)) << message;
}

}  // namespace
}  // namespace fovea
