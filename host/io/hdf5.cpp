#include "host/io/hdf5.h"

#include <algorithm>

#include "host/base/plugin.h"

namespace fovea {
namespace {

const Hdf5Codec& codec() {
  // Whether it is turned off is asked anew each time; an opened plug-in stays open.
  FOVEA_REQUIRE(!plugin_disabled("hdf5"), unsupported,
                "Keras's files are HDF5, which is turned off by FOVEA_DISABLE_PLUGINS");
  static const Plugin plugin = open_plugin("hdf5", "fovea_hdf5_codec");
  FOVEA_REQUIRE(plugin.symbol != nullptr, unsupported,
                "Keras's files need the plug-in for HDF5, which cannot be used (", plugin.problem,
                "): install libhdf5-dev and build Fovea again");
  return *reinterpret_cast<Hdf5CodecEntry>(plugin.symbol)();
}

/// "a/b/c" as "a" and "b/c".
std::pair<std::string_view, std::string_view> split(std::string_view path) {
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) return {path, {}};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

template <class Groups>
auto find_named(Groups& groups, std::string_view name) {
  return std::find_if(groups.begin(), groups.end(),
                      [&](const Hdf5Group& group) { return group.name == name; });
}

}  // namespace

const Hdf5Group* Hdf5Group::find_group(std::string_view path) const {
  const Hdf5Group* group = this;
  while (!path.empty()) {
    const auto [first, rest] = split(path);
    const auto found = find_named(group->groups, first);
    if (found == group->groups.end()) return nullptr;
    group = &*found;
    path = rest;
  }
  return group;
}

const Tensor* Hdf5Group::find_array(std::string_view path) const {
  const std::size_t slash = path.rfind('/');
  const bool here = slash == std::string_view::npos;
  const Hdf5Group* group = here ? this : find_group(path.substr(0, slash));
  if (group == nullptr) return nullptr;
  const std::string_view own = here ? path : path.substr(slash + 1);
  const auto found = std::find_if(group->arrays.begin(), group->arrays.end(),
                                  [&](const auto& entry) { return entry.first == own; });
  return found == group->arrays.end() ? nullptr : &found->second;
}

const Hdf5Attribute* Hdf5Group::find_attribute(std::string_view wanted) const {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const Hdf5Attribute& entry) { return entry.name == wanted; });
  return found == attributes.end() ? nullptr : &*found;
}

Hdf5Group& Hdf5Group::make_group(std::string_view path) {
  if (path.empty()) return *this;
  const auto [first, rest] = split(path);
  auto found = find_named(groups, first);
  if (found == groups.end()) {
    found = groups.insert(groups.end(), Hdf5Group());
    found->name = first;
  }
  return found->make_group(rest);
}

void Hdf5Group::add_array(std::string_view path, Tensor array) {
  const std::size_t slash = path.rfind('/');
  const bool here = slash == std::string_view::npos;
  Hdf5Group& group = here ? *this : make_group(path.substr(0, slash));
  group.arrays.emplace_back(here ? path : path.substr(slash + 1), std::move(array));
}

Hdf5Group read_hdf5(std::span<const std::uint8_t> bytes, const std::string& source) {
  return codec().read(bytes, source);
}

std::vector<std::uint8_t> write_hdf5(const Hdf5Group& root) { return codec().write(root); }

bool is_hdf5(std::string_view head) { return head.starts_with("\x89HDF\r\n\x1a\n"); }

}  // namespace fovea
