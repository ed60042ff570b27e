// The CUDA device on simulated GPUs: what it asks of the CUDA runtime, in which order, and what it
// does when that fails. tests/gpu, which trains on a GPU, runs on these as well.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "fovea/device.h"
#include "fovea/ops/statistics.h"
#include "host/graph/execution.h"
#include "host/graph/passes.h"
#include "host/graph/run_op.h"
#include "tests/data/data_test_support.h"
#include "tests/simulated_gpu/runtime.h"
#include "tests/support/expect_error.h"
#include "tests/support/training_step.h"
#include "tests/train/small_data.h"

namespace fovea::test {
namespace {

std::shared_ptr<Device> gpu(int ordinal = 0) {
  return open_device("cuda:" + std::to_string(ordinal));
}

TEST(SimulatedGpu, IsReportedForWhatItIs) {
  const std::vector<DeviceReport> reports = devices();
  int found = 0;
  for (const DeviceReport& report : reports) {
    if (report.name.starts_with("cuda:")) {
      ++found;
      EXPECT_TRUE(report.available) << report.detail;
      EXPECT_TRUE(report.detail.starts_with("Simulated GPU, compute capability 8.0, 1.0 GiB"))
          << report.detail;
      EXPECT_TRUE(report.detail.ends_with(", cuDNN, cuBLASLt")) << report.detail;
    }
  }
  EXPECT_EQ(found, 2);
  expect_error(ErrorCode::invalid_argument, "numbered from 0 to 1", [] { gpu(2); });
}

/// What every other test of this file rests on: work waits until the host does.
TEST(SimulatedGpu, WorkRunsWhenTheHostWaits) {
  const auto stream = gpu()->make_stream();
  char* memory = static_cast<char*>(gpu()->allocate(4));
  stream->fill(memory, 7, 4);
  const int before = simulated_gpu::counts().launches;
  stream->synchronize();
  EXPECT_EQ(simulated_gpu::counts().launches, before + 1);
  char host[4] = {};
  stream->download(host, memory, 4);
  EXPECT_EQ(host[3], 7);
  gpu()->release(memory);
}

TEST(SimulatedGpuDeathTest, TheHostCannotTouchDeviceMemory) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto* memory = static_cast<volatile char*>(gpu()->allocate(4));
        memory[0] = 1;
      },
      "the host touches memory that is not its own");
  EXPECT_DEATH(
      {
        void* memory = gpu()->allocate(300);
        gpu()->make_stream()->fill(memory, 0, 301);
      },
      "301 bytes at .* leave their allocation");
}

TEST(SimulatedGpuDeathTest, AKernelThatLeavesItsTensorIsNamed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto* memory = static_cast<volatile char*>(gpu()->allocate(256));
        simulated_gpu::enqueue(nullptr, "writes_beyond", [memory] { memory[256] = 1; });
        cudaDeviceSynchronize();
      },
      "writes_beyond touches memory that is not its own");
}

TEST(SimulatedGpuDeathTest, NorCanAnotherGpuTouchIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(gpu(1)->make_stream()->fill(gpu(0)->allocate(4), 0, 4), "are another GPU's");
}

/// An op whose kernel does what no capture may hold: the steps after it run eagerly, and are right.
TEST(SimulatedGpu, WhatCannotBeCapturedRunsEagerlyAndSaysWhy) {
  Graph graph;
  Builder builder(graph);
  const Value labels = builder.input("labels", {{6}, DType::i32});
  ops::CountLabels count;
  count.classes = 3;
  graph.mark_output("counts", builder.add(count, {labels}));
  const auto stream = gpu()->make_stream();
  Variables variables(gpu(), stream);
  Execution execution(compile_graph(graph, gpu(), {}), variables,
                      std::make_shared<Arena>(gpu(), stream));
  const std::vector<std::int32_t> values = {2, 0, 2, 1, 2, 0};
  execution.bind_input(0, values.data());
  for (int run = 0; run < 3; ++run) {
    execution.run();
    const Tensor counts = execution.output(0);
    EXPECT_EQ(counts.span<std::int64_t>()[0], 2);
    EXPECT_EQ(counts.span<std::int64_t>()[2], 3);
  }
  EXPECT_FALSE(execution.recorded());
  EXPECT_NE(execution.recording_problem().find("cudaErrorStreamCapture"), std::string::npos)
      << execution.recording_problem();
}

/// `from` may be changed as soon as upload() returns, however late the copy runs; pieces that share
/// a staging buffer do not overwrite one another.
TEST(SimulatedGpu, UploadsKeepWhatTheyWereGiven) {
  constexpr std::size_t kBytes = (20 << 20) + 3;  // three pieces through two buffers
  std::vector<char> host(kBytes);
  for (std::size_t i = 0; i < kBytes; ++i) host[i] = static_cast<char>(i % 251);
  const std::vector<char> expected = host;
  const auto stream = gpu()->make_stream();
  void* memory = gpu()->allocate(kBytes);
  stream->upload(memory, host.data(), kBytes);
  std::fill(host.begin(), host.end(), '\x55');
  stream->download(host.data(), memory, kBytes);
  EXPECT_TRUE(host == expected);
  gpu()->release(memory);
}

