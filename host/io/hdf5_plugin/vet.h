// What the library HDF5 believes of a file without comparing, compared before it does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace fovea {

/// HDF5 (1.10 at least) copies a string of an attribute out of a heap by the number and the sizes
/// that stand in the file, past the end of its memory where they are wrong, and takes as much
/// memory as headers and heaps claim to need. So these are read here first, as far as that takes.
/// (Where headers have checksums, in files that h5py writes with libver="latest", they are not:
/// damage is found by those.) Format:
/// https://docs.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
class Vetting {
 public:
  /// Throws parse for heaps whose sizes do not add up, for a first object that does not, and for
  /// groups, from the first on, whose tables of entries do not. `source` begins messages.
  Vetting(std::span<const std::uint8_t> bytes, const std::string& source);

  /// The names of the attributes of the object at this offset; nothing where its header has
  /// checksums. Throws parse for attributes that are larger than their place or refer to strings
  /// that no heap has.
  std::optional<std::vector<std::string>> attributes(std::uint64_t offset) const;

 private:
  using Sizes = std::map<std::uint64_t, std::uint64_t>;  // of a heap's strings, by their numbers

  std::uint64_t number(std::uint64_t offset, std::size_t size) const;
  void check_superblock() const;
  Sizes heap_at(std::uint64_t offset) const;
  void check_messages(std::uint64_t offset, std::uint64_t size, int level,
                      std::vector<std::string>& names) const;
  /// Numbers and strings alone: what models are made of.
  void check_type(std::uint64_t offset, std::uint64_t end) const;
  std::string check_attribute(std::uint64_t offset, std::uint64_t size) const;
  void check_string(std::uint64_t offset) const;

  /// A group's names, each ending in 0: where they lie, and how many bytes they are.
  struct Names {
    std::uint64_t begin = 0;
    std::uint64_t size = 0;
  };
  Names names_at(std::uint64_t offset) const;
  void check_name(const Names& names, std::uint64_t offset) const;
  /// A group's tree of entries and the heap of their names.
  void check_group(std::uint64_t tree, std::uint64_t heap) const;
  void check_tree(std::uint64_t offset, int level, const Names& names) const;
  void check_entries(std::uint64_t offset, const Names& names) const;
  /// An entry tells where an object lies and, of a group, once more its tree and heap.
  void check_entry(std::uint64_t offset) const;
  [[noreturn]] void fail_at(std::uint64_t offset, const char* what) const;

  std::span<const std::uint8_t> bytes_;
  const std::string& source_;
  std::map<std::uint64_t, Sizes> heaps_;  // by their offsets
  mutable std::set<std::uint64_t> seen_;  // nodes of trees: each belongs to one group
  mutable int level_ = 0;                 // of groups within groups
};

}  // namespace fovea
