// fovea train: what it writes, what it accepts, and what it refuses before time is spent.
#include "tests/cli/cli_test_support.h"

namespace fovea::test {
namespace {

namespace fs = std::filesystem;

TEST_F(Cli, ARunFolderHasEverything) {
  const Finished finished = run(training("run", {"--epochs", "2", "--seed", "7"}));
  ASSERT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(finished.err, "");
  for (const char* part :
       {"Model: lenet5, 61,706 parameters", "640 samples to train on, 100 to test on",
        "Epoch 1/2\n20/20 - ", " - val_accuracy: ", "Best: epoch 2 - loss: ", "/run/best.fov"}) {
    EXPECT_TRUE(contains(finished.out, part)) << part << " is not in\n" << finished.out;
  }
  EXPECT_FALSE(contains(finished.out, "\033")) << "control sequences in a pipe";
  EXPECT_FALSE(contains(finished.out, "\r"));

  const Json config = json_of("run/config.json");
  EXPECT_EQ(config.at("options").at("seed").as_int(), 7);
  EXPECT_EQ(config.at("options").at("epochs").as_int(), 2);
  EXPECT_EQ(config.at("options").at("optimizer").as_string(), "adam");
  EXPECT_EQ(config.at("command")[1].as_string(), "train");
  EXPECT_EQ(config.at("class_names").size(), 10u);
  EXPECT_NE(config.at("fovea").as_string(), "");
  EXPECT_NE(config.at("compiler").as_string(), "");
  EXPECT_GT(config.at("machine").at("hardware_threads").as_int(), 0);

  const Json history = json_of("run/history.json");
  for (const char* name :
       {"epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"}) {
    EXPECT_EQ(history.at(name).size(), 2u) << name;
  }
  const std::string csv = text_of("run/history.csv");
  EXPECT_EQ(count_lines(csv), 3);
  EXPECT_TRUE(
      csv.starts_with("epoch,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds\n1,"));

  const Json result = json_of("run/result.json");
  EXPECT_EQ(result.at("status").as_string(), "complete");
  EXPECT_EQ(result.at("best").at("val_loss"), history.at("val_loss")[1]);
  EXPECT_TRUE(Json::parse(text_of("run/model.json")).contains("ops"));
  EXPECT_TRUE(exists("run/best.fov"));
  EXPECT_TRUE(exists("run/last.fov"));
  EXPECT_TRUE(exists("run/events/train"));
  EXPECT_TRUE(exists("run/events/validation"));
}

TEST_F(Cli, PathsAreSaidAsAShellTakesThem) {
  const std::string folder = "it's a run";
  const Finished finished = run(training(folder, {"--epochs", "1"}));
  const std::string next = "Next: fovea predict ";
  const std::size_t at = finished.out.find(next);
  ASSERT_NE(at, std::string::npos) << finished.out;
  const std::string word =
      finished.out.substr(at + next.size(), finished.out.find(" PICTURE") - at - next.size());
  EXPECT_EQ(shell("printf %s " + word).out, path(folder + "/best.fov"));
}

TEST_F(Cli, TensorBoardGetsWhatIsAskedFor) {
  const auto bytes = [&](const std::string& choice) {
    EXPECT_EQ(run(training(choice, {"--epochs", "1", "--events", choice})).code, 0);
    std::uintmax_t sum = 0;
    if (!exists(choice + "/events")) return sum;
    for (const auto& entry : fs::recursive_directory_iterator(path(choice + "/events"))) {
      if (entry.is_regular_file()) sum += entry.file_size();
    }
    return sum;
  };
  EXPECT_EQ(bytes("none"), 0u);
  const std::uintmax_t scalars = bytes("scalars");
  EXPECT_GT(scalars, 500u);
  expect_failure(run(training("x", {"--events", "all"})), 2, {"unknown choice 'all'"});
  if (!FOVEA_HAS_PNG) GTEST_SKIP() << "the library was built without libpng";
  EXPECT_GT(bytes("full"), 3 * scalars);
}

TEST_F(Cli, ForProgramsThereIsOneDocument) {
  const Finished finished = run(training("run", {"--epochs", "1", "--json"}));
  ASSERT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(Json::parse(finished.out), json_of("run/result.json"));
  EXPECT_TRUE(contains(finished.err, "Epoch 1/1\n20/20 - ")) << finished.err;
}

TEST_F(Cli, QuietSaysTheResultOnly) {
  const Finished finished = run(training("run", {"--epochs", "1", "--quiet"}));
  ASSERT_EQ(finished.code, 0) << finished.err;
  EXPECT_TRUE(finished.out.starts_with("Best: epoch 1 - loss: ")) << finished.out;
  EXPECT_EQ(count_lines(finished.out), 1);
  EXPECT_EQ(finished.err, "");
}

TEST_F(Cli, WithoutOutTheRunIsNamedAfterWhatItIs) {
  write_mnist(path("mnist"), 64, 20);
  for (int i = 0; i < 2; ++i) {
    const Finished finished = shell("fovea train lenet5 mnist --data mnist --epochs 1 --threads 1");
    ASSERT_EQ(finished.code, 0) << finished.err;
  }
  int runs = 0;
  for (const auto& entry : fs::directory_iterator(path("runs"))) {
    EXPECT_TRUE(entry.path().filename().string().starts_with("lenet5-mnist-20")) << entry.path();
    EXPECT_TRUE(fs::exists(entry.path() / "best.fov"));
    ++runs;
  }
  EXPECT_EQ(runs, 2);
}

TEST_F(Cli, NeverOverwritesARun) {
  train("run", 1);
  const std::string before = text_of("run/last.fov");
  expect_failure(run(training("run", {"--epochs", "1"})), 1,
                 {"exists already", "another --out", "fovea train --resume " + path("run")});
  EXPECT_EQ(text_of("run/last.fov"), before);
}

TEST_F(Cli, DataThatDoNotFitAreRefusedAtOnce) {
  expect_failure(run({"train", "lenet5", "synthetic", "--out", path("run")}), 1,
                 {"lenet5 takes samples of shape (28, 28, 1)", "(32, 32, 3)", "cifar10_cnn"});
  expect_failure(run({"train", "iris_small", "clusters", "--out", path("run")}), 1,
                 {"iris_small takes samples of shape (4,)", "(20,)", "binary_small"});
  EXPECT_FALSE(exists("run"));
}

TEST_F(Cli, SaysWhereItLookedForData) {
  expect_failure(
      run({"train", "lenet5", "mnist"}), 1,
      {"mnist is not in " + path(".cache/fovea/mnist"), "--data DIR", "fovea data get mnist"});
  expect_failure(run({"train", "lenet5", "mnist", "--data", path("nowhere")}), 1,
                 {"mnist is not in " + path("nowhere")});
  write_mnist(path("data/mnist"), 20, 10);
  const Finished hinted = shell("fovea train lenet5 mnist");
  EXPECT_TRUE(contains(hinted.err, "it seems to be in --data data/mnist")) << hinted.err;
  const Finished outside = shell("mkdir inner && cd inner && fovea train lenet5 mnist");
  EXPECT_TRUE(contains(outside.err, "it seems to be in --data ../data/mnist")) << outside.err;
}

TEST_F(Cli, FindsDataInTheUsualPlaces) {
  write_mnist(path(".cache/fovea/mnist"), 64, 20);
  EXPECT_EQ(shell("fovea train lenet5 mnist --epochs 1 --threads 1 --out a").code, 0);
  fs::rename(path(".cache/fovea"), path("sets"));
  EXPECT_EQ(shell("FOVEA_DATA=sets fovea train lenet5 mnist --epochs 1 --threads 1 --out b").code,
            0);
  EXPECT_EQ(shell("fovea train lenet5 mnist --data sets --epochs 1 --threads 1 --out c").code, 0);
  EXPECT_EQ(text_of("a/history.json").substr(0, 60), text_of("c/history.json").substr(0, 60));
}

TEST_F(Cli, TrainsOnTables) {
  const Json clusters = run_json({"train", "binary_small", "clusters", "--epochs", "3", "--threads",
                                  "1", "--out", path("clusters")});
  EXPECT_GT(clusters.at("best").at("val_accuracy").as_double(), 0.6);

  std::string csv = "width,colour,height,price\n";
  for (int i = 0; i < 60; ++i) {
    csv += std::to_string(i % 7) + (i % 2 == 0 ? ",red," : ",blue,") + std::to_string(i % 5) + "," +
           std::to_string(0.5 + i % 7) + "\n";
  }
  write_file(path("prices.csv"), Bytes(csv.begin(), csv.end()));
  const std::string network =
      R"({"class_name": "Sequential", "config": {"name": "prices", "layers": [
          {"class_name": "InputLayer", "config": {"name": "row", "batch_shape": [null, 3]}},
          {"class_name": "Dense", "config": {"name": "dense", "units": 1}}]}})";
  write_file(path("line.json"), Bytes(network.begin(), network.end()));
  const Json prices = run_json({"train", path("line.json"), path("prices.csv"), "--epochs", "2",
                                "--threads", "1", "--out", path("prices")});
  EXPECT_EQ(prices.at("model").as_string(), "line");
  EXPECT_EQ(prices.at("data").as_string(), "prices");
  EXPECT_TRUE(prices.at("best").contains("val_mae"));
  expect_failure(run({"train", path("line.json"), path("prices.csv"), "--target", "prise"}), 1,
                 {"unknown column 'prise'", "did you mean 'price'?"});
}

