// plan_report(): what a step will take, held against what it then takes.
#include "fovea/plan_report.h"

#include <gtest/gtest.h>

#include "fovea/models.h"
#include "tests/support/expect_error.h"
#include "tests/train/small_data.h"

namespace fovea::test {
namespace {

Model compiled_cnn() {
  Model model(cifar10_cnn(), {.device = "cpu", .threads = 2});
  model.compile({.optimizer = "adam", .loss = "sparse_categorical_crossentropy"});
  return model;
}

TEST(PlanReport, CountsParametersMomentsAndArithmetic) {
  Model model = compiled_cnn();
  const PlanReport report = model.plan_report(32);
  EXPECT_TRUE(report.training);
  EXPECT_EQ(report.parameter_bytes, 122'570 * 4);
  EXPECT_EQ(report.statistic_bytes, 0);
  EXPECT_GE(report.optimizer_bytes, 2 * 122'570 * 4);
  EXPECT_LT(report.optimizer_bytes, 2 * 122'570 * 4 + 64);
  EXPECT_EQ(report.input_bytes, 32 * (32 * 32 * 3 + 4));  // u8 pictures, i32 labels
  EXPECT_GE(report.unshared_bytes, report.arena_bytes);
  EXPECT_EQ(report.peak_bytes, report.parameter_bytes + report.optimizer_bytes +
                                   report.other_bytes + report.input_bytes + report.arena_bytes);
  ASSERT_GE(report.layers.size(), 3u);
  for (const LayerPlan& layer : report.layers) {
    if (layer.name != "conv2d_1") continue;
    EXPECT_EQ(layer.output, (Shape{13, 13, 64}));
    EXPECT_EQ(layer.parameters, 64 * 3 * 3 * 32 + 64);
    EXPECT_EQ(layer.activation_bytes, 32 * 13 * 13 * 64 * 4);
    // 2 x 13 x 13 x 64 x 3 x 3 x 32 of the products; the bias and relu add one each.
    EXPECT_NEAR(layer.flops, 2.0 * 13 * 13 * 64 * (3 * 3 * 32 + 1), 1);
  }
  // Backward, both gradients of most products are computed.
  double forward = 0;
  for (const LayerPlan& layer : report.layers) forward += layer.flops;
  EXPECT_GT(report.flops, 2.5 * 32 * forward);
  EXPECT_LT(report.flops, 3.5 * 32 * forward);
}

TEST(PlanReport, IsWhatTheStepThenTakes) {
  const std::int64_t before = cpu_device()->memory_use().in_use;
  Model model = compiled_cnn();
  const PlanReport report = model.plan_report(64);
  Tensor x = Tensor::zeros({64, 32, 32, 3}, DType::u8);
  Tensor y = Tensor::zeros({64}, DType::i32);
  model.train_on_batch({x}, {y});
  const auto taken = static_cast<double>(cpu_device()->memory_use().in_use - before);
  // The batch lies in the caller's memory.
  const auto promised = static_cast<double>(report.peak_bytes - report.input_bytes);
  EXPECT_NEAR(taken, promised, 0.01 * promised);
}

TEST(PlanReport, LeavesTheModelAsItWas) {
  Model model = compiled_cnn();
  const std::int64_t before = cpu_device()->memory_use().in_use;
  model.plan_report(16, 1 << 24);
  EXPECT_EQ(cpu_device()->memory_use().in_use, before);
}

TEST(PlanReport, FindsTheLargestBatchThatFits) {
  Model model = compiled_cnn();
  const std::int64_t bytes = model.plan_report(48).peak_bytes;
  const PlanReport report = model.plan_report(8, bytes);
  EXPECT_GE(report.largest_batch, 47);
  EXPECT_LE(model.plan_report(report.largest_batch).peak_bytes, bytes);
  EXPECT_GT(model.plan_report(report.largest_batch + 2).peak_bytes, bytes);
  EXPECT_EQ(model.plan_report(8, 1000).largest_batch, 0);
  EXPECT_NE(model.plan_report(8, 1000).str().find("Not even one sample fits in 1000.00 B"),
            std::string::npos);
}

TEST(PlanReport, IsAboutPredictingBeforeCompile) {
  Model model(resnet20(), {.device = "cpu"});
  const PlanReport report = model.plan_report(1);
  EXPECT_FALSE(report.training);
  EXPECT_EQ(report.optimizer_bytes, 0);
  EXPECT_EQ(report.statistic_bytes, 1'376 * 4);
  EXPECT_NEAR(report.flops, 81.7e6, 1.5e6);  // 40.8 M multiply-adds, and the normalizations
  const std::string text = report.str();
  EXPECT_NE(text.find("stage1.block1.conv1 (Conv2D)"), std::string::npos) << text;
  EXPECT_NE(text.find("Predicting with batches of 1 on cpu (f32)"), std::string::npos) << text;
}

TEST(PlanReport, SaysWhatItCannotPlan) {
  Model model = compiled_cnn();
  expect_error(ErrorCode::invalid_argument, "the batch size is at least 1, not 0",
               [&] { model.plan_report(0); });
  expect_error(ErrorCode::invalid_argument, "at least 0 bytes", [&] { model.plan_report(1, -1); });
}

}  // namespace
}  // namespace fovea::test
