// What a kernel hands to cuDNN, and to kernels of ours, when it runs. cuDNN itself builds the
// plans, for a described device; the calls that need a real one are caught, and what they were
// given is looked at.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "cuda/bind.h"
#include "cuda/cudnn/plan.h"
#include "fovea/error.h"
#include "kernels/batch_norm.h"
#include "tests/cudnn_deviceless/deviceless.h"

namespace fovea::test {
namespace {

using namespace cuda::cudnn;

const auto kHandle = reinterpret_cast<cudnnHandle_t>(0x10);
const auto kStream = reinterpret_cast<cudaStream_t>(0x20);

/// A variant pack's attributes, which cuDNN does not tell again.
struct Pack {
  std::vector<std::int64_t> ids;
  std::vector<void*> pointers;
  void* workspace = nullptr;
};

/// What the stand-ins below know and saw.
struct {
  const Library* real = nullptr;
  const Descriptor* device = nullptr;  ///< the description that stands for the handle
  std::map<cudnnBackendDescriptor_t, cudnnBackendDescriptorType_t> types;
  std::map<cudnnBackendDescriptor_t, Pack> packs;
  int packs_created = 0;
  cudaStream_t stream = nullptr;
  cudnnStatus_t execution_status = CUDNN_STATUS_SUCCESS;
  // Of the last execution: tensors by id, and the workspace.
  std::map<std::int64_t, void*> tensors;
  void* workspace = nullptr;
  /// Called with each launch of a kernel of ours: its arguments' addresses.
  std::function<void(void** arguments)> on_launch;
} seen;

cudaError_t launch(void** arguments, cudaStream_t stream) {
  EXPECT_EQ(stream, kStream);
  EXPECT_TRUE(seen.on_launch) << "no kernel of ours was expected";
  if (seen.on_launch) seen.on_launch(arguments);
  return cudaSuccess;
}

cudnnStatus_t create_descriptor(cudnnBackendDescriptorType_t type,
                                cudnnBackendDescriptor_t* descriptor) {
  const cudnnStatus_t status = seen.real->create_descriptor(type, descriptor);
  seen.types[*descriptor] = type;
  if (type == CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR) {
    seen.packs[*descriptor] = {};
    ++seen.packs_created;
  }
  return status;
}

cudnnStatus_t destroy_descriptor(cudnnBackendDescriptor_t descriptor) {
  EXPECT_EQ(seen.types.erase(descriptor), 1u) << "destroyed twice, or not created here";
  return seen.real->destroy_descriptor(descriptor);
}

cudnnStatus_t set_attribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                            cudnnBackendAttributeType_t type, std::int64_t count,
                            const void* values) {
  if (type == CUDNN_TYPE_HANDLE) {
    EXPECT_EQ(*static_cast<const cudnnHandle_t*>(values), kHandle);
    return CUDNN_STATUS_SUCCESS;
  }
  auto* const pointers = static_cast<void* const*>(values);
  auto* const ids = static_cast<const std::int64_t*>(values);
  if (name == CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS) {
    seen.packs[descriptor].ids.assign(ids, ids + count);
  } else if (name == CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS) {
    seen.packs[descriptor].pointers.assign(pointers, pointers + count);
  } else if (name == CUDNN_ATTR_VARIANT_PACK_WORKSPACE) {
    seen.packs[descriptor].workspace = *pointers;
  }
  return seen.real->set_attribute(descriptor, name, type, count, values);
}

/// Heuristics and plans learn the device from the description, where a real handle would tell.
cudnnStatus_t finalize(cudnnBackendDescriptor_t descriptor) {
  const std::map<cudnnBackendDescriptorType_t, cudnnBackendAttributeName_t> attributes = {
      {CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP},
      {CUDNN_BACKEND_ENGINE_DESCRIPTOR, CUDNN_ATTR_ENGINE_DEVICEPROP},
      {CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP}};
  if (const auto found = attributes.find(seen.types.at(descriptor)); found != attributes.end()) {
    const cudnnBackendDescriptor_t device = seen.device->get();
    EXPECT_EQ(seen.real->set_attribute(descriptor, found->second, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                                       &device),
              CUDNN_STATUS_SUCCESS);
  }
  return seen.real->finalize(descriptor);
}

cudnnStatus_t execute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                      cudnnBackendDescriptor_t descriptor) {
  EXPECT_EQ(handle, kHandle);
  EXPECT_EQ(seen.types.at(plan), CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  const Pack& pack = seen.packs.at(descriptor);
  EXPECT_EQ(pack.ids.size(), pack.pointers.size());
  seen.tensors.clear();
  for (std::size_t i = 0; i < pack.ids.size(); ++i) seen.tensors[pack.ids[i]] = pack.pointers.at(i);
  seen.workspace = pack.workspace;
  return seen.execution_status;
}

class CudnnExecution : public testing::Test {
 protected:
  void SetUp() override {
    const DescribedGpu& gpu = described_gpus().back();
    seen = {};
    seen.real = &gpu.libraries.cudnn->library();
    description_ = Descriptor(*seen.real, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    description_.set_array<char>(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION,
                                 gpu.libraries.cudnn->device().cudnn_json);
    description_.finalize();
    seen.device = &description_;

    auto library = std::make_shared<Library>(*seen.real);
    library->create = [](cudnnHandle_t* handle) {
      *handle = kHandle;
      return CUDNN_STATUS_SUCCESS;
    };
    library->destroy = [](cudnnHandle_t) { return CUDNN_STATUS_SUCCESS; };
    library->set_stream = [](cudnnHandle_t, cudaStream_t stream) {
      seen.stream = stream;
      return CUDNN_STATUS_SUCCESS;
    };
    library->create_descriptor = create_descriptor;
    library->destroy_descriptor = destroy_descriptor;
    library->set_attribute = set_attribute;
    library->finalize = finalize;
    library->execute = execute;
    libraries_.cudnn =
        std::make_shared<Target>(library, cuda::DeviceProperties{"a stand-in", gpu.sm});
    cuda::TableOptions options;
    options.libraries = &libraries_;
    cuda::bind_cudnn(table_, options);
  }

  void TearDown() override {
    libraries_ = {};
    table_ = {};
    EXPECT_EQ(seen.types.size(), 0u) << "descriptors are left behind";
  }

  /// Runs a question's kernel with input i at address (i + 1) * `step`, the outputs behind these.
  void run(Kernel& kernel, const Question& question, std::uintptr_t step, void* workspace) {
    const std::vector<ValueType> types = types_of(question, DType::f16);
    const std::vector<ValueType> output_types = question.op->infer(types);
    std::vector<void*> pointers;
    while (pointers.size() < types.size() + output_types.size()) {
      pointers.push_back(reinterpret_cast<void*>(step * (pointers.size() + 1)));
    }
    const std::span<void*> all(pointers);
    kernel.run(KernelContext(all.first(types.size()), all.subspan(types.size()), types,
                             output_types, workspace, 1, kStream));
  }

  std::unique_ptr<Kernel> lower(const Question& question) {
    const std::vector<ValueType> types = types_of(question, DType::f16);
    const std::vector<ValueType> outputs = question.op->infer(types);
    const std::vector<Layout> layouts(types.size());
    const bool used[] = {true, true, true, true};
    LowerResult result =
        table_.candidates(question.op->name())
            .at(0)
            .factory(*question.op, {types, outputs, layouts, {used, outputs.size()}, {}, 1});
    if (const auto* decline = std::get_if<Decline>(&result)) {
      ADD_FAILURE() << question.name << ": " << decline->reason;
      return nullptr;
    }
    return std::move(std::get<Lowering>(result).kernel);
  }

  Descriptor description_;
  cuda::Libraries libraries_;
  KernelTable table_;
};

Question question_of(const std::string& op, std::size_t inputs) {
  for (const Question& question : network_questions()) {
    if (question.op->name() == op && question.inputs.size() == inputs) return question;
  }
  fail(ErrorCode::internal, "no such question");
}

TEST_F(CudnnExecution, EachTensorGetsItsPointer) {
  const struct {
    const char* op;
    std::vector<TensorId> order;  ///< the inputs, then the output
  } cases[] = {{"conv2d", {kX, kW, kY}},
               {"conv2d_backward_data", {kY, kW, kX}},
               {"conv2d_backward_filter", {kX, kY, kW}},
               {"conv2d_bias_act", {kX, kW, kBias, kY}},
               {"conv2d_bias_act", {kX, kW, kBias, kResidual, kY}}};
  for (const auto& [op, order] : cases) {
    SCOPED_TRACE(op);
    const Question question = question_of(op, order.size() - 1);
    const std::unique_ptr<Kernel> kernel = lower(question);
    ASSERT_NE(kernel, nullptr);
    auto* const workspace = reinterpret_cast<void*>(0x4000);
    run(*kernel, question, 0x100, workspace);
    std::map<std::int64_t, void*> expected;
    for (std::size_t i = 0; i < order.size(); ++i) {
      expected[order[i]] = reinterpret_cast<void*>(0x100 * (i + 1));
    }
    EXPECT_EQ(seen.tensors, expected);
    EXPECT_EQ(seen.workspace, workspace);
    EXPECT_EQ(seen.stream, kStream);
  }
}

/// 1 / sqrt(var + epsilon), then cuDNN, then dx out of what cuDNN left in dx's place.
TEST_F(CudnnExecution, TheBackwardPassOfBatchNormHandsItsTensorsOn) {
  const Question question = question_of("conv2d_backward_data_batch_norm_relu", 7);
  const std::unique_ptr<Kernel> kernel = lower(question);
  ASSERT_NE(kernel, nullptr);
  const auto at = [](std::uintptr_t i) { return reinterpret_cast<void*>(0x10000 * i); };
  auto* const workspace = reinterpret_cast<char*>(0x1000000);
  enum : std::uintptr_t {
    kDy = 1,
    kWeights,
    kInput,
    kScale,
    kShift,
    kMeans,
    kVars,
    kDx,
    kDgamma,
    kDbeta
  };  // in the order of inputs and outputs
  void* inverse = nullptr;
  int launches = 0;
  seen.on_launch = [&](void** arguments) {
    if (++launches == 1) {
      EXPECT_EQ(seen.tensors.size(), 0u) << "cuDNN was called too early";
      EXPECT_EQ(*static_cast<void**>(arguments[1]), at(kVars));
      EXPECT_EQ(*static_cast<float*>(arguments[2]), 1e-3f);
      inverse = *static_cast<void**>(arguments[3]);
      return;
    }
    const std::map<std::int64_t, void*> given = {{kY, at(kDy)},
                                                 {kW, at(kWeights)},
                                                 {kNormX, at(kInput)},
                                                 {kGamma, at(kScale)},
                                                 {kBeta, at(kShift)},
                                                 {kMean, at(kMeans)},
                                                 {kInverse, inverse},
                                                 {kX, at(kDx)},
                                                 {kGammaGradient, at(kDgamma)},
                                                 {kBetaGradient, at(kDbeta)}};
    EXPECT_EQ(seen.tensors.size(), given.size() + 3);
    for (const auto& [id, pointer] : given) EXPECT_EQ(seen.tensors[id], pointer) << id;
    const auto& pass = *static_cast<kernels::BatchNormGradients*>(arguments[1]);
    EXPECT_EQ(pass.gamma, at(kScale));
    EXPECT_EQ(pass.mean, at(kMeans));
    EXPECT_EQ(pass.var, at(kVars));
    EXPECT_EQ(pass.epsilon, 1e-3f);
    EXPECT_EQ(pass.dgamma, at(kDgamma));
    EXPECT_EQ(pass.dbeta, at(kDbeta));
    EXPECT_FALSE(pass.constant_statistics);
    EXPECT_EQ(*static_cast<void**>(arguments[2]), at(kDx));
    EXPECT_EQ(*static_cast<void**>(arguments[3]), at(kInput));
    EXPECT_EQ(*static_cast<void**>(arguments[4]), at(kDx));
  };
  run(*kernel, question, 0x10000, workspace);
  EXPECT_EQ(launches, 2);
  // The workspace holds four vectors apart from each other, then what is cuDNN's.
  std::set<char*> places;
  for (const std::int64_t id : {kInverse, kGradientFactor, kXFactor, kOffset}) {
    places.insert(static_cast<char*>(seen.tensors.at(id)));
  }
  places.insert(static_cast<char*>(seen.workspace));
  EXPECT_EQ(places.size(), 5u);
  EXPECT_EQ(*places.begin(), workspace);
  const auto channel_bytes = static_cast<std::ptrdiff_t>(4 * question.inputs[3].numel());
  for (auto place = places.begin(), next = std::next(place); next != places.end();
       ++place, ++next) {
    EXPECT_GE(*next - *place, channel_bytes);
    EXPECT_EQ((*place - workspace) % 16, 0);
  }
  EXPECT_EQ(*places.rbegin(), seen.workspace);
}

TEST_F(CudnnExecution, PointersThatComeAgainMakeNothingNew) {
  const Question question = question_of("conv2d", 2);
  const std::unique_ptr<Kernel> kernel = lower(question);
  ASSERT_NE(kernel, nullptr);
  const auto output = [&] { return seen.tensors.at(kY); };
  for (int repeat = 0; repeat < 3; ++repeat) {
    for (const std::uintptr_t slot : {0x100u, 0x200u}) {  // as two input slots in turn
      run(*kernel, question, slot, nullptr);
      EXPECT_EQ(output(), reinterpret_cast<void*>(slot * 3));
    }
  }
  EXPECT_EQ(seen.packs_created, 2);
  for (std::uintptr_t slot = 0x300; slot < 0x1300; slot += 0x100) {
    run(*kernel, question, slot, nullptr);
    EXPECT_EQ(output(), reinterpret_cast<void*>(slot * 3));
  }
  EXPECT_EQ(seen.packs_created, 18);
  run(*kernel, question, 0x100, nullptr);  // forgotten by now, and made again
  EXPECT_EQ(output(), reinterpret_cast<void*>(0x300));
}

TEST_F(CudnnExecution, AFailureNamesTheCall) {
  const Question question = question_of("conv2d", 2);
  const std::unique_ptr<Kernel> kernel = lower(question);
  ASSERT_NE(kernel, nullptr);
  seen.execution_status = CUDNN_STATUS_EXECUTION_FAILED_CUDART;
  try {
    run(*kernel, question, 0x100, nullptr);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::cudnn);
    const std::string message = error.what();
    EXPECT_NE(message.find("cudnnBackendExecute: CUDNN_STATUS_EXECUTION_FAILED_CUDART"),
              std::string::npos)
        << message;
  }
}

}  // namespace
}  // namespace fovea::test

/// This program is linked so that kernels start here.
extern "C" cudaError_t __wrap_cudaLaunchKernel(  // NOLINT(bugprone-reserved-identifier)
    const void*, dim3, dim3, void** arguments, std::size_t, cudaStream_t stream) {
  return fovea::test::launch(arguments, stream);
}
