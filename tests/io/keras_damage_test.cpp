// Keras's files that are truncated or damaged: each one an Error that names the file, or a model,
// and never a crash.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "fovea/model.h"
#include "host/io/hdf5.h"
#include "host/io/input_file.h"
#include "host/io/zip.h"
#include "tests/io/io_test_support.h"

namespace fovea {
namespace {

std::string golden(const std::string& name) {
  return std::string(FOVEA_SOURCE_DIR) + "/tests/golden/keras/" + name;
}

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

class KerasDamage : public testing::Test {
 protected:
  void SetUp() override {
    if (!FOVEA_HAS_HDF5 || !FOVEA_HAS_ZIP) {
      GTEST_SKIP() << "HDF5 or libzip was not found when this was built";
    }
  }

  /// Loads these bytes as a file; whether they were refused.
  bool refused(const std::string& bytes) {
    std::filesystem::remove(path_);
    std::ofstream(path_, std::ios::binary) << bytes;
    try {
      Model::load(path_);
    } catch (const Error& error) {
      EXPECT_TRUE(contains(error.what(), path_)) << error.what();
      return true;
    }
    return false;
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("model");
};

TEST_F(KerasDamage, RefusesEveryTruncation) {
  for (const char* name : {"chain.keras", "chain.h5"}) {
    const std::string whole = read_text_file(golden(name));
    EXPECT_FALSE(refused(whole));
    for (std::size_t size = 0; size < whole.size(); size += size < 512 ? 1 : 61) {
      EXPECT_TRUE(refused(whole.substr(0, size))) << name << ", " << size << " bytes";
    }
  }
}

/// The file with its i-th byte changed: the lowest bit, the highest or all, in turn.
std::string with_changed_byte(std::string file, std::size_t i) {
  constexpr char kChanges[] = {'\x01', '\x80', '\xff'};
  file[i] = static_cast<char>(file[i] ^ kChanges[i % std::size(kChanges)]);
  return file;
}

TEST_F(KerasDamage, SurvivesEveryChangedByteOfAnArchive) {
  // Its checksums find what changed before HDF5, which is not safe from damaged files, sees it.
  const std::string whole = read_text_file(golden("chain.keras"));
  for (std::size_t i = 0; i < whole.size(); ++i) refused(with_changed_byte(whole, i));
}

TEST_F(KerasDamage, SurvivesChangedBytesOfAnHdf5File) {
  const std::string whole = read_text_file(golden("chain.h5"));
  for (std::size_t i = 0; i < whole.size(); i += i < 2048 ? 1 : 29) {
    refused(with_changed_byte(whole, i));
  }
}

TEST_F(KerasDamage, SaysWhatAFileLacks) {
  const auto message = [&](const std::vector<std::uint8_t>& bytes, ErrorCode code) {
    std::filesystem::remove(path_);
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return error_message(code, [&] { Model::load(path_); });
  };
  EXPECT_TRUE(
      contains(message(write_zip({{"a.txt", {1, 2}}}), ErrorCode::parse), "it has no config.json"));
  EXPECT_TRUE(contains(message(write_hdf5({}), ErrorCode::parse), "holds no model"));
  const std::string text = R"({"class_name": "Sequential", "config": {"name": "s", "layers": [
      {"class_name": "InputLayer", "config": {"name": "i", "batch_shape": [null, 2]}},
      {"class_name": "Dense", "config": {"name": "d", "units": 3}}]}})";
  const auto archive = [&](const Hdf5Group& weights) {
    return write_zip(
        {{"config.json", {text.begin(), text.end()}}, {"model.weights.h5", write_hdf5(weights)}});
  };
  EXPECT_TRUE(contains(message(archive({}), ErrorCode::shape_mismatch),
                       "'d' (Dense) has 2 weights here, but 0 there"));
  Hdf5Group weights;
  weights.add_array("layers/dense/vars/0", Tensor::zeros({3, 3}));
  weights.add_array("layers/dense/vars/1", Tensor::zeros({3}));
  EXPECT_TRUE(contains(message(archive(weights), ErrorCode::shape_mismatch),
                       "'d.weight' has shape (3, 3) there and (2, 3) here"));
}

TEST_F(KerasDamage, Hdf5FilesComeBack) {
  Hdf5Group root;
  root.attributes.push_back({"one", {"ä text"}, false});
  root.attributes.push_back({"none", {}, true});
  root.attributes.push_back({"three", {"a", "", std::string(70000, 'x')}, true});
  root.add_array("a/b/c", Tensor::full({2, 3}, 1.5));
  root.add_array("a/scalar", Tensor::full({}, 7, DType::i64));
  root.add_array("a/wide", Tensor::full({4}, 0.1, DType::f64));
  root.add_array("empty", Tensor::zeros({0, 3}));
  const std::vector<std::uint8_t> bytes = write_hdf5(root);
  const Hdf5Group read = read_hdf5(bytes, "memory");
  EXPECT_EQ(read.find_attribute("one")->values[0], "ä text");
  EXPECT_FALSE(read.find_attribute("one")->is_list);
  EXPECT_TRUE(read.find_attribute("none")->values.empty());
  EXPECT_EQ(read.find_attribute("three")->values[2].size(), 70000U);
  EXPECT_EQ(read.find_array("a/b/c")->item(5), 1.5);
  EXPECT_EQ(read.find_array("a/scalar")->item(), 7);
  EXPECT_EQ(read.find_array("a/wide")->item(3), 0.1);
  EXPECT_EQ(read.find_array("empty")->shape(), Shape({0, 3}));
  EXPECT_EQ(read.find_array("a/x"), nullptr);
  EXPECT_EQ(read.find_group("a/b/c"), nullptr);
  EXPECT_EQ(write_hdf5(root), bytes) << "the same contents give the same file";
}

TEST_F(KerasDamage, ZipArchivesThatShareTheirBytesAreRefused) {
  // Two entries of the directory that point to one file, of which the sizes do not add up.
  const std::vector<std::uint8_t> bytes = write_zip(
      {{"a", std::vector<std::uint8_t>(1000, 7)}, {"b", std::vector<std::uint8_t>(1000, 7)}});
  std::string text(bytes.begin(), bytes.end());
  const std::size_t second = text.find("PK\x03\x04", 4);
  ASSERT_NE(second, std::string::npos);
  text.erase(4 + text.find("PK\x03\x04"), 1);
  error_message(ErrorCode::parse, [&] { read_zip(bytes_of(text), "memory"); });
}

}  // namespace
}  // namespace fovea
