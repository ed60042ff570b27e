// Interrupted runs: nothing is lost, and what they become is bit by bit what they would have been.
#include "tests/cli/cli_test_support.h"

namespace fovea::test {
namespace {

namespace fs = std::filesystem;

class Resume : public Cli {
 protected:
  /// A network with dropout, augmentation and a schedule: all that is random or counts steps.
  Arguments long_run(const std::string& out, int epochs = 40) const {
    if (!exists("mnist")) write_mnist(path("mnist"), 640, 100);
    return {"train",
            "mnist_mlp128_dropout",
            "mnist",
            "--data",
            path("mnist"),
            "--out",
            path(out),
            "--threads",
            "1",
            "--epochs",
            std::to_string(epochs),
            "--batch-size",
            "8",
            "--augment",
            "crop",
            "--schedule",
            "cosine",
            "--checkpoint-minutes",
            "0.001",
            "--no-report",
            "--events",
            "none"};
  }

  void expect_same_models(const std::string& a, const std::string& b) const {
    EXPECT_TRUE(text_of(a + "/last.fov") == text_of(b + "/last.fov"));
    EXPECT_TRUE(text_of(a + "/best.fov") == text_of(b + "/best.fov"));
    const Json expected = json_of(a + "/history.json");
    const Json history = json_of(b + "/history.json");
    for (const auto& [name, values] : expected.as_object()) {
      if (name == "seconds") continue;
      EXPECT_EQ(history.at(name), values) << name;
    }
  }

