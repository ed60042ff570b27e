// Tensors of the file whose numbers are known: reading them, and computing with them what
// exporters leave to be computed, shapes above all.
#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>

#include "host/io/onnx/import_graph.h"
#include "host/io/onnx/permute.h"

namespace fovea::onnx {
namespace {

/// More elements than any file holds, few enough to be multiplied by an element's size.
constexpr std::uint64_t kMostElements = std::uint64_t{1} << 48;
/// Folding is for shapes and the like: what a file claims to be larger is refused.
constexpr std::int64_t kMostFolded = std::int64_t{1} << 20;

Shape shape_of(const std::vector<std::int64_t>& dims, const std::string& source) {
  FOVEA_REQUIRE(dims.size() <= Shape::kMaxRank, unsupported, source, " has ", dims.size(),
                " axes; at most ", Shape::kMaxRank, " are supported");
  std::uint64_t elements = 1;
  for (const std::int64_t dim : dims) {
    const auto size = static_cast<std::uint64_t>(dim);
    FOVEA_REQUIRE(dim >= 0 && (dim == 0 || elements <= kMostElements / size), parse, source,
                  " has a size of ", dim, " in an axis; the file is damaged");
    elements *= std::max<std::uint64_t>(size, 1);
  }
  return Shape(dims);
}

template <class T>
Tensor integers_of(const Shape& shape, std::string_view bytes) {
  Tensor tensor(shape, DType::i64);
  auto* target = tensor.data<std::int64_t>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));
    target[i] = static_cast<std::int64_t>(value);
  }
  return tensor;
}

Tensor floats_of(const Shape& shape, std::string_view bytes, DType dtype) {
  Tensor tensor(shape, dtype);
  if (!bytes.empty()) std::memcpy(tensor.mutable_raw(), bytes.data(), bytes.size());
  return tensor.to(DType::f32);
}

// ---- Folding ----

bool is_whole(const Tensor& tensor) { return tensor.dtype() == DType::i64; }

void identity(const Call& call) { call.give(call.constant(0, "its input").tensor); }

void constant_node(const Call& call) {
  if (const Attribute* value = call.find("value")) {
    const std::string source = call.where() + "its value";
    return call.give(tensor_of(value->tensor, value->tensor.bytes, source));
  }
  if (const Attribute* value = call.find("value_float")) {
    return call.give(Tensor::full({}, static_cast<double>(value->number)));
  }
  if (const Attribute* value = call.find("value_int")) {
    return call.give(Tensor::from<std::int64_t>({}, std::vector{value->integer}));
  }
  if (const Attribute* value = call.find("value_floats")) {
    return call.give(Tensor::from<float>({std::ssize(value->numbers)}, value->numbers));
  }
  if (const auto values = call.integers("value_ints")) {
    return call.give(Tensor::from<std::int64_t>({std::ssize(*values)}, *values));
  }
  call.refuse("its value is neither numbers nor a tensor of numbers");
}

void constant_of_shape(const Call& call) {
  const std::vector<std::int64_t> dims = call.integers_at(0, "its shape");
  const Shape shape = shape_of(dims, call.where() + "its output");
  if (shape.numel() > kMostFolded) call.refuse("a constant of shape ", shape, " is too large");
  const Attribute* value = call.find("value");
  if (value == nullptr) return call.give(Tensor::zeros(shape));
  const Tensor one = tensor_of(value->tensor, value->tensor.bytes, call.where() + "its value");
  if (one.numel() != 1) call.fail_parse("its value has ", one.numel(), " elements, not one");
  call.give(Tensor::full(shape, one.item(), one.dtype()));
}

void cast(const Call& call) {
  const Tensor& tensor = call.constant(0, "its input").tensor;
  const std::int64_t to = call.integer("to", kFloat);
  const bool whole = to == kInt32 || to == kInt64 || to == kBool || to == kUint8;
  if (whole == is_whole(tensor)) return call.give(tensor);
  Tensor result(tensor.shape(), whole ? DType::i64 : DType::f32);
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    if (!whole) {
      result.data<float>()[i] = static_cast<float>(tensor.data<std::int64_t>()[i]);
      continue;
    }
    const float value = tensor.data<float>()[i];
    if (!(std::abs(value) < 0x1p62F)) call.refuse("it makes a whole number of ", value);
    result.data<std::int64_t>()[i] = static_cast<std::int64_t>(value);
  }
  call.give(result);
}

