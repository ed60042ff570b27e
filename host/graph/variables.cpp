#include "host/graph/variables.h"

#include "fovea/ops/source.h"

namespace fovea {
namespace {

constexpr std::size_t kAlignment = 64;

std::size_t align_up(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

struct Missing {
  const Node* node;
  ValueType type;
  bool parameter;
};

Tensor first_values(const Missing& missing, std::uint64_t seed) {
  if (missing.parameter) {
    const auto& op = static_cast<const ops::Parameter&>(*missing.node->op);
    Tensor values(missing.type.shape, missing.type.dtype);
    initialize(values, op.initializer, seed, missing.node->path);
    return values;
  }
  const auto& op = static_cast<const ops::State&>(*missing.node->op);
  return Tensor::full(missing.type.shape, op.initial_value, missing.type.dtype);
}

}  // namespace

void Variables::create_missing(const Graph& graph, std::uint64_t seed) {
  std::vector<Missing> missing;
  std::size_t bytes = 0;
  for (const Node& node : graph.nodes()) {
    const bool parameter = node.op->name() == ops::Parameter::kName;
    if (!parameter && node.op->name() != ops::State::kName) continue;
    const ValueType& type = graph.type(node.outputs.front());
    if (contains(node.path)) {
      FOVEA_REQUIRE(at(node.path).type == type, shape_mismatch, "'", node.path, "' is held as ",
                    to_string(at(node.path).type), ", but the graph wants ", to_string(type));
      continue;
    }
    missing.push_back({&node, type, parameter});
    bytes += align_up(static_cast<std::size_t>(type.bytes()));
  }
  if (missing.empty()) return;
  std::shared_ptr<void> buffer(device_->allocate(bytes),
                               [device = device_](void* memory) { device->release(memory); });
  char* next = static_cast<char*>(buffer.get());
  for (const Missing& item : missing) {
    index_.emplace(item.node->path, entries_.size());
    entries_.push_back({item.node->path, item.type, next, item.parameter});
    next += align_up(static_cast<std::size_t>(item.type.bytes()));
    write(item.node->path, first_values(item, seed));
  }
  buffers_.push_back(std::move(buffer));
  bytes_ += static_cast<std::int64_t>(bytes);
}

const Variables::Entry& Variables::at(const std::string& path) const {
  const auto found = index_.find(path);
  if (found != index_.end()) return entries_[found->second];
  std::string known;
  for (const Entry& entry : entries_) {
    if (entry.parameter) known += (known.empty() ? "" : ", ") + entry.path;
  }
  fail(ErrorCode::invalid_argument, "there is no variable '", path,
       "'; the parameters are: ", known);
}

Tensor Variables::read(const std::string& path) const {
  const Entry& entry = at(path);
  Tensor values(entry.type.shape, entry.type.dtype);
  device_->copy_to_host(values.mutable_raw(), entry.data, values.bytes());
  return values;
}

void Variables::write(const std::string& path, const Tensor& values) {
  const Entry& entry = at(path);
  FOVEA_REQUIRE(values.shape() == entry.type.shape && values.dtype() == entry.type.dtype,
                shape_mismatch, "'", path, "' is ", to_string(entry.type), ", not ",
                to_string(ValueType{values.shape(), values.dtype()}));
  device_->copy_from_host(entry.data, values.raw(), values.bytes());
}

void Variables::write_scalar(const std::string& path, double value) {
  write(path, Tensor::full({}, value, at(path).type.dtype));
}

void Variables::write_integer(const std::string& path, std::int64_t value) {
  write(path, Tensor::from<std::int64_t>({}, std::vector<std::int64_t>{value}));
}

std::int64_t Variables::read_integer(const std::string& path) const {
  return read(path).span<std::int64_t>()[0];
}

}  // namespace fovea
