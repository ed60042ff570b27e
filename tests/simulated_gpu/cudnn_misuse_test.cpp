// The simulated cuDNN catches wrong use, most of which cuDNN itself lets pass.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <vector>

#include "cuda/cudnn/descriptor.h"
#include "cuda/cudnn/plan.h"
#include "cuda/cudnn/target.h"
#include "fovea/error.h"
#include "tests/simulated_gpu/on_device.h"

namespace fovea::test {
namespace {

using namespace cuda::cudnn;

const Library& library() { return simulated_libraries().cudnn->library(); }

/// One descriptor's attributes, to be changed or left out before it is made.
struct Draft {
  cudnnBackendDescriptorType_t type;
  std::map<cudnnBackendAttributeName_t, std::function<void(Descriptor&)>> attributes;

  template <class T>
  Draft& with(cudnnBackendAttributeName_t name, T value) {
    attributes[name] = [=](Descriptor& descriptor) { descriptor.set(name, value); };
    return *this;
  }
  Draft& with(cudnnBackendAttributeName_t name, std::vector<std::int64_t> values) {
    attributes[name] = [=](Descriptor& descriptor) {
      descriptor.set_array<std::int64_t>(name, values);
    };
    return *this;
  }
  Draft& with(cudnnBackendAttributeName_t name, const Descriptor& value) {
    attributes[name] = [=, &value](Descriptor& descriptor) { descriptor.set(name, value); };
    return *this;
  }
  Draft without(cudnnBackendAttributeName_t name) const {
    Draft draft = *this;
    draft.attributes.erase(name);
    return draft;
  }
  Descriptor set() const {
    Descriptor descriptor(library(), type);
    for (const auto& [name, set] : attributes) set(descriptor);
    return descriptor;
  }
  Descriptor make() const {
    Descriptor descriptor = set();
    descriptor.finalize();
    return descriptor;
  }
};

using Sizes = std::vector<std::int64_t>;

Draft tensor_draft(std::int64_t id, const Sizes& sizes) {
  const std::int64_t c = sizes[1], h = sizes[2], w = sizes[3];
  Draft draft{CUDNN_BACKEND_TENSOR_DESCRIPTOR, {}};
  return draft.with(CUDNN_ATTR_TENSOR_UNIQUE_ID, id)
      .with(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_DATA_FLOAT)
      .with(CUDNN_ATTR_TENSOR_DIMENSIONS, sizes)
      .with(CUDNN_ATTR_TENSOR_STRIDES, Sizes{h * w * c, 1, w * c, c})
      .with(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, std::int64_t{16});
}

Draft window_draft() {
  Draft draft{CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, {}};
  return draft.with(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT)
      .with(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION)
      .with(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, std::int64_t{2})
      .with(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, Sizes{1, 1})
      .with(CUDNN_ATTR_CONVOLUTION_DILATIONS, Sizes{1, 1})
      .with(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, Sizes{0, 0})
      .with(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, Sizes{0, 0});
}

/// What a call is refused with; empty where it is not.
std::string refusal(const std::function<void()>& call) {
  try {
    call();
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

void expect_refused(const std::function<void()>& call, const std::string& words) {
  const std::string refused = refusal(call);
  EXPECT_NE(refused.find(words), std::string::npos) << "wanted: " << words << "\ngot: " << refused;
}

/// A 3x3 convolution of two 5x5 pictures.
struct Parts {
  Descriptor window = window_draft().make();
  Descriptor x = tensor_draft(1, {2, 8, 5, 5}).make();
  Descriptor w = tensor_draft(2, {16, 8, 3, 3}).make();
  Descriptor y = tensor_draft(3, {2, 16, 3, 3}).make();

  Draft forward() const {
    Draft draft{CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, {}};
    return draft.with(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, window)
        .with(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x)
        .with(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, w)
        .with(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y)
        .with(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1.0f)
        .with(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0.0f);
  }
};

void make_graph(const Descriptor& operation) {
  Draft{CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, {}}
      .with(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation)
      .make();
}

TEST(SimulatedCudnn, AMissingAttributeIsRefused) {
  const Parts parts;
  for (const Draft& draft : {tensor_draft(1, {2, 8, 5, 5}), window_draft(), parts.forward()}) {
    EXPECT_EQ(refusal([&] { draft.make(); }), "");
    for (const auto& [name, set] : draft.attributes) {
      expect_refused([&, missing = name] { draft.without(missing).make(); },
                     "CUDNN_STATUS_BAD_PARAM, attribute " + std::to_string(name) + " is missing");
    }
  }
}

TEST(SimulatedCudnn, AttributesHaveTypesCountsAndTheirTime) {
  const Draft draft = tensor_draft(1, {2, 8, 5, 5});
  Descriptor finalized = draft.make();
  expect_refused([&] { finalized.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, std::int64_t{2}); },
                 "after the descriptor was finalized");
  expect_refused([&] { finalized.finalize(); }, "finalized twice");
  expect_refused([&] { Draft(draft).with(CUDNN_ATTR_TENSOR_UNIQUE_ID, 1.0f).set(); },
                 "CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE");
  expect_refused(
      [&] {
        Draft(draft).with(CUDNN_ATTR_TENSOR_UNIQUE_ID, Sizes{1, 2}).set();
      },
      "does not have 2 elements");
  expect_refused(
      [&] {
        Draft(draft).with(CUDNN_ATTR_CONVOLUTION_DILATIONS, Sizes{1, 1}).set();
      },
      "cannot be set");
  const Descriptor unfinished = draft.set();
  expect_refused(
      [&] { static_cast<void>(unfinished.read<std::int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID)); },
      "CUDNN_STATUS_NOT_INITIALIZED");
  expect_refused([&] { static_cast<void>(finalized.read<float>(CUDNN_ATTR_TENSOR_UNIQUE_ID)); },
                 "CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE");
}

TEST(SimulatedCudnn, OperationsFitTogether) {
  const Parts parts;
  const auto forward_with = [&](cudnnBackendAttributeName_t name, const Descriptor& value) {
    return refusal([&] { parts.forward().with(name, value).make(); });
  };
  const auto x = CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X;
  const auto w = CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W;
  const auto y = CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y;
  const struct {
    std::string refused, words;
  } cases[] = {
      {forward_with(x, tensor_draft(1, {2, 8, 5, 5}).set()),
       "CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED"},
      {forward_with(x, parts.window), "CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE"},
      {forward_with(y, tensor_draft(3, {2, 16, 4, 3}).make()), "as large as the window makes it"},
      {forward_with(y, tensor_draft(3, {1, 16, 3, 3}).make()), "batch"},
      {forward_with(y, tensor_draft(3, {2, 15, 3, 3}).make()), "not the filters"},
      {forward_with(w, tensor_draft(2, {16, 7, 3, 3}).make()), "do not divide"}};
  for (const auto& [refused, words] : cases) {
    EXPECT_NE(refused.find(words), std::string::npos) << words << ": " << refused;
  }
}

TEST(SimulatedCudnn, GraphsMakeSense) {
  const Parts parts;
  const auto y = CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y;
  EXPECT_EQ(refusal([&] { make_graph(parts.forward().make()); }), "");
  const auto graph_with = [&](const Draft& draft) {
    const Descriptor tensor_descriptor = draft.make();
    make_graph(parts.forward().with(y, tensor_descriptor).make());
  };
  expect_refused([&] { graph_with(tensor_draft(1, {2, 16, 3, 3})); }, "described in two ways");
  expect_refused(
      [&] {
        graph_with(tensor_draft(3, {2, 16, 3, 3}).with(CUDNN_ATTR_TENSOR_IS_VIRTUAL, true));
      },
      "not written and read");
  expect_refused(
      [&] {
        graph_with(
            tensor_draft(3, {2, 16, 3, 3}).with(CUDNN_ATTR_TENSOR_STRIDES, Sizes{144, 9, 3, 1}));
      },
      "CUDNN_STATUS_NOT_SUPPORTED_LAYOUT");
  const Descriptor unknown = Draft{CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR, {}}.make();
  expect_refused([&] { make_graph(unknown); }, "CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN");
}

/// A plan with a workspace, and all that it runs on.
class Execution : public testing::Test {
 protected:
  void SetUp() override {
    Convolution convolution;
    convolution.dtype = DType::f16;
    convolution.x = convolution.y = {2, 5, 5, 8};
    convolution.w = {8, 3, 3, 8};
    convolution.window = resolve_window({5, 5}, 3, 1, 1, Padding::cells(1));
    std::string problem;
    plan_ = choose_plan(simulated_libraries().cudnn, convolution, {false, 512}, problem);
    ASSERT_NE(plan_, nullptr) << problem;
    ASSERT_EQ(plan_->workspace_bytes(), 512);
  }