/// Sizes with at most one -1, and 0 for the input's own, as Reshape has them.
Shape reshaped(const Call& call, const Shape& shape, std::vector<std::int64_t> sizes) {
  std::int64_t known = 1;
  std::int64_t* open = nullptr;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0 && static_cast<int>(i) < shape.rank()) sizes[i] = shape[static_cast<int>(i)];
    if (sizes[i] == -1) {
      open = &sizes[i];
    } else if (sizes[i] < 0 || (sizes[i] > 0 && known > shape.numel() / sizes[i])) {
      call.fail_parse("it cannot make ", to_json(sizes).to_string(), " of ", shape);
    } else {
      known *= sizes[i];
    }
  }
  if (open != nullptr && known > 0) *open = shape.numel() / known;
  const Shape result = shape_of(sizes, call.where() + "its output");
  if (result.numel() != shape.numel()) {
    call.fail_parse("it cannot make ", result, " of ", shape);
  }
  return result;
}

void reshape(const Call& call) {
  const Tensor& tensor = call.constant(0, "its input").tensor;
  call.give(tensor.reshape(reshaped(call, tensor.shape(), call.integers_at(1, "its shape"))));
}

std::optional<std::vector<std::int64_t>> axes_of(const Call& call) {
  if (call.has(1)) return call.integers_at(1, "its axes");
  return call.integers("axes");
}

void squeeze(const Call& call) {
  const Tensor& tensor = call.constant(0, "its input").tensor;
  const int rank = tensor.shape().rank();
  std::set<int> dropped;
  if (const auto axes = axes_of(call)) {
    for (const std::int64_t axis : *axes) dropped.insert(resolve_axis(call, axis, rank));
  }
  std::vector<std::int64_t> sizes;
  for (int axis = 0; axis < rank; ++axis) {
    const bool all = !axes_of(call) && tensor.shape()[axis] == 1;
    if (!all && !dropped.contains(axis)) sizes.push_back(tensor.shape()[axis]);
  }
  call.give(tensor.reshape(reshaped(call, tensor.shape(), sizes)));
}

void unsqueeze(const Call& call) {
  const Tensor& tensor = call.constant(0, "its input").tensor;
  const auto axes = axes_of(call);
  if (!axes) call.fail_parse("it has no axes");
  const int rank = tensor.shape().rank() + static_cast<int>(axes->size());
  std::set<int> added;
  for (const std::int64_t axis : *axes) added.insert(resolve_axis(call, axis, rank));
  std::vector<std::int64_t> sizes;
  int source = 0;
  for (int axis = 0; axis < rank; ++axis) {
    if (added.contains(axis)) {
      sizes.push_back(1);
    } else if (source < tensor.shape().rank()) {
      sizes.push_back(tensor.shape()[source++]);
    }
  }
  call.give(tensor.reshape(shape_of(sizes, call.where() + "its output")));
}

void transpose(const Call& call) {
  const Tensor& tensor = call.constant(0, "its input").tensor;
  const int rank = tensor.shape().rank();
  std::vector<int> order;
  std::set<int> seen;
  if (const auto perm = call.integers("perm")) {
    for (const std::int64_t axis : *perm) order.push_back(resolve_axis(call, axis, rank));
  } else {
    for (int axis = rank - 1; axis >= 0; --axis) order.push_back(axis);
  }
  seen.insert(order.begin(), order.end());
  if (std::ssize(order) != rank || std::ssize(seen) != rank) {
    call.fail_parse("its perm does not name each of ", rank, " axes once");
  }
  call.give(permuted(tensor, order));
}

/// Lists put together.
void concat(const Call& call) {
  std::vector<std::int64_t> values;
  for (std::size_t i = 0; i < call.count(); ++i) {
    const Tensor& part = call.constant(i, "its input").tensor;
    if (!is_whole(part) || part.shape().rank() != 1) {
      call.refuse("constants that are no lists of whole numbers");
    }
    values.insert(values.end(), part.data<std::int64_t>(),
                  part.data<std::int64_t>() + part.numel());
  }
  call.give(Tensor::from<std::int64_t>({std::ssize(values)}, values));
}

void gather(const Call& call) {
  const std::vector<std::int64_t> values = call.integers_at(0, "its input");
  const Tensor& indices = call.constant(1, "its indices").tensor;
  if (!is_whole(indices)) call.fail_parse("its indices are no whole numbers");
  Tensor result(indices.shape(), DType::i64);
  for (std::int64_t i = 0; i < indices.numel(); ++i) {
    std::int64_t index = indices.data<std::int64_t>()[i];
    if (index < 0) index += std::ssize(values);
    if (index < 0 || index >= std::ssize(values)) {
      call.fail_parse("index ", index, " of ", values.size(), " values");
    }
    result.data<std::int64_t>()[i] = values[static_cast<std::size_t>(index)];
  }
  call.give(result);
}

