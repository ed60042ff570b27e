// Event files byte by byte, and when the callback TensorBoard writes what. That TensorBoard reads
// them is tested in Python: tests/interop/tensorboard_cases.py.
#include "fovea/tensorboard.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <regex>

#include "fovea/layers.h"
#include "fovea/model.h"
#include "host/report/tensorboard/crc32c.h"
#include "host/report/tensorboard/event_file.h"
#include "host/report/tensorboard/pictures.h"
#include "host/report/tensorboard/summaries.h"
#include "tests/io/io_test_support.h"
#include "tests/support/expect_error.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;
using report::crc32c;
using report::EventFile;
using report::Message;
using test::expect_error;

// ---- A reader of just enough ----

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

template <class T>
T take(const std::string& bytes, std::size_t& at) {
  T value{};
  EXPECT_LE(at + sizeof value, bytes.size());
  std::memcpy(&value, bytes.data() + at, sizeof value);
  at += sizeof value;
  return value;
}

std::uint64_t take_varint(const std::string& bytes, std::size_t& at) {
  std::uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = take<std::uint8_t>(bytes, at);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return value;
  }
}

/// A message's fields by number: numbers as text, everything else as bytes.
std::multimap<int, std::string> fields_of(const std::string& bytes) {
  std::multimap<int, std::string> fields;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::uint64_t key = take_varint(bytes, at);
    const int field = static_cast<int>(key >> 3);
    if ((key & 7) == 0) {
      fields.emplace(field, std::to_string(static_cast<std::int64_t>(take_varint(bytes, at))));
    } else if ((key & 7) == 1) {
      fields.emplace(field, std::to_string(take<double>(bytes, at)));
    } else if ((key & 7) == 5) {
      fields.emplace(field, std::to_string(take<float>(bytes, at)));
    } else {
      const std::uint64_t size = take_varint(bytes, at);
      fields.emplace(field, bytes.substr(at, size));
      at += size;
    }
  }
  return fields;
}

/// The records of a file; checks lengths and checksums.
std::vector<std::string> records_of(const std::string& path) {
  const std::string bytes = bytes_of(path);
  std::vector<std::string> records;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t begin = at;
    const auto size = take<std::uint64_t>(bytes, at);
    EXPECT_EQ(take<std::uint32_t>(bytes, at), report::masked_crc32c(bytes.data() + begin, 8));
    records.push_back(bytes.substr(at, size));
    at += size;
    EXPECT_EQ(take<std::uint32_t>(bytes, at),
              report::masked_crc32c(records.back().data(), records.back().size()));
  }
  return records;
}

/// "<tag>@<step>" of every summary in a run's only file; "graph" for a graph.
std::vector<std::string> tags_of(const fs::path& folder) {
  std::vector<std::string> tags;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    for (const std::string& record : records_of(entry.path().string())) {
      const auto event = fields_of(record);
      if (event.contains(4)) tags.push_back("graph");
      if (!event.contains(5)) continue;
      const auto value = fields_of(fields_of(event.find(5)->second).find(1)->second);
      tags.push_back(value.find(1)->second + "@" + event.find(2)->second);
    }
  }
  return tags;
}

// ---- The format ----

TEST(Crc32c, IsThatOfTheStandard) {
  EXPECT_EQ(crc32c("123456789", 9), 0xe3069283U);
  // RFC 3720, appendix B.4
  const std::string zeros(32, '\0'), ones(32, '\xff');
  std::string rising;
  for (int i = 0; i < 32; ++i) rising += static_cast<char>(i);
  EXPECT_EQ(crc32c(zeros.data(), 32), 0x8a9136aaU);
  EXPECT_EQ(crc32c(ones.data(), 32), 0x62a8ab43U);
  EXPECT_EQ(crc32c(rising.data(), 32), 0x46dd794eU);
  EXPECT_EQ(crc32c("", 0), 0U);
}

