#include "host/io/hdf5_plugin/vet.h"

#include <algorithm>
#include <string_view>

#include "fovea/error.h"

namespace fovea {
namespace {

constexpr std::uint64_t kHeapHeader = 16;       ///< "GCOL", version, 3 bytes, size
constexpr std::uint64_t kStringHeader = 16;     ///< number, references, 4 bytes, size
constexpr std::uint64_t kObjectHeader = 16;     ///< version, messages, references, size, 4 bytes
constexpr std::uint64_t kMessageHeader = 8;     ///< type, size, flags, 3 bytes
constexpr std::uint64_t kStringReference = 16;  ///< length, heap, number
constexpr std::uint64_t kType = 0x03;
constexpr std::uint64_t kAttribute = 0x0C;
constexpr std::uint64_t kContinuation = 0x10;
constexpr std::uint64_t kSymbolTable = 0x11;
constexpr std::uint64_t kTreeHeader = 24;  ///< "TREE", type, level, entries, two neighbours
constexpr std::uint64_t kEntry = 40;       ///< name, object, kind, 4 bytes, 16 bytes by the kind
constexpr std::uint64_t kUndefined = ~std::uint64_t{0};
constexpr int kText = 3;
constexpr int kVariableLength = 9;
constexpr int kMostContinuations = 1000;
constexpr int kMostLevels = 100;

std::uint64_t rounded_up(std::uint64_t size) { return (size + 7) / 8 * 8; }

}  // namespace

Vetting::Vetting(std::span<const std::uint8_t> bytes, const std::string& source)
    : bytes_(bytes), source_(source) {
  constexpr std::string_view kBegin("GCOL\x01\0\0\0", 8);
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (std::size_t at = all.find(kBegin); at != all.npos; at = all.find(kBegin, at + 1)) {
    heaps_[at] = heap_at(at);
  }
  check_superblock();
}

/// The file's own header, as all but the newest have it: where its parts lie, and the first group.
void Vetting::check_superblock() const {
  constexpr std::uint64_t kVersion = 8;
  constexpr std::uint64_t kAddresses = 24;
  const std::uint64_t version = number(kVersion, 1);
  if (version > 1) return;  // has a checksum
  const std::uint64_t addresses = kAddresses + 4 * version;
  if (number(13, 1) != 8 || number(14, 1) != 8) fail_at(13, "addresses that have not 8 bytes");
  if (number(addresses, 8) != 0) fail_at(addresses, "the file's first address");
  if (number(addresses + 16, 8) > bytes_.size()) fail_at(addresses + 16, "the file's end");
  check_entry(addresses + 32);
}

Vetting::Names Vetting::names_at(std::uint64_t offset) const {
  if (number(offset, 4) != 0x50414548 || number(offset + 4, 1) != 0) {  // "HEAP"
    fail_at(offset, "a heap of names");
  }
  const Names names{number(offset + 24, 8), number(offset + 8, 8)};
  if (names.begin > bytes_.size() || names.size > bytes_.size() - names.begin) {
    fail_at(offset + 8, "a heap's size");
  }
  // What is free hangs together by offsets; 1 ends it.
  std::uint64_t steps = 0;
  for (std::uint64_t at = number(offset + 16, 8); at != 1 && at != kUndefined; ++steps) {
    if (names.size < 16 || at > names.size - 16 || steps > names.size / 16) {
      fail_at(offset + 16, "the room in a heap of names");
    }
    if (number(names.begin + at + 8, 8) > names.size - at) {
      fail_at(names.begin + at + 8, "the size of room in a heap of names");
    }
    at = number(names.begin + at, 8);
  }
  return names;
}

void Vetting::check_name(const Names& names, std::uint64_t offset) const {
  if (offset < names.size) {
    const auto* begin = bytes_.data() + names.begin + offset;
    const auto* end = bytes_.data() + names.begin + names.size;
    if (std::find(begin, end, 0) != end) return;
  }
  fail_at(names.begin + std::min(offset, names.size), "a name that does not end");
}

void Vetting::check_group(std::uint64_t tree, std::uint64_t heap) const {
  if (level_ == kMostLevels) fail_at(tree, "groups within groups without end");
  ++level_;
  check_tree(tree, -1, names_at(heap));
  --level_;
}

/// `level` is what the node above says; -1: there is none.
void Vetting::check_tree(std::uint64_t offset, int level, const Names& names) const {
  if (!seen_.insert(offset).second) {
    if (level < 0) return;  // a group's entry and its header both name its tree
    fail_at(offset, "a tree that contains itself");
  }
  if (number(offset, 4) != 0x45455254 || number(offset + 4, 1) != 0) {  // "TREE"
    fail_at(offset, "a tree of entries");
  }
  const auto own = static_cast<int>(number(offset + 5, 1));
  if (level >= 0 && own != level) fail_at(offset + 5, "the level of a tree");
  const std::uint64_t most = 2 * number(18, 2);  // by the file's header
  const std::uint64_t count = number(offset + 6, 2);
  if (count > most) fail_at(offset + 6, "the entries of a tree");
  number(offset + kTreeHeader + 16 * most, 8);  // a node has room for all of them
  for (std::uint64_t i = 0; i <= count; ++i) {
    check_name(names, number(offset + kTreeHeader + 16 * i, 8));
    if (i == count) break;
    const std::uint64_t child = number(offset + kTreeHeader + 16 * i + 8, 8);
    if (own == 0) {
      check_entries(child, names);
    } else {
      check_tree(child, own - 1, names);
    }
  }
}

void Vetting::check_entries(std::uint64_t offset, const Names& names) const {
  if (number(offset, 4) != 0x444F4E53 || number(offset + 4, 1) != 1) {  // "SNOD"
    fail_at(offset, "a list of entries");
  }
  const std::uint64_t most = 2 * number(16, 2);
  const std::uint64_t count = number(offset + 6, 2);
  if (count > most) fail_at(offset + 6, "the number of entries");
  number(offset + 8 + kEntry * most - 1, 1);  // a list has room for all of them
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t entry = offset + 8 + kEntry * i;
    check_name(names, number(entry, 8));
    check_entry(entry);
  }
}

