// Safetensors files that are truncated, damaged or made to deceive: each one an Error that says
// where, never a crash, and never believed about a size.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>

#include "fovea/error.h"
#include "host/io/input_file.h"
#include "host/io/safetensors.h"
#include "tests/io/io_test_support.h"

namespace fovea {
namespace {

using namespace std::string_literals;

SafetensorsFile small_file() {
  return {{{"conv1.weight", Tensor::from({2, 3}, {1, -2, 3, -4, 5, -6})},
           {"steps", Tensor::full({}, 7, DType::i64)},
           {"mask", Tensor::full({3}, 1, DType::u8)}},
          {{"format", "pt"}}};
}

std::string with_header(std::string_view header, std::string_view data) {
  const std::uint64_t length = header.size();
  std::string text(sizeof length, '\0');
  std::memcpy(text.data(), &length, sizeof length);
  return text.append(header).append(data);
}

class SafetensorsDamage : public testing::Test {
 protected:
  /// The message with which these bytes are refused.
  std::string refusal(const std::string& bytes) {
    // Thousands of files: a new one each time, as ext4 flushes a file that is written over.
    std::filesystem::remove(path_);
    std::ofstream(path_, std::ios::binary) << bytes;
    return error_message(ErrorCode::parse, [&] { read_safetensors(path_); });
  }
  void expect_refusal(const std::string& bytes, const std::string& part) {
    const std::string message = refusal(bytes);
    EXPECT_TRUE(contains(message, part)) << message;
    EXPECT_TRUE(contains(message, path_)) << message;
  }
  std::string written(const SafetensorsFile& file) {
    write_safetensors(path_, file);
    return read_text_file(path_);
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("model.safetensors");
};

TEST_F(SafetensorsDamage, AcceptsFilesOfOtherPrograms) {
  std::ofstream(path_, std::ios::binary)
      << with_header(R"({"b":{"shape":[2],"data_offsets":[4,6],"dtype":"U8"},
      "a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"__metadata__":{"k":"v"}} )",
                     "\0\0\x80\x3F\x01\x02"s);
  const SafetensorsFile file = read_safetensors(path_);
  ASSERT_EQ(file.tensors.size(), 2u);
  EXPECT_EQ(file.tensors[0].first, "b");
  EXPECT_EQ(file.tensors[0].second.item(1), 2);
  EXPECT_EQ(file.tensors[1].second.item(), 1.0f);
  EXPECT_EQ(file.metadata.front().second, "v");
}

TEST_F(SafetensorsDamage, TruncatedAnywhere) {
  const std::string text = written(small_file());
  for (std::size_t length = 0; length < text.size(); ++length) {
    ASSERT_NE(refusal(text.substr(0, length)), "no error") << length;
  }
  expect_refusal(text + '\0', "but the file has 36 bytes of data");
}

TEST_F(SafetensorsDamage, AnyBitFlippedAnywhere) {
  const std::string text = written(small_file());
  const std::string key = "fovea.crc32";
  const std::size_t key_start = text.find(key);
  ASSERT_NE(key_start, std::string::npos);
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = text;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      const bool refused = refusal(damaged) != "no error";
      // A damaged key is somebody else's: nothing is checked then, and nothing else is damaged.
      const bool in_key = i >= key_start && i < key_start + key.size();
      ASSERT_TRUE(refused || in_key) << "byte " << i << ", bit " << bit;
    }
  }
  std::string damaged = text;
  damaged.back() ^= 1;
  expect_refusal(damaged, "is damaged: the checksum of its contents is");
}

TEST_F(SafetensorsDamage, RandomDamageWithoutAChecksumNeverCrashes) {
  std::string text = written(small_file());
  text.replace(text.find("fovea.crc32"), 11, "someone.els");
  std::mt19937 random(4);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = text;
    for (std::size_t changes = 1 + random() % 4; changes > 0; --changes) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    if (refusal(damaged) != "no error") ++refused;
  }
  EXPECT_GT(refused, 2000);
}

TEST_F(SafetensorsDamage, HeadersThatAreNone) {
  expect_refusal("", "is not a safetensors file: it has 0 bytes");
  expect_refusal("abc", "it has 3 bytes");
  expect_refusal(std::string(8, '\xFF') + "{}", "is above the limit of 100000000");
  expect_refusal("\xFF\xE0\xF5\x05\0\0\0\0{}"s,
                 "its header of 99999999 bytes (offset 0) does not "
                 "fit in the file's 10");
  expect_refusal(with_header("", ""), "expected an object, found the end of the text");
  expect_refusal(with_header("[]", ""),
                 "(header), line 1, column 1: expected an object, found '['");
  expect_refusal(with_header("{}x", ""), "expected the end of the text, found 'x'");
  expect_refusal(with_header("{}", "x"), "its tensors end at data offset 0");
  expect_refusal(with_header(R"({"a":1})", ""), "expected an object, found '1' (tensor \"a\")");
  expect_refusal(with_header(std::string(1000000, '['), ""), "expected an object, found '['");
  expect_refusal(with_header("{\"a\xFF\":1}", ""), "not valid UTF-8");
  expect_refusal(with_header(R"({"__metadata__":{"k":1}})", ""), "expected a string, found '1'");
  expect_refusal(with_header(R"({"__metadata__":{"k":"1","k":"2"}})", ""),
                 "metadata key \"k\" appears twice");
  expect_refusal(with_header(R"({"__metadata__":{},"__metadata__":{}})", ""),
                 "\"__metadata__\" appears twice");
  expect_refusal(with_header(R"({"__metadata__":{"fovea.crc32":"nonsense"}})", ""), "is damaged");
}

