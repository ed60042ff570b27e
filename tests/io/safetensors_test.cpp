// Safetensors: what is written is read back, byte for byte, and stands where the format says.
#include "host/io/safetensors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "fovea/error.h"
#include "fovea/json.h"
#include "host/io/atomic_file.h"
#include "host/io/crc32.h"
#include "host/io/input_file.h"
#include "tests/io/io_test_support.h"

namespace fovea {
namespace {

using namespace std::string_literals;

Tensor random_tensor(Shape shape, DType dtype, unsigned seed) {
  Tensor tensor(shape, dtype);
  std::mt19937 random(seed);
  auto* bytes = static_cast<unsigned char*>(tensor.mutable_raw());
  for (std::size_t i = 0; i < tensor.bytes(); ++i) bytes[i] = static_cast<unsigned char>(random());
  return tensor;
}

SafetensorsFile every_kind() {
  SafetensorsFile file;
  unsigned seed = 0;
  for (const DType dtype :
       {DType::u8, DType::f16, DType::f32, DType::bf16, DType::i64, DType::i32, DType::f64}) {
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{7}, Shape{3, 0, 5}, Shape{2, 3, 5},
                               Shape{1, 1, 2, 1, 3, 1, 1, 1}}) {
      file.tensors.emplace_back(std::string(dtype_name(dtype)) + " " + shape.str(),
                                random_tensor(shape, dtype, ++seed));
    }
  }
  file.metadata = {{"model", R"({"layers": [1, "two"]})"}, {"", ""}, {"z \xC3\xA9\n", "\"\\\0"s}};
  return file;
}

void expect_same(const SafetensorsFile& actual, const SafetensorsFile& expected) {
  EXPECT_EQ(actual.metadata, expected.metadata);
  ASSERT_EQ(actual.tensors.size(), expected.tensors.size());
  for (std::size_t i = 0; i < expected.tensors.size(); ++i) {
    const auto& [name, tensor] = expected.tensors[i];
    const Tensor& read = actual.tensors[i].second;
    EXPECT_EQ(actual.tensors[i].first, name);
    EXPECT_EQ(read.shape(), tensor.shape()) << name;
    ASSERT_EQ(read.dtype(), tensor.dtype()) << name;
    EXPECT_EQ(std::memcmp(read.raw(), tensor.raw(), tensor.bytes()), 0) << name;
  }
}

TEST(Crc32, KnownValues) {
  EXPECT_EQ(crc32("", 0), 0u);
  EXPECT_EQ(crc32("123456789", 9), 0xCBF43926u);  // the check value of this CRC
  EXPECT_EQ(crc32("The quick brown fox jumps over the lazy dog", 43), 0x414FA339u);
  const std::string_view digits = "123456789";
  for (std::size_t cut = 0; cut <= digits.size(); ++cut) {
    const std::string_view rest = digits.substr(cut);
    EXPECT_EQ(crc32(rest.data(), rest.size(), crc32(digits.data(), cut)), 0xCBF43926u);
  }
}

TEST(Safetensors, RoundTripOfEveryTypeAndShape) {
  const TemporaryFolder folder;
  const std::string path = folder.file("model.safetensors");
  const SafetensorsFile file = every_kind();
  write_safetensors(path, file);
  expect_same(read_safetensors(path), file);
  write_safetensors(path, {});
  expect_same(read_safetensors(path), {});
}

TEST(Safetensors, DataIsAlignedAndWithoutGaps) {
  const TemporaryFolder folder;
  const std::string path = folder.file("model.safetensors");
  const SafetensorsFile file = every_kind();
  write_safetensors(path, file);
  const std::string text = read_text_file(path);
  std::uint64_t length = 0;
  std::memcpy(&length, text.data(), sizeof length);
  const std::size_t data = 8 + length;
  EXPECT_EQ(data % 64, 0u);
  const Json header = Json::parse(std::string_view(text).substr(8, length));
  std::size_t total = 0;
  for (const auto& [name, tensor] : file.tensors) {
    const Json& offsets = header.at(name).at("data_offsets");
    const auto first = static_cast<std::size_t>(offsets[0].as_int());
    EXPECT_EQ(first % dtype_size(tensor.dtype()), 0u) << name;
    EXPECT_EQ(offsets[1].as_int() - offsets[0].as_int(), static_cast<std::int64_t>(tensor.bytes()));
    ASSERT_EQ(std::memcmp(text.data() + data + first, tensor.raw(), tensor.bytes()), 0) << name;
    total += tensor.bytes();
  }
  EXPECT_EQ(text.size(), data + total);
}

