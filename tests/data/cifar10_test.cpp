// The CIFAR-10 reader: the layout, the search for the folder, and every way a file can be wrong.
#include "tests/data/data_test_support.h"

namespace fovea::test {
namespace {

namespace fs = std::filesystem;

TEST(Cifar10, ReadsPicturesChannelsLastInOrder) {
  const TempFolder folder;
  write_cifar10(folder.path());
  const TrainTest data = load_cifar10(folder.path());
  EXPECT_EQ(data.train.x.shape(), (Shape{20, 32, 32, 3}));
  EXPECT_EQ(data.train.x.dtype(), DType::u8);
  EXPECT_EQ(data.train.y.dtype(), DType::i32);
  EXPECT_EQ(data.test.x.shape(), (Shape{6, 32, 32, 3}));
  EXPECT_EQ(data.train.class_names.size(), 10u);
  EXPECT_EQ(data.test.class_names[9], "truck");
  EXPECT_FALSE(data.train.synthetic);
  EXPECT_NO_THROW(data.train.check());
  const auto pixels = data.train.x.span<std::uint8_t>();
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const auto at = static_cast<int>(i);
    ASSERT_EQ(pixels[i], pixel_value(at / 3072, at / 96 % 32, at / 3 % 32, at % 3)) << "byte " << i;
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(data.train.y.item(i), i % 10);
  EXPECT_EQ(data.test.x.item(0), pixel_value(100, 0, 0, 0));
}

TEST(Cifar10, NamesAMissingFolderAndMissingFiles) {
  const TempFolder folder;
  expect_error(ErrorCode::io, {"no folder", "nowhere", "data_batch_1.bin"},
               [&] { load_cifar10(folder / "nowhere"); });
  write_cifar10(folder.path());
  fs::remove(folder / "data_batch_3.bin");
  fs::remove(folder / "test_batch.bin");
  expect_error(ErrorCode::io, {folder.path().string(), "lacks data_batch_3.bin, test_batch.bin"},
               [&] { load_cifar10(folder.path()); });
  fs::create_directory(folder / "data_batch_3.bin");
  fs::create_directory(folder / "test_batch.bin");
  expect_error(ErrorCode::io, {"data_batch_3.bin", "not a regular file"},
               [&] { load_cifar10(folder.path()); });
}

TEST(Cifar10, RefusesTruncatedFiles) {
  const TempFolder folder;
  write_cifar10(folder.path());
  fs::resize_file(folder / "data_batch_2.bin", 2 * kCifarRecordBytes + 100);
  expect_error(ErrorCode::parse,
               {"data_batch_2.bin", "truncated", "record 2 has 100 of its 3073 bytes", "6246"},
               [&] { load_cifar10(folder.path()); });
  fs::resize_file(folder / "data_batch_2.bin", 0);
  expect_error(ErrorCode::parse, {"data_batch_2.bin", "truncated"},
               [&] { load_cifar10(folder.path()); });
  // Cut off between two records, it differs from the other training files.
  fs::resize_file(folder / "data_batch_2.bin", 3 * kCifarRecordBytes);
  expect_error(ErrorCode::parse, {"data_batch_2.bin", "3 records", "has 4"},
               [&] { load_cifar10(folder.path()); });
}

TEST(Cifar10, RefusesFilesThatAreTooLong) {
  const TempFolder folder;
  write_cifar10(folder.path());
  fs::resize_file(folder / "test_batch.bin", 10'000 * kCifarRecordBytes);
  EXPECT_EQ(load_cifar10(folder.path()).test.size(), 10'000);
  fs::resize_file(folder / "test_batch.bin", 10'000 * kCifarRecordBytes + 1);
  expect_error(ErrorCode::parse, {"test_batch.bin", "too long", "30730001", "30730000"},
               [&] { load_cifar10(folder.path()); });
}

TEST(Cifar10, NamesFileAndRecordOfABadLabel) {
  const TempFolder folder;
  write_cifar10(folder.path());
  Bytes records = cifar10_records(8, 4);
  records[2 * kCifarRecordBytes] = 11;
  write_file(folder / "data_batch_3.bin", records);
  expect_error(ErrorCode::parse, {"data_batch_3.bin", "record 2", "label 11", "0 to 9"},
               [&] { load_cifar10(folder.path()); });
}

TEST(Cifar10, FindsTheFolderGivenOrTheOneInside) {
  const TempFolder folder;
  const fs::path inner = folder / "cifar-10-batches-bin";
  EXPECT_EQ(find_cifar10(folder.path()), folder.path()) << "so that loading says what is missing";
  write_cifar10(inner);
  EXPECT_EQ(find_cifar10(folder.path()), inner);
  EXPECT_EQ(find_cifar10(inner), inner);
  write_cifar10(folder.path());
  EXPECT_EQ(find_cifar10(folder.path()), folder.path());
}

TEST(Cifar10, LooksInFoveaDataThenInTheCache) {
  const TempFolder root, home;
  const ScopedEnv data("FOVEA_DATA", root.path().c_str());
  const ScopedEnv set_home("HOME", home.path().c_str());
  EXPECT_EQ(find_cifar10(), std::nullopt);
  const fs::path in_cache = home / ".cache/fovea/cifar-10-batches-bin";
  fs::create_directories(in_cache);
  EXPECT_EQ(find_cifar10(), in_cache);
  const fs::path in_root = root / "cifar-10-batches-bin";
  fs::create_directories(in_root);
  EXPECT_EQ(find_cifar10(), in_root);
  {
    const ScopedEnv no_data("FOVEA_DATA", nullptr);
    EXPECT_EQ(find_cifar10(), in_cache);
    const ScopedEnv no_home("HOME", nullptr);
    EXPECT_EQ(find_cifar10(), std::nullopt);
  }
}

}  // namespace
}  // namespace fovea::test
