// The benchmark programs from outside, on tiny work, and what they are made of: a benchmark that
// checks its numbers wrongly is worse than none.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <set>
#include <thread>

#include "benchmarks/support/candidate_run.h"
#include "benchmarks/support/conv_problem.h"
#include "benchmarks/support/report.h"
#include "benchmarks/support/sampled_reference.h"
#include "fovea/json.h"
#include "host/graph/run_op.h"
#include "tests/data/data_test_support.h"
#include "tests/support/expect_error.h"
#include "tests/train/program.h"

namespace fovea::test {
namespace {

using bench::ConvProblem;
using bench::ConvShape;
using bench::NumberFormat;
using bench::Pass;
using bench::Pattern;

constexpr NumberFormat kF32 = bench::kNumberFormats[0];

Json read_json(const std::filesystem::path& path) {
  const Bytes bytes = read_file(path);
  return Json::parse(std::string(bytes.begin(), bytes.end()), path.string());
}

// ---- The programs ----

TEST(ConvBench, MeasuresAndChecksEveryCandidate) {
  const TempFolder folder;
  const std::filesystem::path json = folder.path() / "rows.json";
  const Finished finished =
      Program("conv_bench",
              {"--device", "cpu", "--quick", "--custom", "2,6,7,5,4,3,3,2,1,2", "--threads", "1",
               "--json", json.string()},
              folder.path())
          .wait();
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  const Json report = read_json(json);
  EXPECT_TRUE(report.at("complete").as_bool());
  EXPECT_EQ(report.at("device").as_string(), "cpu");
  EXPECT_GT(report.at("peaks").at("copy").at("gigabytes_per_second").as_double(), 0);
  int winners = 0;
  int references = 0;
  for (const Json& row : report.at("rows").as_array()) {
    if (row.at("status").as_string() == "declined") continue;
    EXPECT_EQ(row.at("status").as_string(), "ok") << row.to_string(2);
    EXPECT_LE(row.at("relative_error").as_double(), row.at("tolerance").as_double());
    EXPECT_GT(row.at("milliseconds").at("median").as_double(), 0);
    EXPECT_LE(row.at("milliseconds").at("p10").as_double(),
              row.at("milliseconds").at("p90").as_double());
    EXPECT_GT(row.at("share_of_matmul").as_double(), 0);
    EXPECT_FALSE(row.at("run_once_only").as_bool()) << "for less than a millisecond";
    EXPECT_EQ(row.at("flops").as_double(), 2.0 * 2 * 4 * 3 * 4 * 3 * 3 * 3);
    winners += row.at("winner").as_bool() ? 1 : 0;
    references += row.at("candidate").as_string() == "reference" ? 1 : 0;
  }
  EXPECT_EQ(winners, 3) << "one for each pass";
  EXPECT_EQ(references, 3);
}

TEST(ConvBench, SaysWhatDoesNotFitAndWhatItDoesNotKnow) {
  const TempFolder folder;
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--device", "cpu", "--quick", "--threads", "1"});
    return Program("conv_bench", arguments, folder.path()).wait();
  };
  const Finished large = run({"--custom", "1000000,512,512,512,8,3,3,1,1", "--pass", "forward"});
  EXPECT_EQ(large.code, 1) << "nothing was measured";
  EXPECT_NE(large.out.find("does_not_fit"), std::string::npos) << large.out;
  EXPECT_EQ(run({"--shape", "resnet51"}).code, 1);
  EXPECT_EQ(run({"--custom", "1,2,3"}).code, 1);
  EXPECT_EQ(run({"--batch", "x"}).code, 2);
}

TEST(BandwidthBench, TimesMemoryBoundOps) {
  const TempFolder folder;
  const std::filesystem::path json = folder.path() / "rows.json";
  const Finished finished = Program("bandwidth_bench",
                                    {"--device", "cpu", "--mebibytes", "1", "--repeats", "1",
                                     "--seconds", "0", "--threads", "1", "--json", json.string()},
                                    folder.path())
                                .wait();
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  const Json report = read_json(json);
  EXPECT_TRUE(report.at("complete").as_bool());
  EXPECT_FALSE(report.at("fingerprint").as_string().empty());
  std::set<std::string> measured;
  for (const Json& row : report.at("rows").as_array()) {
    if (row.at("status").as_string() == "declined") continue;
    EXPECT_EQ(row.at("status").as_string(), "ok") << row.to_string(2);
    EXPECT_GT(row.at("share_of_copy").as_double(), 0);
    measured.insert(row.at("op").as_string());
  }
  for (const char* op : {"scale", "activate_backward", "bias_grad", "batch_norm_act_backward",
                         "gradient_check", "adam_update"}) {
    EXPECT_EQ(measured.count(op), 1U) << op;
  }
}

TEST(TrainBench, TimesFit) {
  const TempFolder folder;
  const std::filesystem::path json = folder.path() / "rows.json";
  const Finished finished =
      Program("train_bench",
              {"--device", "cpu", "--model", "cifar10_cnn", "--batch", "4", "--steps", "2",
               "--epochs", "3", "--warm-up", "1", "--threads", "1", "--json", json.string()},
              folder.path())
          .wait();
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  const Json report = read_json(json);
  ASSERT_EQ(report.at("rows").size(), 1U);
  const Json& row = report.at("rows")[0];
  EXPECT_EQ(row.at("status").as_string(), "ok");
  EXPECT_EQ(row.at("trainable_parameters").as_int(), 122570);
  EXPECT_EQ(row.at("steps_per_epoch").as_int(), 2);
  EXPECT_EQ(row.at("milliseconds_per_step").at("count").as_int(), 3);
  EXPECT_GT(row.at("images_per_second").as_double(), 0);
  EXPECT_GT(row.at("peak_device_bytes").as_int(), 122570 * 4);
  EXPECT_GE(row.at("peak_rss_bytes").as_int(), row.at("peak_device_bytes").as_int());
  EXPECT_TRUE(std::isfinite(row.at("loss").as_double()));
}

TEST(TrainBench, ProfilesAStepInstead) {
  const TempFolder folder;
  const std::filesystem::path json = folder.path() / "rows.json";
  const std::filesystem::path trace = folder.path() / "trace.json";
  const std::vector<std::string> arguments = {
      "--device",  "cpu", "--model", "cifar10_cnn", "--batch", "2",           "--profile",
      "--threads", "1",   "--json",  json.string(), "--trace", trace.string()};
  const Finished finished = Program("train_bench", arguments, folder.path()).wait();
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_NE(finished.out.find("softmax_cross_entropy"), std::string::npos) << finished.out;
  const Json profile = read_json(json).at("rows")[0].at("profile");
  EXPECT_GT(profile.at("peaks").at("bytes_per_second").as_double(), 0);
  EXPECT_GT(profile.at("peaks").at("flops_per_second").as_double(), 0);
  EXPECT_GT(profile.at("total").at("share_of_peak").as_double(), 0);
  EXPECT_EQ(read_json(trace).at("traceEvents").size(), profile.at("steps").size());
  const Finished ambiguous =
      Program("train_bench", {"--device", "cpu", "--trace", trace.string()}, folder.path()).wait();
  EXPECT_EQ(ambiguous.code, 2);
}

// ---- What they are made of ----

/// Every element of the patterns' tensors, and what the CPU's reference makes of them.
void expect_reference_agrees(const ConvShape& shape, Pass pass) {
  const ConvProblem problem = bench::make_conv_problem(shape, pass, kF32);
  const Pattern patterns[2] = {{DType::f32, 1}, {DType::f32, 2}};
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t count = problem.inputs[i].shape.numel();
    ASSERT_LT(count, Pattern::kPeriod);
    inputs.push_back(patterns[i].stored().slice(0, count).reshape(problem.inputs[i].shape));
  }
  const Tensor expected = run_reference(problem.op, inputs).front();
  ASSERT_EQ(expected.shape(), problem.output.shape);
  const auto all = bench::sample_elements(expected.numel(), expected.numel());
  const std::vector<double> values =
      bench::conv_reference(problem, {&patterns[0], &patterns[1]}, all, 1);
  std::vector<double> reference;
  for (std::int64_t i = 0; i < expected.numel(); ++i) reference.push_back(expected.item(i));
  EXPECT_LT(bench::relative_error(reference, values), 1e-6);
}

