// The program train_cifar10 from outside: what it prints, writes and refuses, and that no training
// is lost when it is interrupted or killed.
#include <gtest/gtest.h>

#include "fovea/data.h"
#include "fovea/json.h"
#include "fovea/optimizer.h"
#include "tests/data/data_test_support.h"
#include "tests/train/program.h"

namespace fovea::test {
namespace {

namespace fs = std::filesystem;

using Arguments = std::vector<std::string>;

/// CIFAR-10's layout with so many synthetic pictures in each file.
void write_pictures(const fs::path& folder, std::int64_t per_file) {
  const TrainTest data = make_synthetic(0, 5 * per_file, per_file);
  const auto write = [&](const std::string& name, const Dataset& set) {
    Bytes bytes;
    for (std::int64_t i = 0; i < set.size(); ++i) {
      bytes.push_back(static_cast<std::uint8_t>(set.y.item(i)));
      const std::uint8_t* picture = set.x.data<std::uint8_t>() + i * 3072;
      for (int channel = 0; channel < 3; ++channel) {
        for (int pixel = 0; pixel < 1024; ++pixel) bytes.push_back(picture[3 * pixel + channel]);
      }
    }
    write_file(folder / name, bytes);
  };
  for (int i = 0; i < 5; ++i) {
    write("data_batch_" + std::to_string(i + 1) + ".bin",
          data.train.slice(i * per_file, (i + 1) * per_file));
  }
  write("test_batch.bin", data.test);
}

class TrainCifar10 : public ::testing::Test {
 protected:
  fs::path file(const std::string& name) const { return folder_.path() / name; }

  Finished run(const Arguments& arguments) const {
    return Program("train_cifar10", arguments, folder_.path()).wait();
  }

