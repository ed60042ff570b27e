// CIFAR-10: finds and reads the binary version. A record is one label byte, then the 32x32 picture
// plane by plane (1024 bytes each of red, green, blue), which is turned into (H, W, C) here.
#include "host/data/cifar10.h"

#include <cstdlib>

#include "fovea/data.h"
#include "host/data/files.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kRecordBytes = 1 + data::kCifarPictureBytes;
constexpr std::int64_t kMaxRecords = 10'000;
constexpr int kClasses = 10;

std::vector<std::string> train_files() {
  return {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
          "data_batch_5.bin"};
}

std::vector<std::string> test_files() { return {"test_batch.bin"}; }

void check_folder(const fs::path& folder) {
  FOVEA_REQUIRE(data::path_exists(folder), io, "CIFAR-10: there is no folder ", folder,
                "; give the one that holds data_batch_1.bin (the \"binary version\")");
  const std::vector<std::string> missing = data::missing_cifar10_files(folder);
  FOVEA_REQUIRE(missing.empty(), io, "CIFAR-10: the folder ", folder, " lacks ",
                data::join(missing), "; unpack cifar-10-binary.tar.gz there again");
}

/// Number of records in a file, from its size alone.
std::int64_t count_records(const fs::path& file) {
  const std::int64_t bytes = data::file_bytes(file);
  FOVEA_REQUIRE(bytes <= kMaxRecords * kRecordBytes, parse, "CIFAR-10: ", file,
                " is too long: ", bytes, " bytes, where ", kMaxRecords, " records of ",
                kRecordBytes, " bytes are ", kMaxRecords * kRecordBytes,
                "; it is damaged or of another data set");
  const std::int64_t records = bytes / kRecordBytes;
  const std::int64_t rest = bytes % kRecordBytes;
  FOVEA_REQUIRE(bytes > 0 && rest == 0, parse, "CIFAR-10: ", file, " is truncated: record ",
                records, " has ", rest, " of its ", kRecordBytes, " bytes (the file has ", bytes,
                "; a complete one has ", kMaxRecords * kRecordBytes, "); fetch the data again");
  return records;
}

/// The training files are equally long, so one cut off exactly between two records is noticed too.
std::int64_t count_all_records(const fs::path& folder, const std::vector<std::string>& files) {
  const std::int64_t first = count_records(folder / files.front());
  for (const std::string& name : files) {
    const std::int64_t records = count_records(folder / name);
    FOVEA_REQUIRE(records == first, parse, "CIFAR-10: ", folder / name, " has ", records,
                  " records, but ", files.front(), " has ", first,
                  "; all training files have equally many, so one is truncated");
  }
  return first * static_cast<std::int64_t>(files.size());
}

/// Reads all records of one file to consecutive rows.
void read_records(const fs::path& file, std::int64_t records, std::uint8_t* pictures,
                  std::int32_t* labels) {
  const auto input = data::open_input(file);
  std::vector<std::uint8_t> record(kRecordBytes);
  for (std::int64_t i = 0; i < records; ++i) {
    const std::int64_t got = input->read(record.data(), kRecordBytes);
    FOVEA_REQUIRE(got == kRecordBytes, io, "CIFAR-10: ", file,
                  " changed while it was read: ", "record ", i, " has ", got, " of its ",
                  kRecordBytes, " bytes");
    FOVEA_REQUIRE(record[0] < kClasses, parse, "CIFAR-10: ", file, ": record ", i,
                  " (counted from 0) has the label ", int{record[0]},
                  ", but labels are 0 to 9; the file is damaged or of another data set");
    labels[i] = record[0];
    data::interleave_cifar_planes(record.data() + 1, pictures + i * data::kCifarPictureBytes);
  }
}

Dataset read_part(const fs::path& folder, const std::vector<std::string>& files,
                  const char* part_name) {
  const std::int64_t count = count_all_records(folder, files);
  const std::int64_t per_file = count / static_cast<std::int64_t>(files.size());
  Dataset part;
  part.name = part_name;
  part.class_names = {"airplane", "automobile", "bird",  "cat",  "deer",
                      "dog",      "frog",       "horse", "ship", "truck"};
  part.x = Tensor({count, 32, 32, 3}, DType::u8);
  part.y = Tensor({count}, DType::i32);
  std::uint8_t* pictures = part.x.data<std::uint8_t>();
  std::int32_t* labels = part.y.data<std::int32_t>();
  for (const std::string& name : files) {
    read_records(folder / name, per_file, pictures, labels);
    pictures += per_file * data::kCifarPictureBytes;
    labels += per_file;
  }
  return part;
}

/// The folder itself, or the folder cifar-10-batches-bin in it where only that one is complete.
fs::path inner_folder(const fs::path& folder) {
  const fs::path inner = folder / data::kCifar10Folder;
  const bool take_inner =
      !data::missing_cifar10_files(folder).empty() && data::missing_cifar10_files(inner).empty();
  return take_inner ? inner : folder;
}

}  // namespace

namespace data {

void interleave_cifar_planes(const std::uint8_t* planes, std::uint8_t* picture) {
  constexpr std::int64_t kPixels = kCifarPictureBytes / 3;
  for (std::int64_t pixel = 0; pixel < kPixels; ++pixel) {
    for (std::int64_t channel = 0; channel < 3; ++channel) {
      picture[3 * pixel + channel] = planes[kPixels * channel + pixel];
    }
  }
}

std::vector<std::string> missing_cifar10_files(const fs::path& folder) {
  std::vector<std::string> missing;
  for (const auto& names : {train_files(), test_files()}) {
    for (const std::string& name : names) {
      if (!path_exists(folder / name)) missing.push_back(name);
    }
  }
  return missing;
}

}  // namespace data

TrainTest load_cifar10(const fs::path& folder) {
  check_folder(folder);
  return {read_part(folder, train_files(), "cifar10 train"),
          read_part(folder, test_files(), "cifar10 test")};
}

std::optional<fs::path> find_cifar10(const std::optional<fs::path>& folder) {
  if (folder) return inner_folder(*folder);
  std::vector<fs::path> roots;
  if (const char* root = std::getenv("FOVEA_DATA"); root != nullptr && *root != '\0') {
    roots.emplace_back(root);
  }
  if (const auto cache = data::cache_folder()) roots.push_back(*cache);
  for (const fs::path& root : roots) {
    if (data::path_exists(root / data::kCifar10Folder)) return root / data::kCifar10Folder;
  }
  return std::nullopt;
}

}  // namespace fovea
