// The MNIST reader: idx files, plain and gz, and every way they can be wrong.
#include "host/data/process.h"
#include "tests/data/data_test_support.h"

namespace fovea::test {
namespace {

namespace fs = std::filesystem;

void append_word(Bytes& bytes, std::uint32_t word) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::uint8_t>(word >> shift));
  }
}

Bytes idx_pictures(std::uint32_t count) {
  Bytes bytes;
  for (std::uint32_t word : {0x803u, count, 28u, 28u}) append_word(bytes, word);
  for (std::uint32_t i = 0; i < count; ++i) {
    for (int y = 0; y < 28; ++y) {
      for (int x = 0; x < 28; ++x) bytes.push_back(pixel_value(i, y, x, 0));
    }
  }
  return bytes;
}

Bytes idx_labels(std::uint32_t count) {
  Bytes bytes;
  for (std::uint32_t word : {0x801u, count}) append_word(bytes, word);
  for (std::uint32_t i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(i % 10));
  return bytes;
}

/// A folder of MNIST with 12 training and 5 test pictures.
class Mnist : public testing::Test {
 protected:
  Mnist() {
    write_file(train_pictures(), idx_pictures(12));
    write_file(train_labels(), idx_labels(12));
    write_file(folder_ / "t10k-images-idx3-ubyte", idx_pictures(5));
    write_file(folder_ / "t10k-labels-idx1-ubyte", idx_labels(5));
  }
  fs::path train_pictures() const { return folder_ / "train-images-idx3-ubyte"; }
  fs::path train_labels() const { return folder_ / "train-labels-idx1-ubyte"; }

  void expect_load_error(ErrorCode code, const std::vector<std::string>& parts) {
    expect_error(code, parts, [&] { load_mnist(folder_.path()); });
  }

  static void gzip(const fs::path& path) {
    ASSERT_EQ(data::run_process({"gzip", path.string()}).exit_code, 0);
  }

  TempFolder folder_;
};

/// The same with the training pictures compressed; skipped, saying so, where the library has no
/// zlib, whose absence must then be a clear error.
class MnistGz : public Mnist {
 protected:
  void SetUp() override {
    gzip(train_pictures());
    try {
      load_mnist(folder_.path());
    } catch (const Error& error) {
      if (error.code() != ErrorCode::unsupported) throw;
      EXPECT_NE(std::string(error.what()).find("no zlib"), std::string::npos) << error.what();
      GTEST_SKIP() << "the library was built without zlib";
    }
  }
  fs::path gz() const { return folder_ / "train-images-idx3-ubyte.gz"; }
};

void expect_is_mnist(const TrainTest& data) {
  EXPECT_EQ(data.train.x.shape(), (Shape{12, 28, 28, 1}));
  EXPECT_EQ(data.test.x.shape(), (Shape{5, 28, 28, 1}));
  EXPECT_EQ(data.train.x.dtype(), DType::u8);
  EXPECT_EQ(data.train.class_names[7], "7");
  EXPECT_NO_THROW(data.train.check());
  EXPECT_NO_THROW(data.test.check());
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(data.train.y.item(i), i % 10);
    EXPECT_EQ(data.train.x.item(i * 784 + 28 * 3 + 5), pixel_value(i, 3, 5, 0));
  }
}

TEST_F(Mnist, ReadsPlainFiles) { expect_is_mnist(load_mnist(folder_.path())); }

TEST_F(Mnist, NamesAMissingFolderAndMissingFiles) {
  expect_error(ErrorCode::io, {"no folder", "nowhere"}, [&] { load_mnist(folder_ / "nowhere"); });
  fs::remove(train_labels());
  expect_load_error(ErrorCode::io, {"lacks train-labels-idx1-ubyte", ".gz"});
}

TEST_F(Mnist, RefusesAWrongMagicNumber) {
  write_file(train_pictures(), idx_labels(12));
  expect_load_error(ErrorCode::parse, {"train-images-idx3-ubyte", "2049", "2051", "pictures"});
}

TEST_F(Mnist, RefusesOtherPictureSizes) {
  Bytes bytes = idx_pictures(12);
  bytes[15] = 29;
  write_file(train_pictures(), bytes);
  expect_load_error(ErrorCode::parse, {"28x29", "28x28"});
}

