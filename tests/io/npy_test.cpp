// NumPy's files: those that NumPy wrote (tests/golden/generate_keras_files.py), round trips, and
// files that are damaged or made to deceive.
#include "fovea/npy.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "host/io/input_file.h"
#include "tests/io/io_test_support.h"

namespace fovea {
namespace {

using namespace std::string_literals;

std::string golden(const std::string& name) {
  return std::string(FOVEA_SOURCE_DIR) + "/tests/golden/npy/" + name;
}

/// A file of version 1 with this header.
std::string with_header(const std::string& header, const std::string& data) {
  std::string file = "\x93NUMPY\x01\x00"s;
  file += static_cast<char>(header.size() % 256);
  file += static_cast<char>(header.size() / 256);
  return file + header + data;
}

class Npy : public testing::Test {
 protected:
  std::string message(ErrorCode code, const std::string& bytes) {
    std::filesystem::remove(path_);
    std::ofstream(path_, std::ios::binary) << bytes;
    const std::string text = error_message(code, [&] { load_npy(path_); });
    EXPECT_TRUE(contains(text, path_)) << text;
    return text;
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("a.npy");
};

TEST_F(Npy, ReadsEveryOrderThatNumPyWrites) {
  for (const char* name : {"c_order.npy", "fortran_order.npy", "big_endian.npy"}) {
    const Tensor array = load_npy(golden(name));
    ASSERT_EQ(array.shape(), Shape({2, 3, 4})) << name;
    EXPECT_EQ(array.dtype(), name[0] == 'f' ? DType::f64 : DType::f32);
    for (std::int64_t i = 0; i < 24; ++i) EXPECT_EQ(array.item(i), static_cast<double>(i) / 8);
  }
}

TEST_F(Npy, WritesWhatItReads) {
  const std::string original = read_text_file(golden("c_order.npy"));
  save_npy(path_, load_npy(golden("c_order.npy")));
  const std::string written = read_text_file(path_);
  EXPECT_EQ(written.substr(written.size() - 96), original.substr(original.size() - 96));
  EXPECT_EQ(written.size() % 64, 96 % 64U);
  for (DType dtype : {DType::f16, DType::f32, DType::f64, DType::i32, DType::i64, DType::u8}) {
    for (const Shape& shape : {Shape(), Shape({0, 3}), Shape({5}), Shape({2, 1, 3})}) {
      save_npy(path_, Tensor::full(shape, 3, dtype));
      const Tensor read = load_npy(path_);
      EXPECT_EQ(read.shape(), shape);
      EXPECT_EQ(read.dtype(), dtype);
      for (std::int64_t i = 0; i < read.numel(); ++i) EXPECT_EQ(read.item(i), 3);
    }
  }
}

TEST_F(Npy, RefusesWhatNumPyDoesNotHave) {
  EXPECT_TRUE(contains(error_message(ErrorCode::unsupported,
                                     [&] { save_npy(path_, Tensor::full({2}, 1, DType::bf16)); }),
                       "NumPy has no bf16"));
  EXPECT_TRUE(contains(
      error_message(ErrorCode::invalid_argument, [&] { save_npy(path_, Tensor()); }), "undefined"));
  EXPECT_TRUE(folder_.names().empty());
}

TEST_F(Npy, SaysWhatItCannotRead) {
  const std::string data(24, '\0');
  const auto header = [](const std::string& descr, const std::string& shape) {
    return "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
  };
  EXPECT_TRUE(contains(message(ErrorCode::unsupported, with_header(header("<c8", "(3,)"), data)),
                       "convert the array by astype()"));
  EXPECT_TRUE(
      contains(message(ErrorCode::unsupported, "\x93NUMPY\x09\x00\x01\x00 "s), "version 9"));
  EXPECT_TRUE(contains(message(ErrorCode::parse, "hello"), "does not begin as one"));
  EXPECT_TRUE(
      contains(message(ErrorCode::parse, "\x93NUMPY\x01\x00\xff\xff{"s), "ends within its header"));
  EXPECT_TRUE(contains(message(ErrorCode::parse, with_header(header("<f4", "(7,)"), data)),
                       "claims an array of shape (7,)"));
  EXPECT_TRUE(contains(message(ErrorCode::parse, with_header(header("<f4", "(5,)"), data)),
                       "24 bytes of numbers, not 20"));
  EXPECT_TRUE(contains(
      message(ErrorCode::parse, with_header(header("<f4", "(99999999999, 99999999999)"), data)),
      "a shape that is too large"));
  EXPECT_TRUE(
      contains(message(ErrorCode::parse, with_header(header("<f4", "(9999999999999999999)"), data)),
               "too large"));
  EXPECT_TRUE(contains(message(ErrorCode::parse, with_header("{'descr': [('x', '<f4')]}", data)),
                       "records"));
  EXPECT_TRUE(contains(message(ErrorCode::parse, with_header("{'descr': '<f4'}", data)),
                       "without descr, fortran_order and shape"));
}

TEST_F(Npy, SurvivesEveryTruncationAndEveryChangedByte) {
  const std::string whole = read_text_file(golden("fortran_order.npy"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    message(ErrorCode::parse, whole.substr(0, size));
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const char change : {'\x01', '\x10', '\xff'}) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ change);
      std::filesystem::remove(path_);
      std::ofstream(path_, std::ios::binary) << damaged;
      try {
        EXPECT_LE(load_npy(path_).numel(), 192);
      } catch (const Error& error) {
        EXPECT_TRUE(contains(error.what(), path_)) << error.what();
      }
    }
  }
}

class Npz : public Npy {
 protected:
  void SetUp() override {
    if (!FOVEA_HAS_ZIP) GTEST_SKIP() << "libzip was not found when this was built";
  }
};

TEST_F(Npz, HoldsSeveralArrays) {
  const NamedArrays arrays = load_npz(golden("arrays.npz"));
  ASSERT_EQ(arrays.size(), 3U);
  EXPECT_EQ(arrays[0].first, "ints");
  EXPECT_EQ(arrays[0].second.dtype(), DType::i64);
  EXPECT_EQ(arrays[0].second.item(5), 5);
  EXPECT_EQ(arrays[1].second.item(1), 0);
  EXPECT_EQ(arrays[2].second.shape(), Shape());
  EXPECT_EQ(arrays[2].second.item(), 2.5);
  const std::string path = folder_.file("b.npz");
  save_npz(path, arrays);
  const NamedArrays again = load_npz(path);
  ASSERT_EQ(again.size(), 3U);
  EXPECT_EQ(again[0].second.item(4), 4);
  const std::string bytes = read_text_file(path);
  save_npz(path, again);
  EXPECT_EQ(read_text_file(path), bytes) << "the same arrays give the same file";
}

TEST_F(Npz, RefusesNamesThatAreMissingOrDouble) {
  const Tensor one = Tensor::full({1}, 1);
  const std::string path = folder_.file("b.npz");
  for (const NamedArrays& arrays :
       {NamedArrays{}, NamedArrays{{"", one}}, NamedArrays{{"a", one}, {"a", one}}}) {
    error_message(ErrorCode::invalid_argument, [&] { save_npz(path, arrays); });
  }
  EXPECT_TRUE(folder_.names().empty());
}

TEST_F(Npz, NeedsItsPlugin) {
  ::setenv("FOVEA_DISABLE_PLUGINS", "zip", 1);
  const std::string text =
      error_message(ErrorCode::unsupported, [&] { load_npz(golden("arrays.npz")); });
  ::unsetenv("FOVEA_DISABLE_PLUGINS");
  EXPECT_TRUE(contains(text, "turned off")) << text;
}

TEST_F(Npz, SurvivesEveryTruncationAndEveryChangedByte) {
  const std::string whole = read_text_file(golden("arrays.npz"));
  const auto survive = [&](const std::string& bytes) {
    std::filesystem::remove(path_);
    std::ofstream(path_, std::ios::binary) << bytes;
    try {
      load_npz(path_);
    } catch (const Error& error) {
      EXPECT_TRUE(contains(error.what(), path_)) << error.what();
    }
  };
  for (std::size_t size = 0; size < whole.size(); ++size) survive(whole.substr(0, size));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const char change : {'\x01', '\x10', '\xff'}) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ change);
      survive(damaged);
    }
  }
}

}  // namespace
}  // namespace fovea
