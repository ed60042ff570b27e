// What is done with trained models: evaluate, predict, convert; and files that are none.
#include "fovea/image.h"
#include "fovea/model.h"
#include "tests/cli/cli_test_support.h"

namespace fovea::test {
namespace {

namespace fs = std::filesystem;

class Trained : public Cli {
 protected:
  void SetUp() override {
    if (!FOVEA_HAS_PNG) GTEST_SKIP() << "the library was built without libpng";
    train("run");
    digits_ = make_digits(100, 2);
    write_image(path("digit.png"), digit());
  }
  /// The test part's first picture.
  Tensor digit() const { return digits_.x.slice(0, 1).reshape({28, 28, 1}).clone(); }
  std::string label() const { return std::to_string(static_cast<int>(digits_.y.item())); }

  /// The same picture in other words: dark on light, larger, in colour.
  Tensor changed(bool inverted, std::int64_t side, std::int64_t channels) const {
    const Tensor large = resize_image(digit(), side);
    Tensor result({side, side, channels}, DType::u8);
    for (std::int64_t i = 0; i < result.numel(); ++i) {
      const std::uint8_t value = large.data<std::uint8_t>()[i / channels];
      result.data<std::uint8_t>()[i] = inverted ? static_cast<std::uint8_t>(255 - value) : value;
    }
    return result;
  }

