// The programs of this build on a simulated GPU: the way from the command line to the device, and
// the reports that scripts/gpu_check.sh reads. What they measure says nothing here.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <set>

#include "fovea/json.h"
#include "tests/data/data_test_support.h"
#include "tests/train/program.h"

namespace fovea::test {
namespace {

/// Runs a program of the build folder on the simulated GPU and reads the report that it writes.
Json report_of(const std::string& program, const std::string& arguments) {
  const TempFolder folder;
  const std::filesystem::path json = folder / "report.json";
  // Program keeps the library's variables from the programs that it starts; a shell sets them anew.
  const std::string command = std::string("FOVEA_SIMULATED_GPUS=1 FOVEA_CUDNN=") +
                              FOVEA_SIMULATED_FOLDER + " FOVEA_CUBLASLT=" + FOVEA_SIMULATED_FOLDER +
                              " XDG_CACHE_HOME=" + folder.path().string() + " " + FOVEA_BINARY_DIR +
                              "/bin/" + program + " --device cuda " + arguments + " --json " +
                              json.string() + " > " + (folder / "output").string() + " 2>&1";
  const int status = std::system(command.c_str());  // NOLINT(concurrency-mt-unsafe,cert-env33-c)
  const Bytes output = read_file(folder / "output");
  EXPECT_EQ(status, 0) << std::string(output.begin(), output.end());
  if (status != 0) return Json();
  const Bytes bytes = read_file(json);
  return Json::parse(std::string(bytes.begin(), bytes.end()), json.string());
}

/// The candidates with a right result; every row must have one, or say why it has none.
std::set<std::string> right_candidates(const Json& report) {
  std::set<std::string> right;
  for (const Json& row : report.at("rows").as_array()) {
    if (row.at("status").as_string() == "declined") continue;
    EXPECT_EQ(row.at("status").as_string(), "ok") << row.to_string(2);
    right.insert(row.at("candidate").as_string());
  }
  return right;
}

TEST(SimulatedPrograms, ConvBenchChecksEveryCandidate) {
  const Json report =
      report_of("conv_bench",
                "--quick --repeats 1 --seconds 0 --custom '1,8,4,4,8,1,1,1,0;1,3,5,5,8,3,3,1,1'");
  ASSERT_TRUE(report.is_object());
  EXPECT_EQ(report.at("device").as_string(), "cuda:0");
  const std::set<std::string> expected = {"cudnn", "cublaslt", "first_layer", "implicit_gemm",
                                          "direct"};
  EXPECT_EQ(right_candidates(report), expected);
}

TEST(SimulatedPrograms, BandwidthBenchRunsEveryOp) {
  const Json report =
      report_of("bandwidth_bench", "--mebibytes 1 --repeats 1 --seconds 0 --dtype f16");
  ASSERT_TRUE(report.is_object());
  std::set<std::string> ops;
  for (const Json& row : report.at("rows").as_array()) ops.insert(row.at("op").as_string());
  EXPECT_GE(ops.size(), 10U);
  EXPECT_EQ(right_candidates(report), std::set<std::string>{"cuda"});
}

TEST(SimulatedPrograms, TrainBenchTimesFitInEveryPrecision) {
  for (const std::string precision : {"f32", "tf32", "f16", "bf16"}) {
    const Json report = report_of("train_bench",
                                  "--model cifar10_cnn --batch 2 --steps 3 --epochs 1 --warm-up 0 "
                                  "--precision " +
                                      precision);
    ASSERT_TRUE(report.is_object()) << precision;
    const Json& row = report.at("rows")[0];
    EXPECT_EQ(row.at("status").as_string(), "ok") << row.to_string(2);
    EXPECT_EQ(row.at("precision").as_string(), precision);
    EXPECT_GT(row.at("peak_device_bytes").as_int(), 122570 * 4);
  }
}

TEST(SimulatedPrograms, TrainBenchProfilesEveryNode) {
  const Json report = report_of("train_bench", "--model cifar10_cnn --batch 2 --profile");
  ASSERT_TRUE(report.is_object());
  const Json& profile = report.at("rows")[0].at("profile");
  std::set<std::string> libraries;
  for (const Json& step : profile.at("steps").as_array()) {
    libraries.insert(step.at("candidate").as_string());
  }
  EXPECT_TRUE(libraries.count("cudnn") > 0);
  EXPECT_TRUE(libraries.count("cuda") > 0);
}

TEST(SimulatedPrograms, TrainCifar10TrainsAndTests) {
  const Json report = report_of("train_cifar10",
                                "--data synthetic --train-samples 24 --test-samples 8 --epochs 2 "
                                "--batch-size 8 --precision bf16 --augment --quiet --autotune");
  ASSERT_TRUE(report.is_object());
  EXPECT_EQ(report.at("device").as_string(), "cuda:0");
  EXPECT_TRUE(std::isfinite(report.at("test_loss").as_double()));
}

}  // namespace
}  // namespace fovea::test
