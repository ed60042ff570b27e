// What is said, and not done, where a library, a device or an engine is missing.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cuda/bind.h"
#include "cuda/cublaslt/library.h"
#include "cuda/cudnn/plan.h"
#include "fovea/error.h"
#include "fovea/ops/conv.h"
#include "fovea/ops/matmul.h"
#include "tests/cudnn_deviceless/deviceless.h"
#include "tests/data/data_test_support.h"

namespace fovea::test {
namespace {

namespace fs = std::filesystem;
using namespace cuda::cudnn;

#define EXPECT_CONTAINS(text, part)                          \
  EXPECT_NE(std::string(text).find(part), std::string::npos) \
      << "\"" << (text) << "\" should contain \"" << (part) << "\""

/// Calls it and returns the Error that it must throw.
template <class Call>
Error error_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorCode::internal, "nothing was thrown"};
}

bool a_device_is_here() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
}

TEST(OpenCudnn, SaysWhereItLookedAndTheRemedy) {
  const OpenedLibrary opened = open_library("/nowhere");
  EXPECT_EQ(opened.library, nullptr);
  EXPECT_CONTAINS(opened.problem, "there is no libcudnn.so.9 in /nowhere");
  EXPECT_CONTAINS(opened.problem, "FOVEA_CUDNN");
}

TEST(OpenCudnn, TakesTheFolderFromTheEnvironment) {
  {
    const ScopedEnv variable("FOVEA_CUDNN", "/not_here_either");
    EXPECT_CONTAINS(open_library().problem, "/not_here_either");
  }
  const ScopedEnv variable("FOVEA_CUDNN", FOVEA_CUDNN_FOLDER);
  const OpenedLibrary opened = open_library();
  ASSERT_NE(opened.library, nullptr) << opened.problem;
  EXPECT_EQ(opened.library->version / 10000, 9);
}

TEST(OpenCudnn, FindsItInAnInstallationAndInSitePackages) {
  for (const char* below : {"lib", "nvidia/cudnn/lib"}) {
    const TempFolder root;
    fs::create_directories((root / below).parent_path());
    fs::create_directory_symlink(FOVEA_CUDNN_FOLDER, root / below);
    const OpenedLibrary opened = open_library(root.path().string());
    ASSERT_NE(opened.library, nullptr) << opened.problem;
    EXPECT_CONTAINS(opened.library->path, below);
  }
}

TEST(OpenCudnn, RefusesAFileThatIsNoLibrary) {
  const TempFolder folder;
  std::ofstream(folder / "libcudnn.so.9") << "not a library";
  const OpenedLibrary opened = open_library(folder.path().string());
  EXPECT_EQ(opened.library, nullptr);
  EXPECT_CONTAINS(opened.problem, (folder / "libcudnn.so.9").string());
}

TEST(OpenCublaslt, SaysWhereItLookedAndTheRemedy) {
  const cuda::cublaslt::OpenedLibrary opened = cuda::cublaslt::open_library("/nowhere");
  EXPECT_EQ(opened.library, nullptr);
  EXPECT_CONTAINS(opened.problem, "there is no libcublasLt.so");
  EXPECT_CONTAINS(opened.problem, "FOVEA_CUBLASLT");
}

TEST(OpenLibraries, NeverThrowsForWhatIsMissing) {
  const ScopedEnv cudnn("FOVEA_CUDNN", "/nowhere");
  const ScopedEnv cublaslt("FOVEA_CUBLASLT", "/nowhere");
  const cuda::Libraries libraries = cuda::open_libraries({"some GPU", 90});
  EXPECT_EQ(libraries.cudnn, nullptr);
  EXPECT_EQ(libraries.cublaslt, nullptr);
  EXPECT_CONTAINS(libraries.cudnn_problem, "cuDNN 9 was not found");
  EXPECT_CONTAINS(libraries.cublaslt_problem, "cuBLASLt was not found");
}

TEST(OpenLibraries, CanBeTurnedOff) {
  const ScopedEnv off("FOVEA_DISABLE_PLUGINS", "cudnn,cublaslt");
  const cuda::Libraries libraries = cuda::open_libraries({"some GPU", 90});
  EXPECT_CONTAINS(libraries.cudnn_problem, "FOVEA_DISABLE_PLUGINS");
  EXPECT_CONTAINS(libraries.cublaslt_problem, "FOVEA_DISABLE_PLUGINS");
}

TEST(OpenLibraries, WithoutADeviceTheLibrariesSayWhy) {
  if (a_device_is_here()) GTEST_SKIP() << "there is a device";
  const ScopedEnv folder("FOVEA_CUDNN", FOVEA_CUDNN_FOLDER);
  const cuda::Libraries libraries = cuda::open_libraries({"some GPU", 90});
  EXPECT_EQ(libraries.cudnn, nullptr);
  EXPECT_CONTAINS(libraries.cudnn_problem, "cudnnCreate: CUDNN_STATUS_NOT_INITIALIZED");
  EXPECT_EQ(libraries.cublaslt, nullptr);
  EXPECT_FALSE(libraries.cublaslt_problem.empty());
}

