// Checkpoints: what is saved comes back, a resumed run gives the same bits, and a file that cannot
// be used is refused without harm.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/expect_error.h"
#include "tests/train/small_data.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;
using test::bright_channel;
using test::compiled_model;
using test::expect_error;
using test::quiet;
using test::same_weights;
using test::small_cnn;

class Checkpoint : public ::testing::Test {
 protected:
  Checkpoint() { fs::create_directories(folder_); }
  ~Checkpoint() override { fs::remove_all(folder_); }
  std::string file(const std::string& name) const { return (folder_ / name).string(); }

 private:
  fs::path folder_ = fs::path(FOVEA_BINARY_DIR) / "checkpoint_test" /
                     ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

/// Ends fit() after a step, as a killed process would, but in one process.
class StopAfter : public Callback {
 public:
  StopAfter(int epoch, std::int64_t step) : epoch_(epoch), step_(step) {}
  void on_step_end(Model& model, int epoch, std::int64_t step, const Logs&) override {
    if (epoch == epoch_ && step == step_) model.stop_training();
  }

 private:
  int epoch_;
  std::int64_t step_;
};

TEST_F(Checkpoint, AModelComesBackWithItsPredictions) {
  ModelOptions options;
  options.device = "cpu";
  options.class_names = {"red", "green", "blue"};
  Model model(small_cnn(), options);
  model.compile({Adam(0.01), "sparse_categorical_crossentropy", {"accuracy"}, {}});
  model.fit(bright_channel(48), quiet(1));
  model.save(file("model.fov"));
  Model loaded = Model::load(file("model.fov"));
  EXPECT_TRUE(same_weights(model, loaded));
  EXPECT_EQ(loaded.options().class_names, options.class_names);
  EXPECT_TRUE(loaded.compiled());
  const Tensor x = bright_channel(5, 9).x;
  const Tensor a = model.predict(x);
  const Tensor b = loaded.predict(x);
  for (std::int64_t i = 0; i < a.numel(); ++i) EXPECT_EQ(a.item(i), b.item(i));
}

TEST_F(Checkpoint, TrainingGoesOnFromALoadedModel) {
  Model straight = compiled_model(small_cnn());
  straight.fit(bright_channel(48), quiet(1));
  straight.save(file("model.fov"));
  Model loaded = Model::load(file("model.fov"));
  straight.fit(bright_channel(48), quiet(2));
  ModelOptions options;
  options.threads = 1;
  Model again = Model::load(file("model.fov"), options);
  again.fit(bright_channel(48), quiet(2));
  EXPECT_TRUE(same_weights(straight, again));
}

TEST_F(Checkpoint, ARunStoppedInMidEpochResumesBitIdentically) {
  const Dataset data = bright_channel(120);
  FitOptions options = quiet(4);
  options.validation_split = 0.2;
  options.augmentation = Augmentation().random_flip().pad_and_crop(1);
  Model straight = compiled_model(small_cnn());
  const History whole = straight.fit(data, options);

  FitOptions stopped = options;
  stopped.checkpoint = {file("run.fov"), 2, 0};
  stopped.callbacks = {std::make_shared<StopAfter>(2, 4)};  // the last checkpoint is one step old
  Model first = compiled_model(small_cnn());
  first.fit(data, stopped);

  Model second = compiled_model(small_cnn(), 77);  // its own first weights must not matter
  const std::string sentence = second.resume(file("run.fov"));
  EXPECT_EQ(sentence, "Resuming at epoch 3, step 4.");
  const History rest = second.fit(data, options);
  EXPECT_TRUE(same_weights(straight, second));
  ASSERT_EQ(rest.logs.size(), whole.logs.size());
  for (std::size_t e = 0; e < whole.logs.size(); ++e) EXPECT_EQ(rest.logs[e], whole.logs[e]);
}

TEST_F(Checkpoint, SaysWhatDiffersFromTheRunThatWroteIt) {
  Model one = compiled_model(small_cnn(), 3, 1);
  one.fit(bright_channel(32), quiet(1));
  one.save(file("run.fov"));
  Model two = compiled_model(small_cnn(), 3, 2);
  EXPECT_NE(two.resume(file("run.fov")).find("threads 1 then, 2 now"), std::string::npos);
  FitOptions other = quiet(2, 8);
  expect_error(ErrorCode::invalid_argument, "\"batch_size\":16",
               [&] { two.fit(bright_channel(32), other); });
}

TEST_F(Checkpoint, RefusesToResumeWithAnotherOptimizer) {
  Model model = compiled_model(small_cnn());
  model.fit(bright_channel(32), quiet(1));
  model.save(file("run.fov"));
  model.compile({Sgd(0.1), "sparse_categorical_crossentropy", {"accuracy"}, {}});
  expect_error(ErrorCode::invalid_argument, "optimizer", [&] { model.resume(file("run.fov")); });
}

TEST_F(Checkpoint, NamesTheFirstWeightOfAnotherArchitecture) {
  Model model = compiled_model(small_cnn());
  model.save(file("small.fov"));
  const Network wider = Sequential{Input({8, 8, 3}), Rescaling(1.0 / 255),
                                   Conv2D(16, 3, {.padding = "same", .use_bias = false}), Flatten(),
                                   Dense(3, {.activation = "softmax"})};
  Model other = compiled_model(wider);
  const Tensor before = other.weight("conv2d.weight");
  expect_error(ErrorCode::shape_mismatch, "'conv2d.weight' has shape (8, 3, 3, 3) there",
               [&] { other.load_weights(file("small.fov")); });
  const Tensor after = other.weight("conv2d.weight");
  for (std::int64_t i = 0; i < before.numel(); ++i) ASSERT_EQ(before.item(i), after.item(i));
}

TEST_F(Checkpoint, RefusesTruncatedAndCorruptFilesAndOtherPrograms) {
  Model model = compiled_model(small_cnn());
  model.save(file("good.fov"));
  std::ifstream in(file("good.fov"), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  std::ofstream(file("short.fov"), std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  expect_error(ErrorCode::parse, "short.fov", [&] { Model::load(file("short.fov")); });
  std::string flipped = bytes;
  flipped[bytes.size() - 100] = static_cast<char>(flipped[bytes.size() - 100] ^ 1);
  std::ofstream(file("flipped.fov"), std::ios::binary) << flipped;
  expect_error(ErrorCode::parse, "flipped.fov", [&] { Model::load(file("flipped.fov")); });
  expect_error(ErrorCode::io, "missing.fov", [&] { Model::load(file("missing.fov")); });
}

TEST_F(Checkpoint, AFailedSaveLeavesTheOldFile) {
  Model model = compiled_model(small_cnn());
  model.save(file("model.fov"));
  const auto size = fs::file_size(file("model.fov"));
  expect_error(ErrorCode::io, "model.fov",
               [&] { model.save(file("model.fov") + "/below/a/file"); });
  EXPECT_EQ(fs::file_size(file("model.fov")), size);
  EXPECT_TRUE(same_weights(model, Model::load(file("model.fov"))));
}

TEST_F(Checkpoint, AnInterruptSavesAndThrows) {
  std::atomic<bool> interrupt = false;
  class Interrupt : public Callback {
   public:
    explicit Interrupt(std::atomic<bool>& flag) : flag_(flag) {}
    void on_step_end(Model&, int, std::int64_t step, const Logs&) override { flag_ = step == 1; }

   private:
    std::atomic<bool>& flag_;
  };
  Model model = compiled_model(small_cnn());
  FitOptions options = quiet(1);
  options.checkpoint.path = file("run.fov");
  options.interrupt = &interrupt;
  options.callbacks = {std::make_shared<Interrupt>(interrupt)};
  expect_error(ErrorCode::interrupted, "after step 2",
               [&] { model.fit(bright_channel(96), options); });
  Model resumed = compiled_model(small_cnn());
  EXPECT_EQ(resumed.resume(file("run.fov")), "Resuming at epoch 1, step 2.");
}

TEST_F(Checkpoint, ThatCannotBeWrittenIsNoticedBeforeTheFirstStep) {
  Model model = compiled_model(small_cnn());
  FitOptions options = quiet(1);
  options.checkpoint.path = file("no_such_folder/run.fov");
  expect_error(ErrorCode::io, "no_such_folder", [&] { model.fit(bright_channel(96), options); });
  EXPECT_TRUE(same_weights(model, compiled_model(small_cnn())));
}

}  // namespace
}  // namespace fovea