void slice(const Call& call) {
  const std::vector<std::int64_t> values = call.integers_at(0, "its input");
  const bool by_inputs = call.has(1);
  const auto one = [&](std::size_t input, const char* name) {
    const auto list =
        by_inputs ? std::optional(call.integers_at(input, name)) : call.integers(name);
    if (!list || list->size() != 1) call.refuse("a list is cut along one axis");
    return list->front();
  };
  if (call.has(4) && call.integers_at(4, "steps") != std::vector<std::int64_t>{1}) {
    call.refuse("steps other than 1");
  }
  const std::int64_t count = std::ssize(values);
  const auto place = [&](std::int64_t i) {
    return std::clamp<std::int64_t>(i < 0 ? i + count : i, 0, count);
  };
  const std::int64_t first = place(one(1, "starts"));
  const std::int64_t last = std::max(first, place(one(2, "ends")));
  call.give(Tensor::from<std::int64_t>({last - first},
                                       std::vector(values.begin() + first, values.begin() + last)));
}

/// Of two equally long tensors, or one and a single number.
template <class T>
Tensor combined(const Call& call, const Tensor& a, const Tensor& b,
                const std::function<T(T, T)>& function) {
  const bool broadcast_a = a.numel() == 1 && a.shape().rank() <= b.shape().rank();
  if (!broadcast_a && b.numel() != 1 && a.shape() != b.shape()) {
    call.refuse("constants of shapes ", a.shape(), " and ", b.shape());
  }
  Tensor result(broadcast_a ? b.shape() : a.shape(), a.dtype());
  for (std::int64_t i = 0; i < result.numel(); ++i) {
    result.data<T>()[i] =
        function(a.data<T>()[a.numel() == 1 ? 0 : i], b.data<T>()[b.numel() == 1 ? 0 : i]);
  }
  return result;
}

void arithmetic(const Call& call) {
  const Tensor& a = call.constant(0, "its input").tensor;
  const Tensor& b = call.constant(1, "its input").tensor;
  const std::string& type = call.node().type;
  if (is_whole(a) != is_whole(b)) call.fail_parse("constants of different types");
  if (is_whole(a)) {
    return call.give(
        combined<std::int64_t>(call, a, b, [&](std::int64_t x, std::int64_t y) -> std::int64_t {
          // Beyond this they are no sizes, and might overflow.
          constexpr std::int64_t kLimit = std::int64_t{1} << 30;
          if (std::max(x, y) > kLimit || std::min(x, y) < -kLimit) {
            call.refuse("arithmetic with ", x, " and ", y);
          }
          if (type == "Add") return x + y;
          if (type == "Sub") return x - y;
          if (type == "Mul") return x * y;
          if (y == 0) call.fail_parse("a division by zero");
          return x / y;
        }));
  }
  call.give(combined<float>(call, a, b, [&](float x, float y) {
    if (type == "Add") return x + y;
    if (type == "Sub") return x - y;
    return type == "Mul" ? x * y : x / y;
  }));
}

constexpr std::pair<std::string_view, void (*)(const Call&)> kFolds[] = {
    {"Constant", constant_node},
    {"ConstantOfShape", constant_of_shape},
    {"Identity", identity},
    {"Cast", cast},
    {"Reshape", reshape},
    {"Squeeze", squeeze},
    {"Unsqueeze", unsqueeze},
    {"Transpose", transpose},
    {"Concat", concat},
    {"Gather", gather},
    {"Slice", slice},
    {"Add", arithmetic},
    {"Sub", arithmetic},
    {"Mul", arithmetic},
    {"Div", arithmetic},
};

}  // namespace

Tensor tensor_of(const TensorData& data, std::string_view bytes, const std::string& source) {
  const std::size_t size = element_size(data.type);
  FOVEA_REQUIRE(size > 0, unsupported, source, " has elements of type ", data.type,
                " of ONNX's; floating-point numbers, whole numbers of 8 (unsigned), 32 and 64 bits "
                "and booleans are supported");
  const Shape shape = shape_of(data.dims, source);
  const auto wanted = static_cast<std::uint64_t>(shape.numel()) * size;
  FOVEA_REQUIRE(bytes.size() == wanted, parse, source, " has ", bytes.size(), " bytes, but ", shape,
                " takes ", wanted);
  switch (data.type) {
    case kFloat:
      return floats_of(shape, bytes, DType::f32);
    case kDouble:
      return floats_of(shape, bytes, DType::f64);
    case kFloat16:
      return floats_of(shape, bytes, DType::f16);
    case kBfloat16:
      return floats_of(shape, bytes, DType::bf16);
    case kInt64:
      return integers_of<std::int64_t>(shape, bytes);
    case kInt32:
      return integers_of<std::int32_t>(shape, bytes);
    default:
      return integers_of<std::uint8_t>(shape, bytes);
  }
}

bool fold(const Call& call) {
  for (std::size_t i = 0; i < call.count(); ++i) {
    if (call.has(i) && call.maybe_constant(i) == nullptr) return false;
  }
  for (const auto& [type, rule] : kFolds) {
    if (type != call.node().type) continue;
    rule(call);
    return true;
  }
  return false;
}

}  // namespace fovea::onnx
