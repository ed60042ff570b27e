// What a kernel hands to cuDNN when it runs. cuDNN itself builds the plans, for a described device;
// the calls that need a real one are caught, and what they were given is looked at.
#include <gtest/gtest.h>

#include <map>

#include "cuda/bind.h"
#include "cuda/cudnn/plan.h"
#include "fovea/error.h"
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
} seen;

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

  /// Runs a question's kernel with input i at address (i + 1) * `step`, the output behind these.
  void run(Kernel& kernel, const Question& question, std::uintptr_t step, void* workspace) {
    std::vector<ValueType> types;
    std::vector<void*> inputs;
    for (const Shape& shape : question.inputs) {
      types.push_back({shape, DType::f16});
      inputs.push_back(reinterpret_cast<void*>(step * (inputs.size() + 1)));
    }
    const std::vector<ValueType> outputs = question.op->infer(types);
    void* output = reinterpret_cast<void*>(step * (inputs.size() + 1));
    kernel.run(KernelContext(inputs, {&output, 1}, types, outputs, workspace, 1, kStream));
  }

  std::unique_ptr<Kernel> lower(const Question& question) {
    std::vector<ValueType> types;
    for (const Shape& shape : question.inputs) types.push_back({shape, DType::f16});
    const std::vector<ValueType> outputs = question.op->infer(types);
    const std::vector<Layout> layouts(types.size());
    const bool used[] = {true};
    LowerResult result = table_.candidates(question.op->name())
                             .at(0)
                             .factory(*question.op, {types, outputs, layouts, used, {}, 1});
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
