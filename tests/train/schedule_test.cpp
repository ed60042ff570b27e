// Learning-rate schedules: their values at the points that matter, their JSON, bad arguments.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "fovea/optimizer.h"
#include "tests/support/expect_error.h"

namespace fovea::test {
namespace {

TEST(Schedule, ANumberIsAConstantRate) {
  const Schedule schedule = 0.25;
  EXPECT_EQ(schedule.at(0), 0.25);
  EXPECT_EQ(schedule.at(1'000'000), 0.25);
}

TEST(Schedule, StepDropsEverySoManySteps) {
  const Schedule schedule = Schedule::step(0.8, 10, 0.5);
  EXPECT_EQ(schedule.at(0), 0.8);
  EXPECT_EQ(schedule.at(9), 0.8);
  EXPECT_EQ(schedule.at(10), 0.4);
  EXPECT_EQ(schedule.at(29), 0.2);
}

TEST(Schedule, CosineStartsAtTheRateAndStaysAtItsEnd) {
  const Schedule schedule = Schedule::cosine(1, 100, 0.2);
  EXPECT_EQ(schedule.at(0), 1);
  EXPECT_NEAR(schedule.at(25), 0.2 + 0.8 * (1 + std::sqrt(0.5)) / 2, 1e-12);
  EXPECT_NEAR(schedule.at(50), 0.6, 1e-12);
  EXPECT_NEAR(schedule.at(100), 0.2, 1e-12);
  EXPECT_EQ(schedule.at(5000), schedule.at(100));
}

TEST(Schedule, LinearIsAStraightLine) {
  const Schedule schedule = Schedule::linear(1, 4);
  EXPECT_EQ(schedule.at(0), 1);
  EXPECT_EQ(schedule.at(1), 0.75);
  EXPECT_EQ(schedule.at(4), 0);
  EXPECT_EQ(schedule.at(9), 0);
}

TEST(Schedule, WarmUpScalesTheFirstSteps) {
  const Schedule schedule = Schedule::constant(0.1).warm_up(4);
  EXPECT_DOUBLE_EQ(schedule.at(0), 0.025);
  EXPECT_DOUBLE_EQ(schedule.at(2), 0.075);
  EXPECT_DOUBLE_EQ(schedule.at(3), 0.1);
  EXPECT_DOUBLE_EQ(schedule.at(4), 0.1);
  EXPECT_EQ(Schedule(0.1).warm_up(0).at(0), 0.1);
}

TEST(Schedule, ComesBackFromJson) {
  for (const Schedule& schedule :
       {Schedule(0.1), Schedule::step(0.1, 7, 0.3), Schedule::cosine(0.1, 50, 0.01).warm_up(5),
        Schedule::linear(0.1, 50, 0.01)}) {
    const Json json = Json::parse(schedule.to_json().to_string());
    const Schedule again = Schedule::from_json(json);
    EXPECT_EQ(again.to_json(), json);
    for (std::int64_t step = 0; step < 60; ++step) EXPECT_EQ(again.at(step), schedule.at(step));
  }
}

TEST(Schedule, RefusesBadArguments) {
  expect_error(ErrorCode::invalid_argument, "a learning rate is a finite number >= 0, not -1",
               [] { Schedule schedule(-1); });
  expect_error(ErrorCode::invalid_argument, "not nan",
               [] { Schedule schedule(std::numeric_limits<double>::quiet_NaN()); });
  expect_error(ErrorCode::invalid_argument, "at least 1 step, not 0",
               [] { Schedule::cosine(0.1, 0); });
  expect_error(ErrorCode::invalid_argument, "learning rate at the end",
               [] { Schedule::linear(0.1, 10, -1); });
  expect_error(ErrorCode::invalid_argument, "factor of a step schedule",
               [] { Schedule::step(0.1, 10, -1); });
  expect_error(ErrorCode::invalid_argument, "warm-up", [] { Schedule(0.1).warm_up(-1); });
}

TEST(Schedule, RefusesBadJson) {
  const auto read = [](const char* text) { Schedule::from_json(Json::parse(text)); };
  expect_error(ErrorCode::parse, "unknown kind 'square'",
               [&] { read(R"({"kind": "square", "rate": 1, "steps": 2})"); });
  expect_error(ErrorCode::parse, "rate", [&] { read(R"({"kind": "constant"})"); });
  expect_error(ErrorCode::parse, "at least 1 step",
               [&] { read(R"({"kind": "linear", "rate": 1, "steps": 0, "end": 0})"); });
}

}  // namespace
}  // namespace fovea::test
