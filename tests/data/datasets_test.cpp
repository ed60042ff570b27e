// Readers of CIFAR-100, Fashion-MNIST and the published tables, and made-up tables: what they give,
// and every way their files can be wrong. make_classification's numbers are tested in tests/golden.
#include "fovea/datasets.h"

#include "fovea/preprocessing.h"
#include "fovea/split.h"
#include "tests/data/data_test_support.h"

namespace fovea::test {
namespace {

namespace fs = std::filesystem;
using Texts = std::vector<std::string>;

void write_text(const fs::path& path, const std::string& text) {
  write_file(path, Bytes(text.begin(), text.end()));
}

// ---- CIFAR-100 ----

/// `count` records; record i has the fine label 3 i and the coarse label i.
Bytes cifar100_records(int count) {
  Bytes bytes;
  for (int i = 0; i < count; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(i));
    bytes.push_back(static_cast<std::uint8_t>(3 * i));
    for (int c = 0; c < 3; ++c) {
      for (int y = 0; y < 32; ++y) {
        for (int x = 0; x < 32; ++x) bytes.push_back(pixel_value(i, y, x, c));
      }
    }
  }
  return bytes;
}

/// A folder of CIFAR-100 with 6 training and 2 test pictures.
class Cifar100 : public testing::Test {
 protected:
  Cifar100() {
    write_file(folder_ / "train.bin", cifar100_records(6));
    write_file(folder_ / "test.bin", cifar100_records(2));
  }
  void expect_load_error(ErrorCode code, const std::vector<std::string>& parts) {
    expect_error(code, parts, [&] { load_cifar100(folder_.path()); });
  }
  TempFolder folder_;
};

TEST_F(Cifar100, ReadsPicturesAndBothLabels) {
  const TrainTest fine = load_cifar100(folder_.path());
  EXPECT_EQ(fine.train.x.shape(), (Shape{6, 32, 32, 3}));
  EXPECT_EQ(fine.test.size(), 2);
  EXPECT_EQ(fine.train.name, "cifar100 train");
  EXPECT_TRUE(fine.train.class_names.empty());
  EXPECT_EQ(fine.train.y.item(5), 15);
  EXPECT_EQ(fine.train.x.item(2 * 3072 + (7 * 32 + 9) * 3 + 1), pixel_value(2, 7, 9, 1));
  EXPECT_EQ(load_cifar100(folder_.path(), Cifar100Labels::coarse).train.y.item(5), 5);
}

TEST_F(Cifar100, ReadsClassNames) {
  std::string fine, coarse;
  for (int i = 0; i < 100; ++i) fine += "class" + std::to_string(i) + "\n";
  for (int i = 0; i < 20; ++i) coarse += "group" + std::to_string(i) + "\r\n";
  write_text(folder_ / "fine_label_names.txt", fine + "\n");
  write_text(folder_ / "coarse_label_names.txt", coarse);
  EXPECT_EQ(load_cifar100(folder_.path()).test.class_names[99], "class99");
  EXPECT_EQ(load_cifar100(folder_.path(), Cifar100Labels::coarse).test.class_names[19], "group19");
  write_text(folder_ / "fine_label_names.txt", coarse);
  expect_load_error(ErrorCode::parse, {"fine_label_names.txt", "20 names", "100 fine classes"});
}

TEST_F(Cifar100, RefusesDamagedFiles) {
  Bytes bytes = cifar100_records(6);
  bytes[2 * 3074 + 1] = 100;
  write_file(folder_ / "train.bin", bytes);
  expect_load_error(ErrorCode::parse, {"train.bin", "record 2", "fine label 100", "0 to 99"});
  bytes[2 * 3074 + 1] = 99;
  bytes[2 * 3074] = 20;
  write_file(folder_ / "train.bin", bytes);
  expect_load_error(ErrorCode::parse, {"record 2", "coarse label 20", "0 to 19"});
  fs::resize_file(folder_ / "train.bin", 3074 * 5 + 7);
  expect_load_error(ErrorCode::parse, {"train.bin", "truncated", "record 5 has 7"});
  fs::resize_file(folder_ / "train.bin", 0);
  expect_load_error(ErrorCode::parse, {"train.bin", "truncated"});
  fs::resize_file(folder_ / "train.bin", 3074L * 50'001);
  expect_load_error(ErrorCode::parse, {"train.bin", "too long"});
  fs::remove(folder_ / "train.bin");
  expect_load_error(ErrorCode::io, {"lacks train.bin", "cifar-100-binary.tar.gz"});
  expect_error(ErrorCode::io, {"no folder"}, [&] { load_cifar100(folder_ / "nowhere"); });
}

// ---- Fashion-MNIST ----

TEST(FashionMnist, NamesItsClasses) {
  const TempFolder folder;
  Bytes pictures = {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 28, 0, 0, 0, 28};
  pictures.resize(16 + 784, 7);
  for (const char* part : {"train", "t10k"}) {
    write_file(folder / (std::string(part) + "-images-idx3-ubyte"), pictures);
    write_file(folder / (std::string(part) + "-labels-idx1-ubyte"), {0, 0, 8, 1, 0, 0, 0, 1, 9});
  }
  const TrainTest data = load_fashion_mnist(folder.path());
  EXPECT_EQ(data.test.class_names[9], "Ankle boot");
  EXPECT_EQ(data.train.class_names[2], "Pullover");
  EXPECT_EQ(data.train.name, "fashion_mnist train");
  EXPECT_NO_THROW(data.test.check());
}

// ---- Boston ----

/// Row `row` of a Boston table that is 1, 2, 3 … but where the true table is known: its first two
/// prices, and the row that comes first in Keras's split.
std::vector<double> boston_row(int row) {
  if (row == 22) {
    return {1.23247, 0, 8.14, 0, .538, 6.142, 91.7, 3.9769, 4, 307, 21, 396.9, 18.72, 15.2};
  }
  std::vector<double> numbers;
  for (int i = 0; i < 14; ++i) numbers.push_back(row + i / 16.0);
  if (row < 2) numbers[13] = row == 0 ? 24.0 : 21.6;
  return numbers;
}

/// 22 lines of description, then two lines per row.
std::string statlib_text(int rows) {
  std::ostringstream text;
  for (int i = 0; i < 22; ++i) text << " Line " << i << " of 22 about the columns\n";
  for (int row = 0; row < rows; ++row) {
    const std::vector<double> numbers = boston_row(row);
    for (std::size_t i = 0; i < 14; ++i) text << (i == 11 ? "\n  " : "  ") << numbers[i];
    text << "\n";
  }
  return text.str();
}

TEST(Boston, ReadsStatLibsText) {
  const TempFolder folder;
  write_text(folder / "boston", statlib_text(506));
  const Dataset data = load_boston_housing(folder / "boston");
  EXPECT_NO_THROW(data.check());
  EXPECT_EQ(data.x.shape(), (Shape{506, 13}));
  EXPECT_EQ(data.y.shape(), (Shape{506, 1}));
  EXPECT_EQ(data.y.item(0), 24.0F);
  EXPECT_EQ(data.y.item(1), 21.6F);
  EXPECT_EQ(data.x.item(13 * 3 + 12), 3.75F);
  const TrainTest parts = keras_split(data);
  EXPECT_EQ(parts.train.size(), 404);
  EXPECT_EQ(parts.test.size(), 102);
  for (int i = 0; i < 13; ++i) {
    EXPECT_EQ(parts.train.x.item(i),
              static_cast<float>(boston_row(22)[static_cast<std::size_t>(i)]));
  }
}

TEST(Boston, ReadsCsv) {
  const TempFolder folder;
  write_text(folder / "boston.csv",
             "MEDV,crim,zn,indus,chas,nox,rm,age,dis,rad,tax,ptratio,b,lstat\n"
             "24,0.00632,18,2.31,\"0\",0.538,6.575,65.2,4.09,1,296,15.3,396.9,4.98\n");
  const Dataset data = load_boston_housing(folder / "boston.csv");
  EXPECT_EQ(data.y.item(0), 24);
  EXPECT_EQ(data.x.item(0), 0.00632F);
  EXPECT_EQ(data.x.item(12), 4.98F);
  write_text(folder / "boston.csv", "a,b\n1,2\n");
  expect_error(ErrorCode::parse, {"boston.csv", "2 columns", "14"},
               [&] { load_boston_housing(folder / "boston.csv"); });
  write_text(folder / "boston.csv",
             "a,b,c,d,e,f,g,h,i,j,k,l,m,n\n1,2,3,4,5,6,7,8,9,10,11,12,13,14\n");
  expect_error(ErrorCode::parse, {"no column medv", "a, b, c"},
               [&] { load_boston_housing(folder / "boston.csv"); });
}

TEST(Boston, NamesTheLineThatIsWrong) {
  const TempFolder folder;
  const auto expect_load_error = [&](const std::string& text, const Texts& parts) {
    write_text(folder / "boston", text);
    expect_error(ErrorCode::parse, parts, [&] { load_boston_housing(folder / "boston"); });
  };
  std::string text = statlib_text(3);
  expect_load_error(text + "1 2 x\n", {"boston", "line 29", "\"x\""});
  expect_load_error(text + "1 2 3\n4\n", {"line 30", "have 4 numbers", "14"});
  expect_load_error(text + "1 2 3\n", {"line 29", "in the middle of a row"});
  expect_load_error(statlib_text(0), {"line 22", "before the first row"});
}

// ---- Iris and wine ----

TEST(Iris, ReadsFilesWithAndWithoutAHeader) {
  const TempFolder folder;
  const std::string rows = "5.1,3.5,1.4,0.2,setosa\n7.0,3.2,4.7,1.4,versicolor\n\n";
  write_text(folder / "iris.data", rows);
  write_text(folder / "iris.csv",
             "sepal_length,sepal_width,petal_length,petal_width,species\n" + rows);
  for (const char* name : {"iris.data", "iris.csv"}) {
    const Dataset data = load_iris(folder / name);
    EXPECT_NO_THROW(data.check());
    EXPECT_EQ(data.x.shape(), (Shape{2, 4}));
    EXPECT_EQ(data.x.item(4), 7.0F);
    EXPECT_EQ(data.y.item(1), 1);
    EXPECT_EQ(data.class_names, (Texts{"setosa", "versicolor"}));
  }
  write_text(folder / "iris.csv", "a,b\n1,2\n");
  expect_error(ErrorCode::parse, {"2 columns", "5"}, [&] { load_iris(folder / "iris.csv"); });
}

TEST(Wine, PutsRedAboveWhite) {
  const TempFolder folder;
  write_text(folder / "red.csv", "\"alcohol\";\"quality\"\n9.4;5\n9.8;6\n");
  write_text(folder / "white.csv", "\"alcohol\";\"quality\"\n8.8;6\n");
  Table wine = load_wine_quality(folder / "red.csv", folder / "white.csv");
  EXPECT_EQ(wine.text("type"), (Texts{"red", "red", "white"}));
  encode_column(wine, "type");
  const Tensor x = wine.to_tensor();
  EXPECT_EQ(x.shape(), (Shape{3, 3}));
  EXPECT_EQ(x.item(8), 1);
  write_text(folder / "white.csv", "\"alcohol\"\n8.8\n");
  expect_error(ErrorCode::invalid_argument, {"same columns"},
               [&] { load_wine_quality(folder / "red.csv", folder / "white.csv"); });
}

// ---- make_classification ----

TEST(MakeClassification, RefusesWhatDoesNotFit) {
  const auto expect_refusal = [](const Texts& parts, const ClassificationOptions& options) {
    expect_error(ErrorCode::invalid_argument, parts, [&] { make_classification(options); });
  };
  expect_refusal({"n_samples is 0"}, {.n_samples = 0});
  expect_refusal({"n_classes is 0"}, {.n_classes = 0});
  expect_refusal({"n_redundant is -1"}, {.n_redundant = -1});
  expect_refusal({"15 informative, 6 redundant", "n_features, 20"},
                 {.n_informative = 15, .n_redundant = 6});
  expect_refusal({"3 classes of 2 clusters", "2^2 corners"}, {.n_classes = 3});
  expect_refusal({"3 weights", "2 classes"}, {.weights = {0.2, 0.3, 0.5}});
  expect_refusal({"sum at most 1"}, {.weights = {0.9, 0.3}});
  expect_refusal({"flip_y is -1", "0 to 1"}, {.flip_y = -1});
  expect_refusal({"each 0 to 1"}, {.weights = {-0.1}});
}

}  // namespace
}  // namespace fovea::test