  void execute(std::vector<std::int64_t> ids, std::vector<void*> pointers, void* workspace) {
    plan_->execute(ids, pointers, workspace, stream_.get());
    stream_.synchronize();
  }

  static constexpr std::size_t kPictures = 2 * 5 * 5 * 8 * 2, kFilters = 8 * 3 * 3 * 8 * 2;
  DeviceMemory x_{kPictures}, w_{kFilters}, y_{kPictures}, workspace_{512}, tight_{kPictures - 2};
  DeviceStream stream_;
  std::unique_ptr<Plan> plan_;
};

TEST_F(Execution, TakesWhatThePlanNeedsAndNoMore) {
  void* const x = x_.get();
  void* const w = w_.get();
  void* const y = y_.get();
  void* const workspace = workspace_.get();
  const std::vector<std::int64_t> ids = {kX, kW, kY};
  EXPECT_EQ(refusal([&] { execute(ids, {x, w, y}, workspace); }), "");
  expect_refused([&] { execute({kX, kY}, {x, y}, workspace); }, "no pointer for tensor 2");
  expect_refused([&] { execute({kX, kW, kY, kBias}, {x, w, y, w}, workspace); }, "tensor 4, which");
  expect_refused([&] { execute({kX, kX, kY}, {x, w, y}, workspace); }, "an id comes twice");
  expect_refused([&] { execute(ids, {x, nullptr, y}, workspace); }, "tensor 2 is null");
  expect_refused(
      [&] {
        execute(ids, {x, static_cast<char*>(w) + 8, y}, workspace);
      },
      "CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER");
  expect_refused([&] { execute(ids, {y, w, y}, workspace); }, "tensor 3 overlaps tensor 1");
  expect_refused([&] { execute(ids, {x, w, y}, nullptr); }, "needs a workspace");
  expect_refused([&] { execute(ids, {x, w, y}, y); }, "overlaps the workspace");
}

TEST(SimulatedCudnn, EachIdOfAVariantPackHasAPointer) {
  Descriptor pack(library(), CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set_array<std::int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, Sizes{1, 2, 3});
  pack.set_array<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, std::vector<void*>(2));
  expect_refused([&] { pack.finalize(); }, "3 ids for 2 pointers");
}

TEST_F(Execution, EndsAtMemoryThatIsNotTheDevices) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const std::vector<std::int64_t> ids = {kX, kW, kY};
  alignas(16) static char host[kPictures];
  EXPECT_DEATH(execute(ids, {host, w_.get(), y_.get()}, workspace_.get()), "cuDNN's tensor 1");
  EXPECT_DEATH(execute(ids, {tight_.get(), w_.get(), y_.get()}, workspace_.get()),
               "cuDNN's tensor 1");
  EXPECT_DEATH(execute(ids, {x_.get(), w_.get(), y_.get()}, host), "cuDNN's workspace");
}

TEST(SimulatedCudnn, WhatIsDestroyedIsGone) {
  cudnnBackendDescriptor_t descriptor = nullptr;
  ASSERT_EQ(library().create_descriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR, &descriptor),
            CUDNN_STATUS_SUCCESS);
  EXPECT_EQ(library().destroy_descriptor(descriptor), CUDNN_STATUS_SUCCESS);
  EXPECT_EQ(library().destroy_descriptor(descriptor), CUDNN_STATUS_BAD_PARAM);
  EXPECT_EQ(library().finalize(descriptor), CUDNN_STATUS_BAD_PARAM);
  EXPECT_EQ(library().finalize(nullptr), CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
  cudnnHandle_t handle = nullptr;
  ASSERT_EQ(library().create(&handle), CUDNN_STATUS_SUCCESS);
  EXPECT_EQ(library().destroy(handle), CUDNN_STATUS_SUCCESS);
  EXPECT_EQ(library().set_stream(handle, nullptr), CUDNN_STATUS_NOT_INITIALIZED);
}

}  // namespace
}  // namespace fovea::test