TEST(SampledReference, IsWhatTheCpuComputes) {
  for (const Pass pass : {Pass::forward, Pass::backward_data, Pass::backward_filter}) {
    SCOPED_TRACE(bench::kPassNames[static_cast<std::size_t>(pass)]);
    expect_reference_agrees({"plain", 2, 3, 5, 6, 4, 3, 3, 1, 1}, pass);
    expect_reference_agrees({"strided", 2, 4, 9, 8, 6, 3, 2, 2, 1, 2}, pass);
    expect_reference_agrees({"dilated", 1, 6, 9, 10, 6, 3, 3, 2, 2, 6, 2}, pass);
    expect_reference_agrees({"pointwise", 3, 5, 4, 4, 7, 1, 1, 2, 0}, pass);
  }
}

TEST(SampledReference, SamplesHoldTheFirstAndTheLastElementAndNoneTwiceWhenFew) {
  EXPECT_EQ(bench::sample_elements(3, 8), (std::vector<std::int64_t>{0, 1, 2}));
  const std::vector<std::int64_t> samples = bench::sample_elements(1'000'000'007, 2000);
  EXPECT_EQ(samples.size(), 2000U);
  EXPECT_EQ(samples.front(), 0);
  EXPECT_EQ(samples.back(), 1'000'000'006);
  for (const std::int64_t sample : samples) {
    EXPECT_GE(sample, 0);
    EXPECT_LT(sample, 1'000'000'007);
  }
}

TEST(SampledReference, OneWrongOrMissingOutputIsSeen) {
  std::vector<double> reference(2000);
  for (std::size_t i = 0; i < reference.size(); ++i) {
    reference[i] = std::sin(static_cast<double>(i));
  }
  std::vector<double> actual = reference;
  EXPECT_EQ(bench::relative_error(actual, reference), 0);
  actual[1234] = 0;
  EXPECT_GT(bench::relative_error(actual, reference), 1e-2) << "the widest tolerance";
  actual[1234] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isinf(bench::relative_error(actual, reference)));
}

TEST(ConvShapes, AreNamedOnceAndFit) {
  std::set<std::string> names;
  for (const ConvShape& shape : bench::conv_shapes()) {
    EXPECT_TRUE(names.insert(shape.name).second) << shape.name;
    EXPECT_GT(bench::make_conv_problem(shape, Pass::forward, kF32).cost.flops, 0);
  }
  EXPECT_EQ(names.size(), 30U);
}

TEST(ConvShapes, CustomOnesAreNumbers) {
  const ConvShape shape = bench::parse_conv_shape("8,4,9,10,6,3,5,2,1,2,3");
  EXPECT_EQ(shape.n, 8);
  EXPECT_EQ(shape.c, 4);
  EXPECT_EQ(shape.w, 10);
  EXPECT_EQ(shape.s, 5);
  EXPECT_EQ(shape.groups, 2);
  EXPECT_EQ(shape.dilation, 3);
  EXPECT_EQ(bench::parse_conv_shape("1,1,1,1,1,1,1,1,0").groups, 1);
  for (const char* wrong : {"", "1,2", "1,1,1,1,1,1,1,1,0,", "1,1,1,1,1,1,1,1,-1",
                            "1,1,1,1,1,1,1,1,x", "1,1,1,1,1,1,1,1,0,1,1,1"}) {
    expect_error(ErrorCode::invalid_argument, "N,C,H,W,K,R,S,stride,pad",
                 [&] { bench::parse_conv_shape(wrong); });
  }
}

TEST(Bench, RunsTheHopelessOnceOnly) {
  const bench::Bench bench(cpu_device(), 1);
  int runs = 0;
  const auto work = [&] {
    ++runs;
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  };
  bench::Timing timing{4, 0, 4};
  EXPECT_EQ(bench.time(work, timing).count, 4);
  EXPECT_EQ(runs, 5) << "one to warm up";
  timing.hopeless = 1;
  EXPECT_EQ(bench.time(work, timing).count, 1);
  EXPECT_EQ(runs, 7);
}

TEST(Spread, IsTheMedianAndTenthsFromBothEnds) {
  const bench::Spread spread = bench::spread_of({5, 1, 4, 2, 3, 6, 7, 8, 9, 10, 11});
  EXPECT_EQ(spread.median, 6);
  EXPECT_EQ(spread.p10, 2);
  EXPECT_EQ(spread.p90, 10);
  EXPECT_EQ(spread.count, 11);
  EXPECT_EQ(bench::spread_of({1, 2}).median, 1.5);
}

}  // namespace
}  // namespace fovea::test
