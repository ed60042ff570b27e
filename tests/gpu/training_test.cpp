// Training on a GPU: as on the CPU, the same bits captured and eager, and nothing lost by errors.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>

#include "fovea/models.h"
#include "tests/data/data_test_support.h"
#include "tests/gpu/gpu_test.h"
#include "tests/support/expect_error.h"
#include "tests/train/small_data.h"

namespace fovea::test {
namespace {

std::vector<double> losses(Model& model, int steps) {
  const Dataset data = bright_channel(96);
  std::vector<double> result;
  for (int step = 0; step < steps; ++step) {
    const std::int64_t first = step % 6 * 16;
    const Logs logs =
        model.train_on_batch({data.x.slice(first, first + 16)}, {data.y.slice(first, first + 16)});
    result.push_back(logs.front().second);
  }
  return result;
}

TEST(GpuTraining, GivesTheCpusLosses) {
  FOVEA_NEEDS_GPU();
  Model cpu = compiled_model(small_cnn());
  Model cuda = compiled_model(small_cnn(), 3, 1, "f32", "cuda");
  const std::vector<double> expected = losses(cpu, 50);
  const std::vector<double> actual = losses(cuda, 50);
  for (std::size_t s = 0; s < expected.size(); ++s) {
    EXPECT_NEAR(actual[s], expected[s], 1e-3 * expected[s]) << "step " << s;
  }
}

TEST(GpuTraining, AutotunedGivesTheCpusLosses) {
  FOVEA_NEEDS_GPU();
  const TempFolder caches;
  const ScopedEnv variable("XDG_CACHE_HOME", caches.path().c_str());
  Model cpu = compiled_model(small_cnn());
  ModelOptions options;
  options.device = "cuda";
  options.seed = 3;
  options.autotune = true;
  Model cuda = compiled_model(small_cnn(), options);
  const std::vector<double> expected = losses(cpu, 20);
  const std::vector<double> actual = losses(cuda, 20);
  for (std::size_t s = 0; s < expected.size(); ++s) {
    EXPECT_NEAR(actual[s], expected[s], 1e-3 * expected[s]) << "step " << s;
  }
  EXPECT_TRUE(std::filesystem::exists(caches / "fovea/autotuned_kernels.json"));
}

TEST(GpuTraining, LearnsInEveryPrecision) {
  FOVEA_NEEDS_GPU();
  for (const char* precision : {"f32", "tf32", "bf16", "f16"}) {
    SCOPED_TRACE(precision);
    Model model = compiled_model(small_cnn(), 3, 1, precision, "cuda");
    model.fit(bright_channel(210), quiet(6));
    EXPECT_GT(model.evaluate(bright_channel(90, 3)).at("accuracy"), 0.9);
  }
}

/// FOVEA_SYNC=1 runs every step eagerly; without it, all but the first of a shape are replayed.
TEST(GpuTraining, CapturedStepsGiveTheEagerBits) {
  FOVEA_NEEDS_GPU();
  Model captured = compiled_model(small_cnn(), 3, 1, "f32", "cuda");
  captured.fit(bright_channel(90), quiet(3));
  setenv("FOVEA_SYNC", "1", 1);
  Model eager = compiled_model(small_cnn(), 3, 1, "f32", "cuda");
  eager.fit(bright_channel(90), quiet(3));
  unsetenv("FOVEA_SYNC");
  EXPECT_TRUE(same_weights(captured, eager));
}

TEST(GpuTraining, ANaNInTheDataChangesNothingAndNamesTheLayer) {
  FOVEA_NEEDS_GPU();
  const auto network = [] { return Sequential{Input({4}), Dense(3, {.activation = "softmax"})}; };
  Model model = compiled_model(network(), 3, 1, "f32", "cuda");
  Dataset data;
  data.name = "numbers";
  data.x = Tensor::full({640, 4}, 0.5);
  data.y = Tensor::zeros({640}, DType::i32);
  FitOptions options = quiet(1);
  options.shuffle = false;
  model.fit(data, options);
  Model before = compiled_model(network(), 3, 1, "f32", "cuda");
  for (const std::string& path : model.weight_paths()) before.set_weight(path, model.weight(path));
  data.x.data<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  expect_error(ErrorCode::numeric, "(matmul", [&] { model.fit(data, options); });
  EXPECT_TRUE(same_weights(model, before));
}

TEST(GpuMemory, TooLargeAModelIsAnErrorThatTheProcessSurvives) {
  FOVEA_NEEDS_GPU();
  expect_error(ErrorCode::out_of_memory, "bytes wanted",
               [] { gpu().device->allocate(std::size_t{1} << 50); });
  Model model = compiled_model(small_cnn(), 3, 1, "f32", "cuda");
  EXPECT_TRUE(std::isfinite(losses(model, 3).back()));
}

}  // namespace
}  // namespace fovea::test