TEST(SimulatedGpu, FitCapturesOneGraphForEachBatchSizeAndReplaysIt) {
  Model model = compiled_model(small_cnn(), 3, 1, "f32", "cuda");
  const simulated_gpu::Counts before = simulated_gpu::counts();
  model.fit(bright_channel(16 * 5 + 7), quiet(4));  // five full batches and a short one
  const simulated_gpu::Counts after = simulated_gpu::counts();
  EXPECT_EQ(after.captures - before.captures, 2);
  // All but the first step of each size.
  EXPECT_EQ(after.replays - before.replays, 4 * 6 - 2);
}

/// The gradients of weights and bias as one product, which is otherwise left to measurements.
TEST(SimulatedGpu, DenseLayersMayGetBothGradientsFromOneProduct) {
  const auto network = [] { return Sequential{Input({6}), Dense(5), Dense(3)}; };
  Dataset data;
  data.x = Tensor::full({32, 6}, 0.5);
  data.y = Tensor::zeros({32}, DType::i32);
  const auto launches_of = [&](Model& model) {
    const int before = simulated_gpu::counts().launches;
    model.fit(data, quiet(1));
    return simulated_gpu::counts().launches - before;
  };
  Model apart = compiled_model(network(), 3, 1, "f32", "cuda");
  const int launches = launches_of(apart);
  const ScopedEnv forced("FOVEA_KERNEL", "matmul_backward_weight_bias:cublaslt");
  Model together = compiled_model(network(), 3, 1, "f32", "cuda");
  EXPECT_EQ(launches_of(together), launches - 2 * 2);  // two layers, two steps
  for (const std::string& path : apart.weight_paths()) {
    EXPECT_LE(relative_error(together.weight(path), apart.weight(path)), 1e-6) << path;
  }
}

/// As a capture that meets a call which CUDA forbids: it fails, and the stream goes on.
TEST(SimulatedGpu, ACaptureEndsAtAForbiddenCall) {
  const auto stream = gpu()->make_stream();
  const auto allocates = [] { gpu()->release(gpu()->allocate(16)); };
  expect_error(ErrorCode::cuda, "cannot allocate", [&] { stream->record(allocates); });
  void* memory = gpu()->allocate(4);
  const auto recording = stream->record([&] { stream->fill(memory, 5, 4); });
  recording->replay();
  char host[4] = {};
  stream->download(host, memory, 4);
  EXPECT_EQ(host[0], 5);
  gpu()->release(memory);
}

TEST(SimulatedGpu, ASecondGpuTrainsInItsOwnMemory) {
  const std::int64_t first = gpu(0)->memory_use().in_use;
  const std::int64_t second = gpu(1)->memory_use().in_use;
  Model on_first = compiled_model(small_cnn(), 3, 1, "f32", "cuda:0");
  on_first.fit(bright_channel(40), quiet(2));
  const std::int64_t taken = gpu(0)->memory_use().in_use - first;
  EXPECT_GT(taken, 0);
  EXPECT_EQ(gpu(1)->memory_use().in_use, second);
  Model on_second = compiled_model(small_cnn(), 3, 1, "f32", "cuda:1");
  on_second.fit(bright_channel(40), quiet(2));
  EXPECT_EQ(gpu(1)->memory_use().in_use - second, taken);
  EXPECT_EQ(gpu(0)->memory_use().in_use - first, taken);
  EXPECT_TRUE(same_weights(on_first, on_second));
}

TEST(SimulatedGpu, AFullGpuIsAnErrorThatNamesTheBytes) {
  expect_error(ErrorCode::out_of_memory, "bytes wanted",
               [] { gpu()->allocate(std::size_t{2} << 30); });
  Model model = compiled_model(small_cnn(), 3, 1, "f32", "cuda");
  model.fit(bright_channel(32), quiet(1));
}

/// A fault of the GPU comes to light at a wait. It is named, the model can still be destroyed, and
/// what the host holds is there.
TEST(SimulatedGpu, ALostGpuIsNamedAndNothingCrashes) {
  {
    Model model = compiled_model(small_cnn(), 3, 1, "f32", "cuda");
    model.fit(bright_channel(32), quiet(1));
    simulated_gpu::fail_from_next_wait(cudaErrorIllegalAddress);
    expect_error(ErrorCode::device_lost, "start a new process",
                 [&] { model.fit(bright_channel(32), quiet(1)); });
    expect_error(ErrorCode::device_lost, "cudaErrorIllegalAddress",
                 [&] { model.evaluate(bright_channel(32)); });
  }
  simulated_gpu::fail_from_next_wait(cudaSuccess);
  Model model = compiled_model(small_cnn(), 3, 1, "f32", "cuda");
  model.fit(bright_channel(32), quiet(1));
}

}  // namespace
}  // namespace fovea::test