Convolution small(DType dtype = DType::f16) {
  Convolution convolution;
  convolution.dtype = dtype;
  convolution.x = {2, 8, 8, 16};
  convolution.w = {32, 3, 3, 16};
  convolution.y = {2, 8, 8, 32};
  convolution.window = resolve_window({8, 8}, 3, 1, 1, Padding::cells(1));
  return convolution;
}

TEST(CudnnErrors, ARefusedGraphNamesTheCallAndCudnnsReason) {
  Convolution wrong = small();
  wrong.y = {2, 9, 8, 32};  // not what this window gives
  const auto& target = described_gpus().front().libraries.cudnn;
  const Error error = error_of([&] { build_graph(*target, wrong); });
  EXPECT_EQ(error.code(), ErrorCode::cudnn) << error.what();
  EXPECT_CONTAINS(error.what(), "cudnnBackendFinalize");
  EXPECT_CONTAINS(error.what(), "CUDNN_STATUS_BAD_PARAM");
  std::string problem;
  EXPECT_EQ(choose_plan(target, wrong, {}, problem), nullptr);
  EXPECT_EQ(problem, error.what());
}

TEST(CudnnErrors, AWrongAttributeIsNamed) {
  const auto& library = described_gpus().front().libraries.cudnn->library();
  Descriptor tensor(library, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  const Error error = error_of([&] { tensor.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_HEUR_MODE_A); });
  EXPECT_EQ(error.code(), ErrorCode::cudnn) << error.what();
  EXPECT_CONTAINS(error.what(), "cudnnBackendSetAttribute (descriptor type 17, attribute 200)");
}

TEST(CudnnErrors, ADescriptionThatCudnnCannotReadIsRefused) {
  const ScopedEnv folder("FOVEA_CUDNN", FOVEA_CUDNN_FOLDER);
  const cuda::Libraries libraries = cuda::open_libraries({"no GPU", 90, "{\"deviceVer\": 900}"});
  EXPECT_EQ(libraries.cudnn, nullptr);
  EXPECT_CONTAINS(libraries.cudnn_problem, "cudnnBackend");
}

TEST(CudnnErrors, APlanForADescribedDeviceDoesNotRun) {
  const auto& target = described_gpus().front().libraries.cudnn;
  std::string problem;
  const auto plan = choose_plan(target, small(), {false, 1 << 20}, problem);
  ASSERT_NE(plan, nullptr) << problem;
  const std::int64_t ids[] = {kX, kW, kY};
  void* const pointers[] = {&problem, &problem, &problem};
  const Error error = error_of([&] { plan->execute(ids, pointers, nullptr, nullptr); });
  EXPECT_EQ(error.code(), ErrorCode::unsupported);
  EXPECT_CONTAINS(error.what(), "only described");
}

std::string decline_of(const KernelTable& table, const Op& op,
                       std::initializer_list<ValueType> inputs) {
  const std::vector<ValueType> types(inputs);
  const std::vector<ValueType> outputs = op.infer(types);
  const std::vector<Layout> layouts(types.size());
  const bool used[] = {true};
  const LowerRequest request{types, outputs, layouts, used, {}, 1};
  const LowerResult result = table.candidates(op.name()).at(0).factory(op, request);
  return std::holds_alternative<Decline>(result) ? std::get<Decline>(result).reason : "";
}

TEST(Decline, WithoutLibraries) {
  KernelTable table;
  cuda::bind_cudnn(table, {});
  cuda::bind_cublaslt(table, {});
  EXPECT_EQ(decline_of(table, ops::Conv2d(), {{{1, 4, 4, 2}}, {{3, 3, 3, 2}}}),
            "no libraries are used on this device");
  EXPECT_EQ(decline_of(table, ops::MatMul(), {{{2, 3}}, {{3, 4}}}),
            "no libraries are used on this device");
}

TEST(Decline, WithTheReasonWhyALibraryIsMissing) {
  cuda::Libraries libraries;
  libraries.cudnn_problem = "cuDNN is away";
  libraries.cublaslt_problem = "cuBLASLt is away";
  cuda::TableOptions options;
  options.libraries = &libraries;
  KernelTable table;
  cuda::bind_cudnn(table, options);
  cuda::bind_cublaslt(table, options);
  EXPECT_EQ(decline_of(table, ops::Conv2d(), {{{1, 4, 4, 2}}, {{3, 3, 3, 2}}}), "cuDNN is away");
  EXPECT_EQ(decline_of(table, ops::MatMul(), {{{2, 3}}, {{3, 4}}}), "cuBLASLt is away");
}

TEST(Decline, WhatCudnnIsNotAskedFor) {
  cuda::TableOptions options;
  options.libraries = &described_gpus().back().libraries;
  KernelTable table;
  cuda::bind_cudnn(table, options);
  const auto reason = [&](std::int64_t batch, DType dtype) {
    return decline_of(table, ops::Conv2d(), {{{batch, 4, 4, 2}, dtype}, {{3, 3, 3, 2}, dtype}});
  };
  EXPECT_EQ(reason(0, DType::f32), "an empty tensor");
  EXPECT_CONTAINS(reason(1, DType::f64), "not for f64");
  EXPECT_EQ(reason(1, DType::f32), "");
}

}  // namespace
}  // namespace fovea::test