void Vetting::check_entry(std::uint64_t offset) const {
  attributes(number(offset + 8, 8));
  const std::uint64_t kind = number(offset + 16, 4);
  if (kind == 1) check_group(number(offset + 24, 8), number(offset + 32, 8));
  if (kind > 1) fail_at(offset + 16, "an entry that is neither an object nor a group");
}

void Vetting::fail_at(std::uint64_t offset, const char* what) const {
  fail(ErrorCode::parse, source_, " is damaged at offset ", offset, ": ", what);
}

std::uint64_t Vetting::number(std::uint64_t offset, std::size_t size) const {
  if (offset > bytes_.size() || size > bytes_.size() - offset) fail_at(offset, "the file ends");
  std::uint64_t result = 0;
  for (std::size_t i = size; i-- > 0;) result = result << 8 | bytes_[offset + i];
  return result;
}

Vetting::Sizes Vetting::heap_at(std::uint64_t offset) const {
  const std::uint64_t size = number(offset + 8, 8);
  if (size < kHeapHeader || size > bytes_.size() - offset) fail_at(offset + 8, "a heap's size");
  Sizes sizes;
  std::uint64_t next = kHeapHeader;
  while (size - next >= kStringHeader) {
    const std::uint64_t key = number(offset + next, 2);
    const std::uint64_t length = number(offset + next + 8, 8);
    // Number 0 is the room that is left, whose size counts its header, too.
    const std::uint64_t header = key == 0 ? 0 : kStringHeader;
    if (length > size - next - header) fail_at(offset + next + 8, "the size of a heap's string");
    if (key == 0 && length < kStringHeader) fail_at(offset + next + 8, "the room in a heap");
    if (key != 0 && !sizes.emplace(key, length).second)
      fail_at(offset + next, "a string's number, twice");
    next = std::min(size, next + header + rounded_up(length));
  }
  return sizes;
}

std::optional<std::vector<std::string>> Vetting::attributes(std::uint64_t offset) const {
  if (number(offset, 4) == 0x5244484F) return std::nullopt;  // "OHDR": has checksums
  if (number(offset, 1) != 1) fail_at(offset, "an object's header");
  std::vector<std::string> names;
  check_messages(offset + kObjectHeader, number(offset + 8, 4), 0, names);
  return names;
}

