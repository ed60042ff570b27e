// CIFAR-100: reads the binary version. A record is a coarse and a fine label byte, then the 32x32
// picture plane by plane, as in CIFAR-10.
#include <array>

#include "fovea/datasets.h"
#include "host/data/cifar10.h"
#include "host/data/files.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kRecordBytes = 2 + data::kCifarPictureBytes;
constexpr std::int64_t kMaxRecords = 50'000;

/// Number of classes, place of the label in a record, and the file of names.
struct LabelKind {
  const char* name;
  int classes;
  std::size_t byte;
  const char* names_file;
};

LabelKind kind_of(Cifar100Labels labels) {
  return labels == Cifar100Labels::coarse ? LabelKind{"coarse", 20, 0, "coarse_label_names.txt"}
                                          : LabelKind{"fine", 100, 1, "fine_label_names.txt"};
}

std::int64_t count_records(const fs::path& file) {
  const std::int64_t bytes = data::file_bytes(file);
  const std::int64_t records = bytes / kRecordBytes;
  FOVEA_REQUIRE(records <= kMaxRecords, parse, "CIFAR-100: ", file, " is too long: ", bytes,
                " bytes, where ", kMaxRecords, " records of ", kRecordBytes, " bytes are ",
                kMaxRecords * kRecordBytes, "; it is damaged or of another data set");
  FOVEA_REQUIRE(records > 0 && bytes % kRecordBytes == 0, parse, "CIFAR-100: ", file,
                " is truncated: record ", records, " has ", bytes % kRecordBytes, " of its ",
                kRecordBytes, " bytes; fetch the data again");
  return records;
}

/// One name per line; none where the file is not there.
std::vector<std::string> read_names(const fs::path& file, const LabelKind& kind) {
  if (!data::path_exists(file)) return {};
  std::vector<std::string> names = data::read_lines(file);
  while (!names.empty() && names.back().empty()) names.pop_back();
  FOVEA_REQUIRE(std::ssize(names) == kind.classes, parse, "CIFAR-100: ", file, " has ",
                names.size(), " names, but there are ", kind.classes, " ", kind.name, " classes");
  return names;
}

Dataset read_part(const fs::path& folder, const char* file_name, const LabelKind& kind) {
  const fs::path file = folder / file_name;
  const std::int64_t count = count_records(file);
  Dataset part;
  part.class_names = read_names(folder / kind.names_file, kind);
  part.x = Tensor({count, 32, 32, 3}, DType::u8);
  part.y = Tensor({count}, DType::i32);
  const auto input = data::open_input(file);
  std::array<std::uint8_t, kRecordBytes> record{};
  for (std::int64_t i = 0; i < count; ++i) {
    FOVEA_REQUIRE(input->read(record.data(), kRecordBytes) == kRecordBytes, io, "CIFAR-100: ", file,
                  " changed while it was read: record ", i, " is incomplete");
    for (const LabelKind& each : {kind_of(Cifar100Labels::fine), kind_of(Cifar100Labels::coarse)}) {
      FOVEA_REQUIRE(record[each.byte] < each.classes, parse, "CIFAR-100: ", file, ": record ", i,
                    " (counted from 0) has the ", each.name, " label ", int{record[each.byte]},
                    ", but these are 0 to ", each.classes - 1,
                    "; the file is damaged or of another data set");
    }
    part.y.data<std::int32_t>()[i] = record[kind.byte];
    data::interleave_cifar_planes(record.data() + 2,
                                  part.x.data<std::uint8_t>() + i * data::kCifarPictureBytes);
  }
  return part;
}

}  // namespace

TrainTest load_cifar100(const fs::path& folder, Cifar100Labels labels) {
  FOVEA_REQUIRE(data::path_exists(folder), io, "CIFAR-100: there is no folder ", folder,
                "; give the one that holds train.bin (the \"binary version\")");
  std::vector<std::string> missing;
  for (const char* name : {"train.bin", "test.bin"}) {
    if (!data::path_exists(folder / name)) missing.emplace_back(name);
  }
  FOVEA_REQUIRE(missing.empty(), io, "CIFAR-100: the folder ", folder, " lacks ",
                data::join(missing), "; unpack cifar-100-binary.tar.gz there again");
  TrainTest data = {read_part(folder, "train.bin", kind_of(labels)),
                    read_part(folder, "test.bin", kind_of(labels))};
  data.train.name = "cifar100 train";
  data.test.name = "cifar100 test";
  return data;
}

}  // namespace fovea