TEST(Message, IsTheWireFormat) {
  EXPECT_EQ(Message().integer(1, 150).bytes(), "\x08\x96\x01");
  EXPECT_EQ(Message().text(2, "testing").bytes(), "\x12\x07testing");
  EXPECT_EQ(Message().integer(1, -1).bytes().size(), 11U) << "ten bytes of a negative number";
  EXPECT_EQ(Message().message(3, Message().integer(1, 150)).bytes(), "\x1a\x03\x08\x96\x01");
  EXPECT_EQ(Message().f32(1, 1).bytes(), std::string("\x0d\0\0\x80\x3f", 5));
  EXPECT_EQ(Message().packed(16, {0}).bytes(), std::string("\x82\x01\x08\0\0\0\0\0\0\0\0", 11));
}

TEST(EventFile, HasFramedEvents) {
  const TemporaryFolder folder;
  EventFile file(folder.file("a/run"));
  file.write_summary(7, report::scalar_summary("loss", 0.5));
  EXPECT_TRUE(std::regex_search(file.path(), std::regex(R"(/events\.out\.tfevents\.\d{10}\.)")));
  EXPECT_EQ(file.bytes(), static_cast<std::int64_t>(fs::file_size(file.path())));
  const std::vector<std::string> records = records_of(file.path());
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(fields_of(records[0]).find(3)->second, "brain.Event:2");
  const auto event = fields_of(records[1]);
  EXPECT_EQ(event.find(2)->second, "7");
  const auto value = fields_of(fields_of(event.find(5)->second).find(1)->second);
  EXPECT_EQ(value.find(1)->second, "loss");
  EXPECT_EQ(value.find(2)->second, "0.500000");
}

TEST(EventFile, GoesOnWhereItWas) {
  const TemporaryFolder folder;
  EventFile first(folder.file("run"));
  first.write_summary(0, report::scalar_summary("kept", 1));
  const std::int64_t bytes = first.bytes();
  first.write_summary(1, report::scalar_summary("lost", 1));
  EventFile second(first.path(), bytes);
  second.write_summary(1, report::scalar_summary("new", 1));
  EXPECT_EQ(tags_of(folder.file("run")), (std::vector<std::string>{"kept@0", "new@1"}));
  expect_error(ErrorCode::io, "but the checkpoint was written when it had 100000",
               [&] { EventFile(first.path(), 100000); });
}

TEST(Histogram, CountsEveryFiniteValueOnce) {
  const float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> values = {-1, 0, 0, 0.25F, 2, kInfinity, -kInfinity, std::nanf("")};
  const report::Histogram histogram = report::histogram_of(values);
  EXPECT_EQ(histogram.min, -1);
  EXPECT_EQ(histogram.max, 2);
  EXPECT_EQ(histogram.limits.size(), 30U);
  EXPECT_EQ(histogram.limits.back(), 2);
  EXPECT_EQ(histogram.counts.front(), 1);
  EXPECT_EQ(histogram.counts.back(), 1);
  EXPECT_EQ(histogram.counts[10], 2);
  EXPECT_EQ(histogram.sum, 1.25);
  EXPECT_EQ(histogram.sum_squares, 5.0625);
  const report::Histogram constant = report::histogram_of(std::vector<float>{3, 3});
  EXPECT_EQ(constant.limits, std::vector<double>{3});
  EXPECT_EQ(constant.counts, std::vector<double>{2});
  EXPECT_TRUE(report::histogram_of({}).counts.empty());
}

TEST(EventPictures, ShowFiltersAndMaps) {
  const Tensor weight = Tensor::from({2, 1, 1, 2}, {1, 3, -1, -1});  // means 2 and -1
  const Tensor filters = report::filters_picture(weight);
  ASSERT_EQ(filters.shape(), Shape({34, 68, 1}));
  EXPECT_EQ(filters.item(10 * 68 + 10), 255);
  EXPECT_EQ(filters.item(10 * 68 + 44), 64) << "half of the way from grey to black";
  const Tensor maps = report::maps_picture(Tensor::from({1, 1, 2, 1}, {-5, 5}));
  ASSERT_EQ(maps.shape(), Shape({18, 34, 1}));
  EXPECT_EQ(maps.item(10 * 34 + 5), 0);
  EXPECT_EQ(maps.item(10 * 34 + 25), 255);
  EXPECT_EQ(maps.item(0), 128) << "the gap";
}

// ---- The callback ----