void Vetting::check_messages(std::uint64_t offset, std::uint64_t size, int level,
                             std::vector<std::string>& names) const {
  if (level > kMostContinuations) fail_at(offset, "a header that continues without end");
  if (offset > bytes_.size() || size > bytes_.size() - offset) fail_at(offset, "a header's size");
  const std::uint64_t end = offset + size;
  while (end - offset >= kMessageHeader) {
    const std::uint64_t type = number(offset, 2);
    const std::uint64_t length = number(offset + 2, 2);
    const std::uint64_t flags = number(offset + 4, 1);
    offset += kMessageHeader;
    if (length > end - offset) fail_at(offset, "a message's size");
    if (type == kType) {
      if ((flags & 2) != 0) fail_at(offset, "a type that is shared");
      check_type(offset, offset + length);
    } else if (type == kAttribute) {
      if ((flags & 2) != 0) fail_at(offset, "an attribute that is shared");
      names.push_back(check_attribute(offset, length));
    } else if (type == kSymbolTable) {
      if (length < 16) fail_at(offset, "a group's message");
      check_group(number(offset, 8), number(offset + 8, 8));
    } else if (type == kContinuation) {
      check_messages(number(offset, 8), number(offset + 8, 8), level + 1, names);
    }
    offset += length;
  }
}

void Vetting::check_type(std::uint64_t offset, std::uint64_t end) const {
  const std::uint64_t kind = number(offset, 1) & 15;
  std::uint64_t size = 8;
  if (kind == 0) size += 4;   // integers: offset and precision
  if (kind == 1) size += 12;  // floating: where their parts lie
  if (kind > 1 && kind != kText && kind != kVariableLength) {
    fail_at(offset, "a type that is neither of numbers nor of strings");
  }
  if (offset > end || size > end - offset) fail_at(offset, "the size of a type");
  if (kind == kVariableLength) check_type(offset + size, end);
}

std::string Vetting::check_attribute(std::uint64_t offset, std::uint64_t size) const {
  const std::uint64_t end = offset + size;
  const std::uint64_t version = number(offset, 1);
  if (version < 1 || version > 3) fail_at(offset, "an attribute's version");
  if (version > 1 && number(offset + 1, 1) != 0) fail_at(offset, "an attribute's shared type");
  std::uint64_t next = offset + (version == 3 ? 9 : 8);
  std::uint64_t parts[3] = {};  // where name, type and space begin
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t part = number(offset + 2 + 2 * static_cast<std::uint64_t>(i), 2);
    parts[i] = next;
    next += version == 1 ? rounded_up(part) : part;
    if (next > end) fail_at(offset, "the size of an attribute's part");
  }
  check_type(parts[1], parts[2]);
  const std::uint64_t element = number(parts[1] + 4, 4);
  const std::uint64_t rank = number(parts[2] + 1, 1);
  const std::uint64_t first_size = parts[2] + (number(parts[2], 1) == 1 ? 8 : 4);
  std::uint64_t count = 1;
  for (std::uint64_t axis = 0; axis < rank; ++axis) {
    const std::uint64_t length = number(first_size + 8 * axis, 8);
    if (length > size) fail_at(first_size + 8 * axis, "the length of an attribute");
    count *= length;
    if (count > size) fail_at(first_size, "the length of an attribute");
  }
  if (element > size || count * element > end - next) fail_at(offset, "an attribute's size");
  std::string name;
  for (std::uint64_t at = parts[0]; number(at, 1) != 0; ++at) {
    if (at + 1 >= parts[1]) fail_at(parts[0], "an attribute's name that does not end");
    name += static_cast<char>(bytes_[at]);
  }
  if ((number(parts[1], 1) & 15) != kVariableLength) return name;
  if (element != kStringReference) fail_at(parts[1], "the size of a reference to a string");
  if (number(parts[1] + 12, 4) != 1) fail_at(parts[1] + 12, "the size of a letter");
  for (std::uint64_t i = 0; i < count; ++i) check_string(next + i * kStringReference);
  return name;
}

void Vetting::check_string(std::uint64_t offset) const {
  const std::uint64_t length = number(offset, 4);
  const std::uint64_t heap = number(offset + 4, 8);
  if (heap == 0) return;  // no string
  const auto found = heaps_.find(heap);
  if (found == heaps_.end()) fail_at(offset, "a string in no heap");
  const auto string = found->second.find(number(offset + 12, 4));
  if (string == found->second.end() || string->second != length) {
    fail_at(offset, "a string that its heap does not have");
  }
}

}  // namespace fovea
