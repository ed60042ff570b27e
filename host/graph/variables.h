// Variables: a model's parameters and state, named tensors in device memory that outlive every
// plan.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fovea/device.h"
#include "fovea/graph.h"
#include "fovea/tensor.h"

namespace fovea {

/// Parameters, gradients' moments and other state by path. Everything that one call to `create` is
/// given lies in one flat buffer, in the order given.
class FOVEA_INTERNAL Variables {
 public:
  /// Copies go through `stream`, behind the work of the executions that share it.
  Variables(std::shared_ptr<Device> device, std::shared_ptr<Stream> stream)
      : device_(std::move(device)), stream_(std::move(stream)) {}
  explicit Variables(const std::shared_ptr<Device>& device)
      : Variables(device, device->make_stream()) {}
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;

  struct Entry {
    std::string path;
    ValueType type;
    void* data = nullptr;
    bool parameter = false;
    bool begins_anew = false;  ///< the next graph that names it gives it its first values again
  };

  /// Makes what the graph's Parameter and State nodes name and this does not hold yet, and gives it
  /// its first values, which depend on (seed, path) alone.
  void create_missing(const Graph& graph, std::uint64_t seed);

  bool contains(const std::string& path) const { return index_.count(path) > 0; }
  /// Throws invalid_argument, listing similar paths, for one it does not hold.
  const Entry& at(const std::string& path) const;
  /// All entries in the order of creation.
  const std::vector<Entry>& entries() const { return entries_; }

  /// Has all state whose path begins so begin anew, unless it is written before the next graph.
  void restart(const std::string& prefix);

  /// A copy of the values on the host.
  Tensor read(const std::string& path) const;
  /// Replaces the values; throws shape_mismatch unless shape and type agree.
  void write(const std::string& path, const Tensor& values);
  /// As `write`; makes the variable, as state, where it does not exist yet (a graph that names it
  /// later finds it).
  void set(const std::string& path, const Tensor& values);
  /// One number into an i64, f32 or f64 scalar.
  void write_scalar(const std::string& path, double value);
  void write_integer(const std::string& path, std::int64_t value);
  /// Allocates nothing.
  std::int64_t read_integer(const std::string& path) const;

  const std::shared_ptr<Device>& device() const { return device_; }
  /// Bytes of device memory held.
  std::int64_t bytes() const { return bytes_; }

 private:
  /// New entries in one new buffer, their contents not set.
  void allocate(std::vector<Entry> entries);

  std::shared_ptr<Device> device_;
  std::shared_ptr<Stream> stream_;
  std::vector<Entry> entries_;
  std::map<std::string, std::size_t> index_;
  std::vector<std::shared_ptr<void>> buffers_;
  std::int64_t bytes_ = 0;
};

}  // namespace fovea