TEST(Safetensors, TheSameContentsGiveTheSameFile) {
  const TemporaryFolder folder;
  write_safetensors(folder.file("a"), every_kind());
  write_safetensors(folder.file("b"), read_safetensors(folder.file("a")));
  EXPECT_EQ(read_text_file(folder.file("a")), read_text_file(folder.file("b")));
}

TEST(Safetensors, RefusesToWriteWhatCouldNotBeRead) {
  const TemporaryFolder folder;
  const std::string path = folder.file("model.safetensors");
  write_text_file(path, "old");
  const auto message = [&](const SafetensorsFile& file) {
    return error_message(ErrorCode::invalid_argument, [&] { write_safetensors(path, file); });
  };
  const Tensor one = Tensor::zeros({1});
  EXPECT_TRUE(
      contains(message({{{"w", one}, {"v", one}, {"w", one}}, {}}), "tensor \"w\" is given twice"));
  EXPECT_TRUE(contains(message({{{"w", Tensor()}}, {}}), "tensor \"w\" has no memory"));
  EXPECT_TRUE(contains(message({{{"__metadata__", one}}, {}}), "is reserved"));
  EXPECT_TRUE(contains(message({{{"w\xFF", one}}, {}}), "is not valid UTF-8"));
  EXPECT_TRUE(
      contains(message({{}, {{"k", "a"}, {"k", "b"}}}), "metadata key \"k\" is given twice"));
  EXPECT_TRUE(contains(message({{}, {{"fovea.crc32", "0"}}}), "is reserved"));
  EXPECT_TRUE(contains(message({{}, {{"k", "\xFF"}}}), "is not valid UTF-8"));
  EXPECT_EQ(read_text_file(path), "old");
}

TEST(Safetensors, AFullDiskLeavesTheOldFile) {
  const TemporaryFolder folder;
  const std::string path = folder.file("model.safetensors");
  const SafetensorsFile old = {{{"w", random_tensor({100}, DType::f32, 1)}}, {}};
  const SafetensorsFile large = {{{"w", random_tensor({100000}, DType::f32, 2)}}, {}};
  write_safetensors(path, old);
  const std::string message = run_in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100000, 100000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    return error_message(ErrorCode::io, [&] { write_safetensors(path, large); });
  });
  EXPECT_TRUE(contains(message, "cannot write " + path + " at byte 100000: File too large"))
      << message;
  expect_same(read_safetensors(path), old);
  const std::string full = run_without_rights(
      [&] { return error_message(ErrorCode::io, [&] { write_safetensors("/dev/full", old); }); });
  EXPECT_TRUE(contains(full, "/dev/full at byte 0: No space left on device")) << full;
}

TEST(Safetensors, KilledAtAnyMomentTheFileIsTheOldOrTheNew) {
  const TemporaryFolder folder;
  const std::string path = folder.file("model.safetensors");
  const auto version = [](unsigned number) {
    return SafetensorsFile{{{"number", Tensor::full({}, number, DType::i32)},
                            {"w", random_tensor({50000}, DType::f32, number)}},
                           {{"number", std::to_string(number)}}};
  };
  const auto start = std::chrono::steady_clock::now();
  write_safetensors(path, version(0));
  const std::chrono::duration<double> one_write = std::chrono::steady_clock::now() - start;
  std::mt19937 random(3);
  std::uniform_real_distribution<double> moment(0.2, 4);
  std::size_t changes = 0;
  std::size_t leftovers = 0;
  // On a busy machine most writers die between two writes: go on until one died inside one.
  for (int round = 0; round < 60 || (leftovers == 0 && round < 600); ++round) {
    const std::string before = read_safetensors(path).metadata.front().second;
    const pid_t writer = start_child([&] {
      for (unsigned number = 1;; ++number) write_safetensors(path, version(number));
    });
    std::this_thread::sleep_for(one_write * moment(random));
    ::kill(writer, SIGKILL);
    int status = 0;
    ::waitpid(writer, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself";

    const SafetensorsFile read = read_safetensors(path);  // verifies the checksum
    const std::string number = read.metadata.front().second;
    expect_same(read, version(static_cast<unsigned>(std::stoul(number))));
    if (number != before) ++changes;
    const std::size_t files = folder.names().size();
    ASSERT_LE(files, 2u) << "leftovers pile up";
    leftovers += files - 1;
  }
  EXPECT_GT(changes, 0u);
  EXPECT_GT(leftovers, 0u) << "no writer was killed in the middle of its work";
  write_safetensors(path, version(1));
  EXPECT_EQ(folder.names().size(), 1u);
}

}  // namespace
}  // namespace fovea
