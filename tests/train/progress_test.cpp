// What the progress bar writes, with a clock made up.
#include "host/train/progress.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <stdexcept>

#include "tests/support/expect_error.h"

namespace fovea::test {
namespace {

using std::chrono::milliseconds;

/// A progress bar that writes to a string, and a clock that tests move.
struct Fixture {
  explicit Fixture(int verbose, bool terminal, int columns = 80)
      : bar(out, options(verbose, terminal, columns)) {}

  ProgressOptions options(int verbose, bool terminal, int columns) {
    ProgressOptions options;
    options.verbose = verbose;
    options.terminal = terminal;
    options.columns = columns;
    options.now = [this] { return std::chrono::steady_clock::time_point(time); };
    return options;
  }
  /// Steps [first, last) of 5 ms each.
  void run(std::int64_t first, std::int64_t last) {
    for (std::int64_t step = first; step < last; ++step) {
      time += milliseconds(5);
      bar.step(step, {{"loss", 2.5}, {"accuracy", 0.125}});
    }
  }
  std::string text() {
    std::string written = out.str();
    out.str({});
    return written;
  }

  std::ostringstream out;
  std::chrono::steady_clock::duration time{};
  ProgressBar bar;
};

const Logs kFinal = {{"loss", 1.48349}, {"accuracy", 0.4626}, {"val_loss", 0.00012}};

TEST(Progress, WithoutATerminalOnlyWritesFinalLines) {
  Fixture fixture(1, false);
  fixture.bar.begin_epoch(0, 5, 1563);
  fixture.run(0, 1563);
  EXPECT_EQ(fixture.text(), "Epoch 1/5\n");
  fixture.time += milliseconds(2000);  // validation
  fixture.bar.end_epoch(kFinal);
  EXPECT_EQ(fixture.text(),
            "1563/1563 ━━━━━━━━━━━━━━━━━━━━ 9s 5ms/step - loss: 1.4835 - accuracy: 0.4626 - "
            "val_loss: 1.2000e-04\n");
}

TEST(Progress, OnATerminalRedrawsTenTimesASecond) {
  Fixture fixture(1, true);
  fixture.bar.begin_epoch(1, 5, 1000);
  fixture.run(0, 200);  // a second
  const std::string drawn = fixture.text();
  EXPECT_EQ(std::count(drawn.begin(), drawn.end(), '\r'), 10);
  EXPECT_TRUE(drawn.starts_with("Epoch 2/5\n\r   1/1000 ────────────────────")) << drawn;
  fixture.run(200, 500);
  fixture.text();
  fixture.time += milliseconds(100);
  fixture.bar.step(500, {{"loss", 2.5}});
  EXPECT_EQ(fixture.text(), "\r 501/1000 ━━━━━━━━━━────────── 2s 5ms/step - loss: 2.5000\033[K")
      << "the time shown is what remains";
}

TEST(Progress, TheLastStepIsAlwaysDrawnAndTheFinalLineReplacesIt) {
  Fixture fixture(1, true);
  fixture.bar.begin_epoch(0, 1, 3);
  fixture.run(0, 3);
  EXPECT_NE(fixture.text().find("\r3/3 ━━━━━━━━━━━━━━━━━━━━ 0s"), std::string::npos);
  fixture.bar.end_epoch(kFinal);
  const std::string last = fixture.text();
  EXPECT_TRUE(last.starts_with("\r3/3 ━━━━━━━━━━━━━━━━━━━━ 0s 5ms/step - loss: 1.4835")) << last;
  EXPECT_TRUE(last.ends_with("\033[K\n")) << last;
}

TEST(Progress, LeavesOutWhatDoesNotFitTheTerminal) {
  Fixture fixture(1, true, 60);
  fixture.bar.begin_epoch(0, 1, 10);
  fixture.run(0, 1);
  const std::string drawn = fixture.text();
  EXPECT_NE(drawn.find("loss: 2.5000"), std::string::npos) << drawn;
  EXPECT_EQ(drawn.find("accuracy"), std::string::npos) << drawn;
}

TEST(Progress, Verbose2WritesOneLinePerEpoch) {
  Fixture fixture(2, true);
  fixture.bar.begin_epoch(2, 5, 40);
  fixture.run(0, 40);
  EXPECT_EQ(fixture.text(), "Epoch 3/5\n");
  fixture.time += std::chrono::seconds(3723);
  fixture.bar.end_epoch({{"loss", 1.5}});
  EXPECT_EQ(fixture.text(), "40/40 - 1:02:03 - 5ms/step - loss: 1.5000\n");
}

TEST(Progress, Verbose0WritesNothing) {
  Fixture fixture(0, true);
  fixture.bar.begin_epoch(0, 1, 10);
  fixture.run(0, 10);
  fixture.bar.end_epoch(kFinal);
  EXPECT_EQ(fixture.text(), "");
}

TEST(Progress, EvaluationHasNoHeading) {
  Fixture fixture(1, false);
  fixture.bar.begin_evaluation(313);
  fixture.run(0, 313);
  fixture.bar.end_epoch({{"loss", 0.8871}, {"accuracy", 0.6957}});
  EXPECT_EQ(fixture.text(),
            "313/313 ━━━━━━━━━━━━━━━━━━━━ 1s 5ms/step - loss: 0.8871 - accuracy: 0.6957\n");
}

TEST(Progress, AResumedEpochTimesItsOwnSteps) {
  Fixture fixture(1, false);
  fixture.bar.begin_epoch(0, 1, 100, 90);
  fixture.run(90, 100);
  fixture.bar.end_epoch({});
  EXPECT_EQ(fixture.text(), "Epoch 1/1\n100/100 ━━━━━━━━━━━━━━━━━━━━ 0s 5ms/step\n");
}

TEST(Progress, AnEpochCutShortEndsItsLine) {
  std::ostringstream out;
  ProgressOptions options;
  options.terminal = true;
  try {
    ProgressBar bar(out, options);
    bar.begin_epoch(0, 1, 10);
    bar.step(0, Logs{});
    throw std::runtime_error("cut short");
  } catch (const std::runtime_error&) {
    EXPECT_TRUE(out.str().ends_with("\n")) << out.str();
  }
}

TEST(Progress, ShowsNumbersThatAreNone) {
  Fixture fixture(1, false);
  fixture.bar.begin_epoch(0, 1, 1);
  fixture.run(0, 1);
  fixture.bar.end_epoch({{"loss", std::nan("")}, {"zero", 0}, {"large", 123456.75}});
  EXPECT_NE(fixture.text().find(" - loss: nan - zero: 0.0000 - large: 123456.7500\n"),
            std::string::npos);
}

TEST(Progress, RefusesAnUnknownVerbosity) {
  std::ostringstream out;
  ProgressOptions options;
  options.verbose = 3;
  expect_error(ErrorCode::invalid_argument, "verbose is 0", [&] { ProgressBar bar(out, options); });
}

TEST(History, GivesAMetricOfEveryEpoch) {
  History history;
  history.logs = {{{"loss", 2}, {"accuracy", 0.5}}, {{"loss", 1}, {"accuracy", 0.75}}};
  EXPECT_EQ(history.metric("loss"), (std::vector<double>{2, 1}));
  EXPECT_EQ(history.metric("accuracy"), (std::vector<double>{0.5, 0.75}));
  expect_error(ErrorCode::invalid_argument, "'val_loss'; known: loss, accuracy",
               [&] { history.metric("val_loss"); });
}

TEST(History, FindsLogsByName) {
  const Logs logs = {{"loss", 2}, {"accuracy", 0.5}};
  ASSERT_NE(find_log(logs, "accuracy"), nullptr);
  EXPECT_EQ(*find_log(logs, "accuracy"), 0.5);
  EXPECT_EQ(find_log(logs, "acc"), nullptr);
}

}  // namespace
}  // namespace fovea::test