  Dataset digits_;
};

TEST_F(Trained, PredictsWithClassNamesAndProbabilities) {
  const Json json = run_json({"predict", path("run/best.fov"), path("digit.png")});
  const Json& prediction = json.at("predictions")[0];
  ASSERT_EQ(prediction.at("top").size(), 5u);
  EXPECT_EQ(prediction.at("top")[0].at("name").as_string(), label());
  const Tensor expected = Model::load(path("run/best.fov")).predict(digits_.x.slice(0, 1));
  EXPECT_NEAR(prediction.at("top")[0].at("probability").as_double(),
              expected.item(std::stoi(label())), 1e-6);
  double last = 1;
  for (const Json& answer : prediction.at("top").as_array()) {
    EXPECT_LE(answer.at("probability").as_double(), last);
    last = answer.at("probability").as_double();
  }
  const Finished text = run({"predict", path("run"), path("digit.png"), "--top", "2"});
  EXPECT_TRUE(text.out.starts_with(path("digit.png") + ": " + label() + "\n")) << text.out;
  EXPECT_EQ(count_lines(text.out), 3);
}

TEST_F(Trained, TakesPicturesOfOtherSizesAndColours) {
  write_image(path("dark.png"), changed(true, 28, 1));
  write_image(path("large.png"), changed(true, 112, 3));
  const Json json =
      run_json({"predict", path("run"), path("digit.png"), path("dark.png"), path("large.png")});
  const Json::Array& all = json.at("predictions").as_array();
  ASSERT_EQ(all.size(), 3u);
  for (const Json& prediction : all) {
    EXPECT_EQ(prediction.at("top")[0].at("name").as_string(), label());
  }
  EXPECT_FALSE(all[0].at("inverted").as_bool());
  EXPECT_TRUE(all[1].at("inverted").as_bool());
  EXPECT_TRUE(all[2].at("inverted").as_bool());
  EXPECT_EQ(all[0].at("top"), all[1].at("top")) << "inverted, it is the same picture";

  const Finished said = run({"predict", path("run"), path("dark.png")});
  EXPECT_TRUE(contains(said.out, "inverted: its ground is light")) << said.out;
  const Json kept = run_json({"predict", path("run"), path("dark.png"), "--invert", "no"});
  EXPECT_FALSE(kept.at("predictions")[0].at("inverted").as_bool());
  EXPECT_NE(kept.at("predictions")[0].at("top"), all[0].at("top"));
}

TEST_F(Trained, EvaluatesARunAndAFile) {
  const Json run_result = run_json({"evaluate", path("run")});
  const Json history = json_of("run/history.json");
  EXPECT_NEAR(run_result.at("accuracy").as_double(),
              json_of("run/result.json").at("best").at("val_accuracy").as_double(), 1e-9);
  EXPECT_EQ(run_result.at("samples").as_int(), 100);
  std::int64_t right = 0;
  std::int64_t all = 0;
  const Json& matrix = run_result.at("confusion_matrix");
  for (std::size_t r = 0; r < matrix.size(); ++r) {
    for (std::size_t c = 0; c < matrix.size(); ++c) {
      all += matrix[r][c].as_int();
      if (r == c) right += matrix[r][c].as_int();
    }
  }
  EXPECT_EQ(all, 100);
  EXPECT_NEAR(static_cast<double>(right) / 100, run_result.at("accuracy").as_double(), 1e-9);

  const Finished file = run({"evaluate", path("run/best.fov"), "mnist", "--data", path("mnist")});
  EXPECT_EQ(file.code, 0) << file.err;
  EXPECT_TRUE(contains(file.out, "Test of 100 samples of mnist - loss: ")) << file.out;
  EXPECT_TRUE(contains(file.out, "weighted avg")) << file.out;
  expect_failure(run({"evaluate", path("run/best.fov"), "clusters"}), 1,
                 {"takes samples of shape (28, 28, 1)"});
}

TEST_F(Trained, ClassesAreMatchedByTheirNames) {
  run_json(
      {"data", "make", "mnist", path("all"), "--data", path("mnist"), "--train-samples", "100"});
  for (const char* part : {"train", "test"}) {
    for (const char* name : {"3", "7", "8"}) {
      fs::create_directories(path("some/") + part);
      fs::rename(path("all/") + part + "/" + name, path("some/") + part + "/" + name);
    }
  }
  const Json json = run_json({"evaluate", path("run/best.fov"), path("some")});
  EXPECT_GT(json.at("accuracy").as_double(), 0.8) << "3, 7 and 8 are not the classes 0, 1 and 2";
  for (const Json& score : json.at("classes").as_array()) {
    EXPECT_EQ(score.at("name").as_string(), std::to_string(score.at("label").as_int()));
  }
  // Names that the model does not know are numbered; a class beyond them has a number alone.
  for (const char* part : {"train", "test"}) {
    for (const char* name : {"3", "7"}) fs::remove_all(path("some/") + part + "/" + name);
    fs::rename(path("some/") + part + "/8", path("some/") + part + "/eight");
  }
  const Finished text = run({"evaluate", path("run/best.fov"), path("some")});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_TRUE(contains(text.out, " eight ")) << text.out;
  EXPECT_TRUE(contains(text.out, " 8 ")) << text.out;
}

TEST_F(Trained, ConvertsToEveryFormatAndBack) {
  std::vector<std::string> names = {"model.fov", "model.safetensors"};
  if (FOVEA_HAS_ONNX) names.emplace_back("model.onnx");
  if (FOVEA_HAS_HDF5) names.emplace_back("model.h5");
  if (FOVEA_HAS_HDF5 && FOVEA_HAS_ZIP) names.emplace_back("model.keras");
  const Json first = run_json({"predict", path("run"), path("digit.png")}).at("predictions");
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const Finished finished = run({"convert", path("run"), path(name)});
    if (finished.code != 0 && contains(finished.err, "unsupported")) continue;
    ASSERT_EQ(finished.code, 0) << finished.err;
    const Json again = run_json({"predict", path(name), path("digit.png")}).at("predictions");
    EXPECT_NEAR(again[0].at("top")[0].at("probability").as_double(),
                first[0].at("top")[0].at("probability").as_double(), 1e-5);
  }
  expect_failure(run({"convert", path("run"), path("model.fov")}), 1, {"--force"});
  EXPECT_EQ(run({"convert", path("run"), path("model.fov"), "--force"}).code, 0);
}

TEST_F(Cli, WritesDescriptionsThatCanBeTrained) {
  for (const char* name : {"mnist_mlp128", "lenet5"}) {
    SCOPED_TRACE(name);
    const std::string file = path(std::string(name) + ".json");
    ASSERT_EQ(run({"convert", name, file}).code, 0);
    const Json json = run_json({"summary", file});
    EXPECT_EQ(json.at("parameters"), run_json({"summary", name}).at("parameters"));
    if (!exists("mnist")) write_mnist(path("mnist"), 64, 20);
    const Finished trained = run({"train", file, "mnist", "--data", path("mnist"), "--epochs", "1",
                                  "--threads", "1", "--out", path(std::string("run-") + name)});
    EXPECT_EQ(trained.code, 0) << trained.err;
  }
  EXPECT_TRUE(json_of("mnist_mlp128.json").contains("class_name")) << "Keras reads it, too";
}

TEST_F(Trained, RefusesWhatIsNoModelAndNoPicture) {
  const std::string junk = "this is no picture and no model, whatever its name says";
  for (const char* name : {"junk.png", "junk.fov", "junk.pt"}) {
    write_file(path(name), Bytes(junk.begin(), junk.end()));
  }
  expect_failure(run({"predict", path("run"), path("junk.png")}), 1,
                 {"junk.png is neither a JPEG nor a PNG file"});
  expect_failure(run({"predict", path("run"), path("missing.png")}), 1, {"missing.png"});
  expect_failure(run({"predict", path("junk.pt"), path("digit.png")}), 1,
                 {"cannot read a model from " + path("junk.pt"), ".keras", ".onnx"});
  expect_failure(run({"convert", path("junk.pt"), path("junk.json")}), 1,
                 {"cannot read a model from " + path("junk.pt")});
  expect_failure(run({"predict", "lenet5", path("digit.png")}), 1,
                 {"a model of the zoo without weights", "fovea train lenet5"});
  const Bytes whole = read_file(path("run/best.fov"));
  write_file(path("cut.fov"), Bytes(whole.begin(), whole.begin() + 100'000));
  expect_failure(run({"predict", path("cut.fov"), path("digit.png")}), 1,
                 {"cut.fov", "it may be truncated"});
  fs::remove(path("run/best.fov"));
  EXPECT_EQ(run({"predict", path("run"), path("digit.png")}).code, 0) << "last.fov will do";
  fs::remove(path("run/last.fov"));
  expect_failure(run({"predict", path("run"), path("digit.png")}), 1,
                 {"has no checkpoint yet", "fovea train --resume"});
  expect_failure(run({"predict", path("mnist"), path("digit.png")}), 1, {"is no run folder"});
}

TEST_F(Cli, ATableHasNoPictures) {
  run_json({"train", "binary_small", "clusters", "--epochs", "1", "--threads", "1", "--out",
            path("run")});
  expect_failure(run({"predict", path("run"), path("any.png")}), 1,
                 {"is not for pictures", "(20,)"});
}

}  // namespace
}  // namespace fovea::test
