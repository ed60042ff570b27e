#include "host/graph/variables.h"

#include "fovea/ops/source.h"

namespace fovea {
namespace {

constexpr std::size_t kAlignment = 64;

std::size_t align_up(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

Tensor first_values(const Node& node, const ValueType& type, std::uint64_t seed) {
  if (node.op->name() == ops::Parameter::kName) {
    Tensor values(type.shape, type.dtype);
    const auto& op = static_cast<const ops::Parameter&>(*node.op);
    initialize(values, op.initializer, seed, node.path);
    return values;
  }
  return Tensor::full(type.shape, static_cast<const ops::State&>(*node.op).initial_value,
                      type.dtype);
}

}  // namespace

void Variables::allocate(std::vector<Entry> entries) {
  std::size_t bytes = 0;
  for (const Entry& entry : entries)
    bytes += align_up(static_cast<std::size_t>(entry.type.bytes()));
  std::shared_ptr<void> buffer(device_->allocate(bytes),
                               [device = device_](void* memory) { device->release(memory); });
  char* next = static_cast<char*>(buffer.get());
  for (Entry& entry : entries) {
    entry.data = next;
    next += align_up(static_cast<std::size_t>(entry.type.bytes()));
    index_.emplace(entry.path, entries_.size());
    entries_.push_back(std::move(entry));
  }
  buffers_.push_back(std::move(buffer));
  bytes_ += static_cast<std::int64_t>(bytes);
}

void Variables::create_missing(const Graph& graph, std::uint64_t seed) {
  std::vector<Entry> missing;
  std::vector<const Node*> nodes;
  for (const Node& node : graph.nodes()) {
    const bool parameter = node.op->name() == ops::Parameter::kName;
    if (!parameter && node.op->name() != ops::State::kName) continue;
    const ValueType& type = graph.type(node.outputs.front());
    if (contains(node.path)) {
      FOVEA_REQUIRE(at(node.path).type == type, shape_mismatch, "'", node.path, "' is held as ",
                    to_string(at(node.path).type), ", but the graph wants ", to_string(type));
      if (at(node.path).begins_anew) write(node.path, first_values(node, type, seed));
      continue;
    }
    missing.push_back({node.path, type, nullptr, parameter, false});
    nodes.push_back(&node);
  }
  if (missing.empty()) return;
  allocate(std::move(missing));
  for (const Node* node : nodes) {
    write(node->path, first_values(*node, graph.type(node->outputs.front()), seed));
  }
}

void Variables::set(const std::string& path, const Tensor& values) {
  if (!contains(path)) allocate({{path, {values.shape(), values.dtype()}, nullptr, false, false}});
  write(path, values);
}

void Variables::restart(const std::string& prefix) {
  for (Entry& entry : entries_) {
    if (!entry.parameter && entry.path.starts_with(prefix)) entry.begins_anew = true;
  }
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
  stream_->download(values.mutable_raw(), entry.data, values.bytes());
  return values;
}

void Variables::write(const std::string& path, const Tensor& values) {
  const Entry& entry = at(path);
  FOVEA_REQUIRE(values.shape() == entry.type.shape && values.dtype() == entry.type.dtype,
                shape_mismatch, "'", path, "' is ", to_string(entry.type), ", not ",
                to_string(ValueType{values.shape(), values.dtype()}));
  stream_->upload(entry.data, values.raw(), values.bytes());
  stream_->synchronize();  // executions on other streams may read it next
  entries_[index_.at(path)].begins_anew = false;
}

void Variables::write_scalar(const std::string& path, double value) {
  write(path, Tensor::full({}, value, at(path).type.dtype));
}

void Variables::write_integer(const std::string& path, std::int64_t value) {
  write(path, Tensor::from<std::int64_t>({}, std::vector<std::int64_t>{value}));
}

std::int64_t Variables::read_integer(const std::string& path) const {
  const Entry& entry = at(path);
  FOVEA_REQUIRE((entry.type == ValueType{{}, DType::i64}), internal, "'", path, "' is ",
                to_string(entry.type));
  std::int64_t value = 0;
  stream_->download(&value, entry.data, sizeof value);
  return value;
}

}  // namespace fovea
