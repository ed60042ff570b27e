// Profiles: every kernel once, exact counts of work, and a model that is afterwards as it was.
#include "fovea/profile.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "host/ops/cost.h"
#include "tests/support/expect_error.h"
#include "tests/train/small_data.h"

namespace fovea::test {
namespace {

const ProfileStep& step_of(const Profile& profile, const std::string& path, const std::string& op) {
  for (const ProfileStep& step : profile.steps) {
    if (step.path == path && step.op == op) return step;
  }
  fail(ErrorCode::internal, "no kernel ", op, " at ", path, " in\n", profile.str());
}

/// A layer of each kind whose work is known, too small to be worth fusing in ways that vary.
Network known_layers() {
  return Sequential{Input({8, 6, 3}), Conv2D(5, 3, {.use_bias = false}), Flatten(), Dense(4)};
}

TEST(Profile, CountsTheWorkOfKnownLayers) {
  Model model(known_layers(), {.device = "cpu", .threads = 1});
  const Profile profile = model.profile(7, ProfileMode::infer, 1);
  const ProfileCost& conv = step_of(profile, "conv2d", "conv2d").cost;
  EXPECT_EQ(conv.flops, 2.0 * 7 * 6 * 4 * 5 * (3 * 3 * 3));
  EXPECT_EQ(conv.bytes, 4 * (7 * 8 * 6 * 3 + 5 * 3 * 3 * 3 + 7 * 6 * 4 * 5));
  const ProfileCost& dense = step_of(profile, "dense", "matmul_bias_act").cost;
  EXPECT_EQ(dense.flops, 2.0 * 7 * 120 * 4);
  EXPECT_EQ(dense.bytes, 4 * (7 * 120 + 120 * 4 + 4 + 7 * 4));
}

/// An optimizer reads weights, gradients and moments, and writes all but the gradients.
TEST(Profile, CountsWhatIsOverwritten) {
  Model model(known_layers(), {.device = "cpu", .threads = 1});
  model.compile({.optimizer = Adam(0.01), .loss = "mse"});
  const Profile profile = model.profile(2, ProfileMode::train, 1);
  const std::int64_t parameters = 5 * 3 * 3 * 3 + 120 * 4 + 4;
  const ProfileCost& update = step_of(profile, "update", "adam_update").cost;
  EXPECT_EQ(update.flops, 12.0 * static_cast<double>(parameters));
  const std::int64_t header = 4 + 8 + 4 + 8;  // finite, sum_squares, rate, applied
  EXPECT_EQ(update.bytes, header + 4 * 7 * parameters);
  EXPECT_EQ(step_of(profile, "update", "gradient_check").cost.flops,
            2.0 * static_cast<double>(parameters));
}

TEST(Profile, ListsEveryKernelOnceInOrder) {
  Model model = compiled_model(small_cnn());
  const Profile profile = model.profile(4, ProfileMode::train, 3);
  EXPECT_EQ(profile.mode, ProfileMode::train);
  EXPECT_EQ(profile.batch_size, 4);
  EXPECT_EQ(profile.repeats, 3);
  EXPECT_EQ(profile.device, "cpu");
  ASSERT_GT(profile.steps.size(), 20U);
  EXPECT_EQ(profile.steps.front().op, "advance_step");
  EXPECT_EQ(profile.total().kernels, static_cast<int>(profile.steps.size()));
  int kernels = 0;
  double milliseconds = 0;
  for (const auto& [op, cost] : profile.by_op()) {
    kernels += cost.kernels;
    milliseconds += cost.milliseconds;
  }
  EXPECT_EQ(kernels, profile.total().kernels);
  EXPECT_NEAR(milliseconds, profile.total().milliseconds, 1e-9);
  for (const ProfileStep& step : profile.steps) {
    EXPECT_GE(step.cost.milliseconds, 0) << step.path;
    EXPECT_GT(step.cost.bytes, 0) << step.path;
    EXPECT_FALSE(step.candidate.empty()) << step.path;
  }
  EXPECT_EQ(profile.by_op().at("adam_update").kernels, 1);
  const std::string table = profile.str();
  std::size_t found = 0;
  for (const ProfileStep& step : profile.steps) {
    found = table.find(step.path + "  " + step.op + " [" + step.candidate + "]", found);
    ASSERT_NE(found, std::string::npos) << step.path << "\n" << table;
    ++found;
  }
}

TEST(Profile, InferringNeedsNoLossAndHasNoUpdates) {
  Model model(small_cnn(), {.device = "cpu", .threads = 1});
  const Profile profile = model.profile(4, ProfileMode::infer, 1);
  EXPECT_EQ(profile.mode, ProfileMode::infer);
  for (const ProfileStep& step : profile.steps) {
    EXPECT_EQ(step.op.find("backward"), std::string::npos) << step.op;
    EXPECT_NE(step.path, "update");
  }
  expect_error(ErrorCode::invalid_argument, "compile()",
               [&] { model.profile(4, ProfileMode::train, 1); });
  expect_error(ErrorCode::invalid_argument, "repeats",
               [&] { model.profile(4, ProfileMode::infer, 0); });
  expect_error(ErrorCode::invalid_argument, "batch size",
               [&] { model.profile(0, ProfileMode::infer, 1); });
}

/// Weights, moments, running statistics, counters and random streams: training goes on bit for bit
/// as without the profile, in a model that has and in one that has not trained yet.
TEST(Profile, LeavesTheModelAsItWas) {
  const Dataset data = bright_channel(48);
  Model plain = compiled_model(small_cnn());
  Model profiled = compiled_model(small_cnn());
  profiled.profile(16, ProfileMode::train, 2);
  for (int epoch = 0; epoch < 2; ++epoch) {
    plain.fit(data, quiet(1));
    profiled.fit(data, quiet(1));
    profiled.profile(16, ProfileMode::train, 2);
    profiled.profile(5, ProfileMode::train, 1);
    profiled.profile(16, ProfileMode::infer, 1);
    ASSERT_TRUE(same_weights(plain, profiled)) << "epoch " << epoch;
  }
  plain.fit(data, quiet(1));
  profiled.fit(data, quiet(1));
  EXPECT_TRUE(same_weights(plain, profiled));
  EXPECT_FALSE(same_weights(plain, compiled_model(small_cnn()))) << "nothing was trained";
}

Profile two_kernels() {
  Profile profile;
  profile.device = "cpu";
  profile.precision = "f32";
  profile.steps = {
      {"a", "add", "reference", {{{2}, DType::f32}}, {{{2}, DType::f32}}, {1, 0.5, 1000, 10}},
      {"b \"quoted\"", "matmul", "onednn", {}, {}, {1, 2, 100, 4000}}};
  return profile;
}

TEST(Profile, SharesOfPeaksAreThoseOfTheNearestLimit) {
  const ProfileStep add = two_kernels().steps[0];
  EXPECT_EQ(add.cost.share_of_peak({}), 0);
  EXPECT_EQ(add.cost.share_of_peak({4e6, 0}), 0.5);     // 0.25 ms for the bytes
  EXPECT_EQ(add.cost.share_of_peak({4e6, 25e3}), 0.8);  // 0.4 ms for the arithmetic
  EXPECT_EQ(ProfileCost{}.share_of_peak({4e6, 25e3}), 0) << "no time, no rate";
}

TEST(Profile, JsonHoldsAllNumbers) {
  Profile profile = two_kernels();
  profile.peaks = {4e6, 4e6};
  const Json json = Json::parse(profile.to_json().to_string());
  EXPECT_EQ(json.at("total").at("milliseconds").as_double(), 2.5);
  EXPECT_EQ(json.at("total").at("bytes").as_int(), 1100);
  EXPECT_EQ(json.at("by_op").as_object().front().first, "matmul") << "the slowest first";
  ASSERT_EQ(json.at("steps").size(), 2U);
  const Json& add = json.at("steps")[0];
  EXPECT_EQ(add.at("path").as_string(), "a");
  EXPECT_EQ(add.at("inputs")[0].as_string(), "f32(2,)");
  EXPECT_EQ(add.at("share_of_peak").as_double(), 0.5);
}

TEST(Profile, TraceIsOneCompleteEventForEachKernelEndToEnd) {
  const Json trace = Json::parse(two_kernels().chrome_trace());
  const Json& events = trace.at("traceEvents");
  ASSERT_EQ(events.size(), 2U);
  for (const Json& event : events.as_array()) EXPECT_EQ(event.at("ph").as_string(), "X");
  EXPECT_EQ(events[1].at("name").as_string(), "b \"quoted\"");
  EXPECT_EQ(events[1].at("args").at("candidate").as_string(), "onednn");
  EXPECT_EQ(events[0].at("ts").as_double(), 0);
  EXPECT_EQ(events[0].at("dur").as_double(), 500) << "microseconds";
  EXPECT_EQ(events[1].at("ts").as_double(), 500);
  EXPECT_EQ(events[1].at("dur").as_double(), 2000);
}

}  // namespace
}  // namespace fovea::test