TEST_F(Cli, TrainsOnAFolderOfPictures) {
  if (!FOVEA_HAS_PNG) GTEST_SKIP() << "the library was built without libpng";
  const Finished made = run({"data", "make", "synthetic", path("shapes"), "--train-samples", "60",
                             "--test-samples", "20"});
  ASSERT_EQ(made.code, 0) << made.err;
  const Json result = run_json({"train", "mlp", path("shapes/train"), "--epochs", "1", "--threads",
                                "1", "--out", path("run")});
  EXPECT_EQ(result.at("data").as_string(), "train");
  EXPECT_EQ(json_of("run/config.json").at("train_samples").as_int(), 48);
  EXPECT_EQ(json_of("run/config.json").at("class_names").size(), 10u);
  expect_failure(run({"train", "iris_small", path("shapes/train")}), 1, {"takes no pictures"});
}

TEST_F(Cli, TheNumberOfClassesFollowsFromTheData) {
  if (!FOVEA_HAS_PNG) GTEST_SKIP() << "the library was built without libpng";
  ASSERT_EQ(run({"data", "make", "synthetic", path("shapes"), "--train-samples", "60",
                 "--test-samples", "20"})
                .code,
            0);
  for (const auto& entry : fs::directory_iterator(path("shapes/train"))) {
    const std::string name = entry.path().filename();
    if (name != "disc" && name != "ring" && name != "square") fs::remove_all(entry.path());
  }
  run_json({"train", "cifar10_cnn", path("shapes/train"), "--epochs", "1", "--threads", "1",
            "--out", path("run")});
  const Json layers = run_json({"summary", path("run")}).at("layers");
  EXPECT_EQ(layers[layers.size() - 1].at("output")[0].as_int(), 3);
}