TEST_F(Mnist, RefusesTruncatedFiles) {
  fs::resize_file(train_pictures(), 6);
  expect_load_error(ErrorCode::parse, {"train-images-idx3-ubyte", "truncated", "header"});
  fs::resize_file(train_pictures(), 0);
  expect_load_error(ErrorCode::parse, {"train-images-idx3-ubyte", "truncated"});
  write_file(train_pictures(), idx_pictures(12));
  fs::resize_file(train_pictures(), 16 + 784 * 11 + 1);
  expect_load_error(ErrorCode::parse, {"truncated", "12 items", "9424 bytes", "8641"});
}

TEST_F(Mnist, RefusesFilesThatAreTooLong) {
  Bytes bytes = idx_labels(12);
  bytes.push_back(0);
  write_file(train_labels(), bytes);
  expect_load_error(ErrorCode::parse, {"train-labels-idx1-ubyte", "too long", "20", "12 items"});
}

TEST_F(Mnist, RefusesAbsurdCountsBeforeAllocating) {
  Bytes bytes = idx_pictures(12);
  for (std::size_t i = 4; i < 8; ++i) bytes[i] = 0xff;
  write_file(train_pictures(), bytes);
  expect_load_error(ErrorCode::parse, {"4294967295 items", "cannot hold more than 9424"});
  std::fill(bytes.begin() + 4, bytes.begin() + 8, std::uint8_t{0});
  write_file(train_pictures(), bytes);
  expect_load_error(ErrorCode::parse, {"no items"});
}

TEST_F(Mnist, RefusesCountsThatDisagree) {
  write_file(train_labels(), idx_labels(11));
  expect_load_error(ErrorCode::parse, {"12 pictures", "11 labels"});
}

TEST_F(Mnist, NamesFileAndItemOfABadLabel) {
  Bytes bytes = idx_labels(12);
  bytes[8 + 6] = 11;
  write_file(train_labels(), bytes);
  expect_load_error(ErrorCode::parse, {"train-labels-idx1-ubyte", "item 6", "label 11"});
}

TEST_F(MnistGz, ReadsCompressedFiles) {
  gzip(train_labels());
  expect_is_mnist(load_mnist(folder_.path()));
}

TEST_F(MnistGz, RefusesCorruptData) {
  Bytes bytes = read_file(gz());
  const Bytes good = bytes;
  bytes[bytes.size() - 6] ^= 0xff;  // the checksum at the end
  write_file(gz(), bytes);
  expect_load_error(ErrorCode::parse, {"train-images-idx3-ubyte.gz", "correct gz data"});
  bytes = good;
  for (std::size_t i = bytes.size() / 2; i < bytes.size() / 2 + 40; ++i) bytes[i] = 0xff;
  write_file(gz(), bytes);
  expect_load_error(ErrorCode::parse, {"train-images-idx3-ubyte.gz", "correct gz data"});
  write_file(gz(), Bytes(good.begin(), good.end() - static_cast<std::ptrdiff_t>(good.size() / 3)));
  expect_load_error(ErrorCode::parse, {"train-images-idx3-ubyte.gz", "ends too early"});
}

TEST_F(MnistGz, RefusesPlainDataUnderThatName) {
  write_file(gz(), idx_pictures(12));
  expect_load_error(ErrorCode::parse, {"train-images-idx3-ubyte.gz", "not gz-compressed"});
}

TEST_F(MnistGz, RefusesTruncatedAndOverlongContents) {
  fs::remove(gz());
  Bytes bytes = idx_pictures(12);
  bytes.resize(bytes.size() - 1);
  write_file(train_pictures(), bytes);
  gzip(train_pictures());
  expect_load_error(ErrorCode::parse, {"truncated", "9424 bytes", "9423", "item 11"});
  fs::remove(gz());
  bytes.resize(bytes.size() + 2);
  write_file(train_pictures(), bytes);
  gzip(train_pictures());
  expect_load_error(ErrorCode::parse, {"too long"});
}

TEST_F(MnistGz, RefusesAbsurdCountsBeforeAllocating) {
  fs::remove(gz());
  Bytes bytes = idx_pictures(12);
  for (std::size_t i = 4; i < 8; ++i) bytes[i] = 0xff;
  write_file(train_pictures(), bytes);
  gzip(train_pictures());
  expect_load_error(ErrorCode::parse, {"4294967295 items", "cannot hold more than"});
}

}  // namespace
}  // namespace fovea::test