TEST_F(SafetensorsDamage, DescriptionsThatAreWrong) {
  const auto expect = [&](const std::string& entry, const std::string& part) {
    expect_refusal(with_header("{\"w\":" + entry + "}", "12345678"), part);
    expect_refusal(with_header("{\"w\":" + entry + "}", "12345678"), "tensor \"w\"");
  };
  expect(R"({"dtype":"I8","shape":[8],"data_offsets":[0,8]})",
         "column 15: dtype \"I8\" is not one of F32, F64, F16, BF16, I32, I64, U8");
  expect(R"({"dtype":1,"shape":[8],"data_offsets":[0,8]})", "expected a string, found '1'");
  expect(R"({"shape":[8],"data_offsets":[0,8]})", "it has no dtype");
  expect(R"({"dtype":"U8","data_offsets":[0,8]})", "it has no shape");
  expect(R"({"dtype":"U8","shape":[8]})", "it has no two data_offsets");
  expect(R"({"dtype":"U8","shape":[8],"data_offsets":[8]})", "it has no two data_offsets");
  expect(R"({"dtype":"U8","shape":[8],"data_offsets":[0,8,9]})", "more than two numbers");
  expect(R"({"dtype":"U8","dtype":"U8","shape":[8],"data_offsets":[0,8]})",
         "unexpected key \"dtype\"");
  expect(R"({"dtype":"U8","shape":[8],"data_offsets":[0,8],"x":1})", "unexpected key \"x\"");
  expect(R"({"dtype":"U8","shape":[-8],"data_offsets":[0,8]})", "a size >= 0, found -8");
  expect(R"({"dtype":"U8","shape":[8.0],"data_offsets":[0,8]})",
         "expected a 64-bit integer, found 8.0");
  expect(R"({"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,8]})",
         "expected a 64-bit integer");
  expect(R"({"dtype":"U8","shape":[1,1,1,1,1,1,1,1,8],"data_offsets":[0,8]})", "more than 8 axes");
  expect(R"({"dtype":"U8","shape":[7],"data_offsets":[0,8]})",
         "at data offsets [0, 8) should have 7 bytes");
  expect(R"({"dtype":"U8","shape":[8],"data_offsets":[8,0]})", "at data offsets [8, 0)");
  expect(R"({"dtype":"U8","shape":[8],"data_offsets":[-8,0]})", "a size >= 0, found -8");
  expect(R"({"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,8]})",
         "is too large for any memory");
  expect(R"({"dtype":"U8","shape":[4294967296,4294967296,0],"data_offsets":[0,0]})",
         "is too large for any memory");
  expect(R"({"dtype":"U8","shape":[0,4294967296,4294967296],"data_offsets":[0,0]})",
         "is too large for any memory");
  expect(R"({"dtype":"U8","shape":[1099511627776],"data_offsets":[0,1099511627776]})",
         "is out of range: the file has 8 bytes of data");
  expect(R"({"dtype":"U8","shape":[4],"data_offsets":[4,8]})",
         "leaves a gap after the data before it, which ends at 0");
}

TEST_F(SafetensorsDamage, TensorsThatOverlapOrLeaveGaps) {
  const auto two = [](const std::string& first, const std::string& second) {
    return with_header(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + first +
                           R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}",
                       "12345678");
  };
  EXPECT_EQ(refusal(two("[4,8]", "[0,4]")), "no error");
  expect_refusal(two("[0,4]", "[3,7]"), "tensor \"b\" at data offsets [3, 7) overlaps");
  expect_refusal(two("[0,4]", "[0,4]"), "tensor \"b\" at data offsets [0, 4) overlaps");
  expect_refusal(two("[0,4]", "[5,9]"), "tensor \"b\" at data offsets [5, 9) leaves a gap");
  expect_refusal(with_header(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},
                                 "a":{"dtype":"U8","shape":[0],"data_offsets":[8,8]}})",
                             "12345678"),
                 "tensor \"a\" appears twice");
  expect_refusal(with_header(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},
                                 "b":{"dtype":"U8","shape":[0],"data_offsets":[5,5]}})",
                             "12345678"),
                 "tensor \"b\" at data offsets [5, 5) overlaps");
}

}  // namespace
}  // namespace fovea