TEST_F(Cli, ValidatesOnAPartAndTestsOnce) {
  const Json result = run_json(training("run", {"--epochs", "2", "--validation-split", "0.25"}));
  EXPECT_TRUE(result.at("test").contains("accuracy"));
  EXPECT_TRUE(result.at("best").contains("val_loss"));
  EXPECT_EQ(json_of("run/config.json").at("options").at("validation_split").as_double(), 0.25);
}

TEST_F(Cli, StopsEarly) {
  const Json result = run_json(training("run", {"--epochs", "9", "--lr", "0", "--patience", "2"}));
  EXPECT_EQ(result.at("status").as_string(), "stopped_early");
  EXPECT_EQ(result.at("epochs").as_int(), 3);
  EXPECT_EQ(result.at("best").at("epoch").as_int(), 1);
}

TEST_F(Cli, GoesOnFromAModelFile) {
  train("first", 2);
  const Json result = run_json({"train", path("first/best.fov"), "mnist", "--data", path("mnist"),
                                "--epochs", "1", "--threads", "1", "--out", path("second")});
  EXPECT_LT(result.at("best").at("loss").as_double(),
            json_of("first/history.json").at("loss")[0].as_double());
}

TEST_F(Cli, AnUnknownMetricIsRefusedBeforeTraining) {
  expect_failure(run(training("run", {"--monitor", "val_acuracy", "--quiet"})), 1,
                 {"val_acuracy", "val_accuracy"});
  EXPECT_FALSE(exists("run")) << "a run folder that cannot be used was left behind";
}

}  // namespace
}  // namespace fovea::test