  /// A run on a small data folder of 5 x `per_file` pictures, two epochs long.
  Arguments small_run(std::int64_t per_file, const Arguments& more = {}) const {
    if (!fs::exists(file("data"))) {
      fs::create_directory(file("data"));
      write_pictures(file("data"), per_file);
    }
    Arguments arguments = {"--data", file("data").string(), "--epochs", "2", "--threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  Json read_json(const std::string& name) const {
    const Bytes bytes = read_file(file(name));
    return Json::parse(std::string(bytes.begin(), bytes.end()), name);
  }

  const TempFolder folder_;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void expect_failure(const Finished& finished, int code, const std::string& message) {
  EXPECT_EQ(finished.code, code);
  EXPECT_TRUE(contains(finished.err, message))
      << "\"" << finished.err << "\" lacks \"" << message << "\"";
  EXPECT_TRUE(finished.err.starts_with("train_cifar10: ")) << finished.err;
  EXPECT_EQ(std::count(finished.err.begin(), finished.err.end(), '\n'), 1)
      << "an error is one line: " << finished.err;
}

// ---- What it refuses ----

TEST_F(TrainCifar10, RefusesWhatItDoesNotUnderstand) {
  const std::vector<std::pair<Arguments, std::string>> cases = {
      {{"--epoch", "3"}, "unknown option '--epoch'; did you mean '--epochs'?"},
      {{"pictures"}, "what is 'pictures' for?"},
      {{"--epochs"}, "--epochs needs a value"},
      {{"--epochs", "many"}, "--epochs takes a number, not 'many'"},
      {{"--epochs", "0"}, "--epochs is at least 1, not 0"},
      {{"--batch-size", "0"}, "--batch-size is at least 1, not 0"},
      {{"--batch-size=-32"}, "--batch-size is at least 1, not -32"},
      {{"--seed", "-1"}, "--seed takes a number, not '-1'"},
      {{"--lr", "nan"}, "--lr takes a number, not 'nan'"},
      {{"--lr", "-0.1"}, "--lr is at least 0, not -0.1"},
      {{"--label-smoothing", "2"}, "--label-smoothing is at most 1"},
      {{"--verbose", "3"}, "--verbose is 0, 1 or 2"},
      {{"--quiet=1"}, "--quiet takes no value"},
      {{"--model", "resnet"}, "did you mean 'resnet20'?; valid are cifar10_cnn, resnet20, mlp"},
      {{"--optimizer", "lion"},
       "valid are sgd, momentum, nesterov, adam, adamw, "
       "adagrad, rmsprop, adamax, nadam"},
      {{"--device", "gpu"}, "valid are auto, cpu, cuda"},
      {{"--precision", "f8"}, "valid are f32, tf32, bf16, f16"},
      {{"--schedule", "square"}, "valid are constant, cosine"},
      {{"--download", "--data", "x"}, "leave out --data"},
      {{"--checkpoint-steps", "5"}, "need --save FILE"},
      {{"--save", "/nonexistent/model"}, "--save: there is no folder /nonexistent"},
      {{"--json", "/nonexistent/report"}, "--json: there is no folder /nonexistent"},
  };
  for (const auto& [arguments, message] : cases) {
    SCOPED_TRACE(arguments.front());
    expect_failure(run(arguments), 2, message);
  }
}

TEST_F(TrainCifar10, RefusesWhatTheMachineLacks) {
  expect_failure(run(small_run(8, {"--device", "cuda"})), 1, "device 'cuda' cannot be opened");
  for (const char* precision : {"tf32", "bf16", "f16"}) {
    expect_failure(run(small_run(8, {"--device", "cpu", "--precision", precision})), 1,
                   "the device cpu has no " + std::string(precision) + " kernels");
  }
}

TEST_F(TrainCifar10, SaysWhichDataIsMissing) {
  expect_failure(run({"--data", file("nowhere").string()}), 1, "nowhere");
  small_run(8);
  fs::remove(file("data") / "data_batch_4.bin");
  expect_failure(run({"--data", file("data").string()}), 1, "lacks data_batch_4.bin");
}

TEST_F(TrainCifar10, RefusesToResumeFromSomethingElse) {
  expect_failure(run(small_run(8, {"--resume", file("none").string()})), 1, "none");
  const std::string save = file("model").string();
  ASSERT_EQ(run(small_run(8, {"--model", "mlp", "--save", save})).code, 0);
  expect_failure(run(small_run(8, {"--resume", save})), 1, "another architecture");
  expect_failure(run(small_run(8, {"--model", "mlp", "--lr", "0.5", "--resume", save})), 1,
                 "other settings: optimizer");
  fs::resize_file(save, fs::file_size(save) / 2);
  expect_failure(run(small_run(8, {"--model", "mlp", "--resume", save})), 1, "model");
}

// ---- What it prints and writes ----

TEST_F(TrainCifar10, ExplainsItself) {
  const Finished help = run({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_EQ(help.err, "");
  for (const char* option : {"--data",
                             "--download",
                             "--model",
                             "--epochs",
                             "--batch-size",
                             "--lr",
                             "--optimizer",
                             "--seed",
                             "--device",
                             "--precision",
                             "--threads",
                             "--autotune",
                             "--save",
                             "--resume",
                             "--json",
                             "--quiet",
                             "--augment",
                             "--checkpoint-steps",
                             "--checkpoint-minutes",
                             "--train-samples",
                             "--schedule",
                             "--label-smoothing",
                             "--help",
                             "--version"}) {
    EXPECT_TRUE(contains(help.out, std::string("\n  ") + option + " ")) << option;
  }
  const Finished version = run({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_TRUE(version.out.starts_with("fovea 0.")) << version.out;
}

TEST_F(TrainCifar10, TrainsAndReports) {
  const Finished finished =
      run(small_run(64, {"--json", file("report").string(), "--save", file("model").string(),
                         "--augment", "--label-smoothing", "0.1", "--seed", "7"}));
  ASSERT_EQ(finished.code, 0) << finished.err;
  EXPECT_EQ(finished.err, "");
  for (const char* part : {"Data: CIFAR-10 from ", "320 training and 64 test pictures",
                           "Total params: 122,570", "Epoch 1/2\n10/10 ━━━━━━━━━━━━━━━━━━━━ ",
                           "Epoch 2/2\n", "ms/step - loss: ", " - val_accuracy: ", "Test loss: "}) {
    EXPECT_TRUE(contains(finished.out, part)) << part << " is not in\n" << finished.out;
  }
  const Json report = read_json("report");
  EXPECT_EQ(report.at("model").as_string(), "cifar10_cnn");
  EXPECT_EQ(report.at("parameters").as_int(), 122570);
  EXPECT_EQ(report.at("device").as_string(), "cpu");
  EXPECT_EQ(report.at("dtype").as_string(), "f32");
  EXPECT_EQ(report.at("dataset").as_string(), "cifar10");
  EXPECT_EQ(report.at("epochs").as_int(), 2);
  EXPECT_EQ(report.at("seed").as_int(), 7);
  EXPECT_GT(report.at("peak_rss_bytes").as_int(), 10'000'000);
  EXPECT_GT(report.at("images_per_second").as_double(), 0);
  for (const char* key : {"fovea", "compiler", "cpu"}) {
    EXPECT_NE(report.at("versions").at(key).as_string(), "") << key;
  }
  for (const char* key : {"loss", "accuracy", "val_loss", "val_accuracy"}) {
    EXPECT_EQ(report.at("history").at(key).size(), 2u) << key;
  }
  const Json& history = report.at("history");
  EXPECT_EQ(report.at("test_loss"), history.at("val_loss")[1]);
  EXPECT_EQ(report.at("test_accuracy"), history.at("val_accuracy")[1]);
  EXPECT_TRUE(fs::exists(file("model")));
}

TEST_F(TrainCifar10, SaysPlainlyThatThePicturesAreSynthetic) {
  const Finished finished = run({"--epochs", "1", "--train-samples", "64", "--test-samples", "32",
                                 "--verbose", "2", "--json", file("report").string()});
  ASSERT_EQ(finished.code, 0) << finished.err;
  for (const char* part : {"the built-in synthetic set", "--download", "cifar-10-binary.tar.gz",
                           "\nEpoch 1/1\n2/2 - "}) {
    EXPECT_TRUE(contains(finished.out, part)) << part << " is not in\n" << finished.out;
  }
  const Json report = read_json("report");
  EXPECT_EQ(report.at("dataset").as_string(), "synthetic");
  EXPECT_EQ(report.at("train_samples").as_int(), 64);
  EXPECT_EQ(report.at("test_samples").as_int(), 32);
}

TEST_F(TrainCifar10, QuietMeansOneLine) {
  const Finished finished = run(small_run(8, {"--quiet", "--model", "mlp"}));
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_TRUE(finished.out.starts_with("Test loss: ")) << finished.out;
  EXPECT_EQ(std::count(finished.out.begin(), finished.out.end(), '\n'), 1) << finished.out;
}

// ---- Interruptions ----

/// What an interrupted and resumed run must share with one that was left alone.
void expect_same_training(const Json& a, const Json& b) {
  for (const char* key : {"history", "test_loss", "test_accuracy", "seed"}) {
    EXPECT_EQ(a.at(key), b.at(key)) << key;
  }
}

TEST_F(TrainCifar10, AKilledRunResumesBitIdentically) {
  const std::string save = file("model").string();
  const Arguments saving = {"--augment", "--save", save, "--checkpoint-steps", "3", "--json"};
  const auto arguments = [&](const std::string& report, const Arguments& more = {}) {
    Arguments all = small_run(128, saving);
    all.push_back(file(report).string());
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  ASSERT_EQ(run(arguments("straight")).code, 0);
  fs::remove(save);

  Program killed("train_cifar10", arguments("killed"), folder_.path());
  ASSERT_TRUE(killed.wait_for(save));
  killed.send(SIGKILL);
  ASSERT_EQ(killed.wait().code, 128 + SIGKILL) << "it was done before it could be killed";
  EXPECT_FALSE(fs::exists(file("killed")));

  const Finished resumed = run(arguments("resumed", {"--resume", save}));
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_TRUE(contains(resumed.out, "Resuming at epoch 1, step ")) << resumed.out;
  expect_same_training(read_json("resumed"), read_json("straight"));
}

TEST_F(TrainCifar10, CtrlCFinishesTheStepSavesAndExits130) {
  const std::string save = file("model").string();
  ASSERT_EQ(run(small_run(128, {"--json", file("straight").string()})).code, 0);
  Program program("train_cifar10", small_run(128, {"--save", save, "--checkpoint-steps", "1"}),
                  folder_.path());
  ASSERT_TRUE(program.wait_for(save));
  program.send(SIGINT);
  const Finished interrupted = program.wait();
  expect_failure(interrupted, 130, "resume it from " + save);

  const Finished resumed =
      run(small_run(128, {"--resume", save, "--json", file("resumed").string()}));
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  expect_same_training(read_json("resumed"), read_json("straight"));
}

TEST_F(TrainCifar10, CtrlCWithoutSaveExits130) {
  Program program("train_cifar10", small_run(128, {"--epochs", "1000"}), folder_.path());
  ASSERT_TRUE(program.wait_for_output("Epoch 1/1000\n"));
  program.send(SIGINT);
  expect_failure(program.wait(), 130, "training was interrupted after step");
}

}  // namespace
}  // namespace fovea::test