  void finish(const std::string& run_name) const {
    const Finished resumed = run({"train", "--resume", path(run_name)});
    ASSERT_EQ(resumed.code, 0) << resumed.err;
    EXPECT_TRUE(contains(resumed.out, "Resuming at epoch ")) << resumed.out;
  }
};

TEST_F(Resume, AfterBeingKilledAndInterrupted) {
  ASSERT_EQ(run(long_run("straight")).code, 0);

  Program killed("fovea", long_run("run"), folder_.path());
  ASSERT_TRUE(killed.wait_for(path("run/best.fov")));
  killed.send(SIGKILL);
  ASSERT_EQ(killed.wait().code, 128 + SIGKILL) << "it was done before it could be killed";

  Program interrupted("fovea", {"train", "--resume", path("run")}, folder_.path());
  ASSERT_TRUE(interrupted.wait_for_output("\nEpoch "));
  interrupted.send(SIGINT);
  expect_failure(interrupted.wait(), 130,
                 {"training was interrupted after step ", "fovea train --resume " + path("run")});

  Program terminated("fovea", {"train", "--resume", path("run")}, folder_.path());
  ASSERT_TRUE(terminated.wait_for_output("\nEpoch "));
  terminated.send(SIGTERM);
  expect_failure(terminated.wait(), 143, {"training was interrupted after step "});

  finish("run");
  expect_same_models("straight", "run");
}

TEST_F(Resume, BeforeTheFirstCheckpoint) {
  ASSERT_EQ(run(long_run("straight", 2)).code, 0);
  ASSERT_EQ(run(long_run("run", 2)).code, 0);
  for (const char* name : {"last.fov", "best.fov", "history.json", "history.csv", "result.json"}) {
    fs::remove(path("run/" + std::string(name)));
  }
  const Finished resumed = run({"train", "--resume", path("run")});
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_TRUE(contains(resumed.out, "training starts from the beginning")) << resumed.out;
  expect_same_models("straight", "run");
}

/// Event files have the time of their making in their names, which last.fov remembers.
TEST_F(Resume, EventsGoOnWhereTheyWere) {
  train("straight", 3);
  train("run", 2);
  const Finished resumed =
      shell("mkdir elsewhere && cd elsewhere && fovea train --resume ../run --epochs 3");
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_TRUE(text_of("straight/best.fov") == text_of("run/best.fov"));
  for (const char* part : {"train", "validation"}) {
    int files = 0;
    for (const auto& entry : fs::directory_iterator(path("run/events/" + std::string(part)))) {
      ++files;
      const std::string text =
          text_of("run/events/" + std::string(part) + "/" + entry.path().filename().string());
      std::size_t accuracies = 0;
      for (auto at = text.find("epoch_accuracy"); at != std::string::npos;
           at = text.find("epoch_accuracy", at + 1)) {
        ++accuracies;
      }
      EXPECT_EQ(accuracies, 3u) << part;
    }
    EXPECT_EQ(files, 1) << part;
  }
}

TEST_F(Resume, WithMoreEpochs) {
  const Arguments no_events = {"--events", "none", "--epochs"};
  for (const auto& [name, epochs] : {std::pair("straight", "3"), std::pair("run", "2")}) {
    Arguments more = no_events;
    more.emplace_back(epochs);
    ASSERT_EQ(run(training(name, more)).code, 0);
  }
  const Finished resumed = run({"train", "--resume", path("run"), "--epochs", "3"});
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  expect_same_models("straight", "run");
  EXPECT_EQ(json_of("run/config.json").at("options").at("epochs").as_int(), 3);
}

TEST_F(Resume, FromAnotherFolder) {
  write_mnist(path("mnist"), 640, 100);
  Program killed("fovea", long_run("run"), folder_.path());
  ASSERT_TRUE(killed.wait_for(path("run/last.fov")));
  killed.send(SIGINT);
  ASSERT_EQ(killed.wait().code, 130);
  const Finished resumed =
      shell("mkdir elsewhere && cd elsewhere && fovea train --resume ../run -q");
  EXPECT_EQ(resumed.code, 0) << resumed.err;
}

TEST_F(Resume, RefusesWhatCannotGoOn) {
  train("run", 1);
  expect_failure(run({"train", "--resume", path("run")}), 1, {"is complete after 1 epoch;"});
  expect_failure(run({"train", "--resume", path("run"), "--lr", "3"}), 2,
                 {"as it began; leave out --lr"});
  expect_failure(run({"train", "--resume", path("nowhere")}), 1, {"there is no run folder"});
  expect_failure(run({"train", "--resume", path("mnist")}), 1, {"is no run folder"});
  ASSERT_EQ(run(training("waves", {"--epochs", "1", "--schedule", "cosine"})).code, 0);
  expect_failure(run({"train", "--resume", path("waves"), "--epochs", "2"}), 1,
                 {"follows a schedule (cosine)", "best.fov"});
}

TEST_F(Resume, TheSecondInterruptEndsAtOnce) {
  // One step takes seconds, so that the first signal is still waiting for its end.
  Program program("fovea",
                  {"train", "cifar10_mlp1024x4", "synthetic", "--threads", "1", "--batch-size",
                   "16000", "--epochs", "1", "--out", path("run")},
                  folder_.path());
  ASSERT_TRUE(program.wait_for_output("\nEpoch 1/1"));
  for (int i = 0; i < 6; ++i) {  // two that come before it takes the first are one
    program.send(SIGINT);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  const Finished finished = program.wait();
  EXPECT_EQ(finished.code, 128 + SIGINT);
  EXPECT_EQ(finished.err, "") << "it ended, rather than to save";
}

// ---- Disks ----

TEST_F(Resume, AFullDiskLosesNothing) {
  write_mnist(path("mnist"), 640, 100);
  // Checkpoints have 750 kB, so they do not fit below 200 blocks of 1024 bytes.
  const Finished full = shell(
      "ulimit -f 200; fovea train lenet5 mnist --data mnist --epochs 1 --threads 1 --out run -q");
  expect_failure(full, 1, {"cannot write", "run/", "File too large"});
  EXPECT_FALSE(exists("run/last.fov"));
  train("good", 1);
  const std::string before = text_of("good/last.fov");
  const Finished later = shell("ulimit -f 200; fovea train --resume good --epochs 2 -q");
  expect_failure(later, 1, {"cannot write", "good/"});
  EXPECT_EQ(text_of("good/last.fov"), before);
  for (const auto& entry : fs::directory_iterator(path("good"))) {
    EXPECT_FALSE(contains(entry.path().filename().string(), "tmp")) << entry.path();
  }
  EXPECT_EQ(run({"train", "--resume", path("good"), "--epochs", "2"}).code, 0);
}

TEST_F(Resume, AFolderThatCannotBeWrittenIsOneLine) {
  // root may write anywhere but here
  const bool root = geteuid() == 0;
  const std::string where = root ? "/proc/run" : path("closed/run");
  if (!root) {
    fs::create_directory(path("closed"));
    fs::permissions(path("closed"), fs::perms::owner_read | fs::perms::owner_exec);
  }
  write_mnist(path("mnist"), 64, 20);
  expect_failure(run({"train", "lenet5", "mnist", "--data", path("mnist"), "--out", where}), 1,
                 {"cannot make the folder " + where});
}

TEST_F(Resume, ADocumentThatCannotBeWrittenIsAFailure) {
  const Finished finished = shell("fovea devices --json >/dev/full");
  expect_failure(finished, 1, {"cannot write to standard output"});
  const Finished text = shell("fovea summary lenet5 >/dev/full");
  expect_failure(text, 1, {"cannot write to standard output"});
}

}  // namespace
}  // namespace fovea::test