struct Fixture {
  Fixture() : model(Sequential{Input({3}), Dense(2, {.activation = "softmax", .name = "dense"})}) {
    model.compile({.optimizer = Sgd(0.5), .loss = "sparse_categorical_crossentropy"});
    data.x = Tensor::from({8, 3}, std::vector<float>{1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 1,
                                                     1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0});
    data.y = Tensor::from<std::int32_t>({8}, std::vector<std::int32_t>{0, 1, 0, 1, 0, 1, 0, 1});
  }
  void fit(const TensorBoardOptions& options, int epochs = 2) {
    model.fit(data, {.epochs = epochs,
                     .batch_size = 4,
                     .verbose = 0,
                     .callbacks = {TensorBoard(folder.file("logs"), options)}});
  }
  std::vector<std::string> train() const { return tags_of(folder.path() / "logs" / "train"); }

  TemporaryFolder folder;
  Model model;
  Dataset data;
};

using Tags = std::vector<std::string>;

TEST(TensorBoardCallback, WritesWhatIsAskedFor) {
  Fixture plain;
  plain.fit({});
  EXPECT_EQ(plain.train(), (Tags{"graph", "epoch_loss@0", "epoch_learning_rate@0", "epoch_loss@1",
                                 "epoch_learning_rate@1"}));
  EXPECT_FALSE(fs::exists(plain.folder.path() / "logs" / "validation"));

  Fixture every_third;
  every_third.fit({.write_graph = false, .update_freq = 3}, 3);
  EXPECT_EQ(every_third.train(), (Tags{"epoch_loss@0", "epoch_learning_rate@0", "batch_loss@3",
                                       "epoch_loss@1", "epoch_learning_rate@1", "batch_loss@6",
                                       "epoch_loss@2", "epoch_learning_rate@2"}));

  Fixture histograms;
  histograms.fit({.histogram_freq = 2, .write_graph = false, .samples = histograms.data}, 3);
  EXPECT_EQ(histograms.train(),
            (Tags{"epoch_loss@0", "epoch_learning_rate@0", "dense.weight/histogram@0",
                  "dense.bias/histogram@0", "dense.bias/gradient/histogram@0",
                  "dense.weight/gradient/histogram@0", "epoch_loss@1", "epoch_learning_rate@1",
                  "epoch_loss@2", "epoch_learning_rate@2", "dense.weight/histogram@2",
                  "dense.bias/histogram@2", "dense.bias/gradient/histogram@2",
                  "dense.weight/gradient/histogram@2"}));
}

TEST(TensorBoardCallback, ChangesNothingInTraining) {
  Fixture with, without;
  with.fit({.histogram_freq = 1, .update_freq = "batch", .samples = with.data}, 3);
  without.model.fit(without.data, {.epochs = 3, .batch_size = 4, .verbose = 0});
  for (const char* path : {"dense.weight", "dense.bias"}) {
    const Tensor a = with.model.weight(path), b = without.model.weight(path);
    EXPECT_EQ(std::memcmp(a.raw(), b.raw(), a.bytes()), 0) << path;
  }
}

TEST(TensorBoardCallback, SaysWhatIsWrong) {
  using enum ErrorCode;
  expect_error(invalid_argument, "\"epoch\", \"batch\" or a number",
               [] { static_cast<void>(TensorBoardOptions{.update_freq = "batches"}); });
  expect_error(invalid_argument, "at least 1 batch",
               [] { static_cast<void>(TensorBoardOptions{.update_freq = 0}); });
  expect_error(invalid_argument, "histogram_freq",
               [] { TensorBoard("x", {.histogram_freq = -1}); });
  expect_error(invalid_argument, "'layers' is [1,2]", [] {
    TensorBoard("x", {.hparams = Json::Object{{"layers", Json::Array{1, 2}}}});
  });
  Fixture fixture;
  std::ofstream(fixture.folder.file("logs")) << "a file where the folder should be";
  expect_error(io, "choose another log_dir", [&] { fixture.fit({}); });
  expect_error(io, "/proc/fovea", [] { EventFile("/proc/fovea/logs"); });
}

TEST(TensorBoardCallback, NamesFoldersByTheTime) {
  const std::string folder = timestamped_folder("runs").string();
  EXPECT_TRUE(std::regex_match(folder, std::regex(R"(runs/20\d{6}-\d{6})"))) << folder;
}

}  // namespace
}  // namespace fovea
