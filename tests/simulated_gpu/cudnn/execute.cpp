#include "tests/simulated_gpu/cudnn/execute.h"

#include <set>

#include "tests/simulated_gpu/cudnn/compute.h"
#include "tests/simulated_gpu/cudnn/engines.h"
#include "tests/simulated_gpu/cudnn/graph.h"
#include "tests/simulated_gpu/runtime.h"

namespace simulated_gpu::cudnn {
namespace {

/// All that the work needs, long after the descriptors are gone.
struct Work {
  std::shared_ptr<const Graph> graph;
  std::map<std::int64_t, void*> pointers;
  void* workspace = nullptr;
  std::size_t workspace_bytes = 0;
  bool tensor_core = false;
};

/// Calls f(element's place in memory, element's place among the values), in elements.
template <class F>
void for_each_element(const Tensor& tensor, const Values& values, const F& f) {
  std::size_t at = 0;
  for (std::int64_t n = 0; n < values.sizes[0]; ++n) {
    for (std::int64_t h = 0; h < values.sizes[1]; ++h) {
      for (std::int64_t w = 0; w < values.sizes[2]; ++w) {
        for (std::int64_t c = 0; c < values.sizes[3]; ++c, ++at) {
          f(n * tensor.strides[0] + c * tensor.strides[1] + h * tensor.strides[2] +
                w * tensor.strides[3],
            at);
        }
      }
    }
  }
}

Values loaded(const Tensor& tensor, const void* memory) {
  Values values(tensor);
  for_each_element(tensor, values, [&](std::int64_t place, std::size_t i) {
    values.elements[i] = load(memory, tensor.type, place);
  });
  return values;
}

/// Ids of tensors in memory that the graph writes; whether what they held counts.
std::map<std::int64_t, bool> outputs_in_memory(const Graph& graph) {
  std::map<std::int64_t, bool> outputs;
  for (const Operation& operation : graph.operations) {
    for (const Tensor& output : operation.outputs) {
      if (output.is_virtual) continue;
      outputs[output.id] = operation.is_convolution() && operation.beta != 0;
    }
  }
  return outputs;
}

void check_memory(const Work& work) {
  for (const auto& [id, pointer] : work.pointers) {
    const std::string what = "cuDNN's tensor " + std::to_string(id);
    require_device_memory(pointer, work.graph->tensors.at(id).extent_bytes(), what.c_str());
  }
  if (work.workspace_bytes > 0) {
    require_device_memory(work.workspace, work.workspace_bytes, "cuDNN's workspace");
  }
}

/// Every output is NaN until it is computed, and the workspace belongs to cuDNN.
void spoil(const Work& work) {
  for (const auto& [id, is_read] : outputs_in_memory(*work.graph)) {
    const Tensor& tensor = work.graph->tensors.at(id);
    if (!is_read) fill_with_nan(work.pointers.at(id), tensor.extent_bytes());
  }
  if (work.workspace_bytes > 0) fill_with_nan(work.workspace, work.workspace_bytes);
}

void run(const Work& work) {
  check_memory(work);
  spoil(work);
  std::map<std::int64_t, Values> known;
  const auto values_of = [&](const Tensor& tensor) -> const Values& {
    const auto [entry, is_new] = known.try_emplace(tensor.id);
    if (is_new) entry->second = loaded(tensor, work.pointers.at(tensor.id));
    return entry->second;
  };
  for (const Operation& operation : work.graph->operations) {
    std::vector<const Values*> inputs;
    bool f32 = true;
    for (const Tensor& input : operation.inputs) {
      inputs.push_back(&values_of(input));
      f32 = f32 && input.type == Type::f32;
    }
    std::vector<Values> results = compute(operation, inputs, work.tensor_core && f32);
    for (std::size_t i = 0; i < results.size(); ++i) {
      const Tensor& output = operation.outputs[i];
      Values& values = results[i];
      if (operation.is_convolution() && operation.beta != 0) {
        const Values before = loaded(output, work.pointers.at(output.id));
        for (std::size_t e = 0; e < values.elements.size(); ++e) {
          values.elements[e] += operation.beta * before.elements[e];
        }
      }
      for (double& element : values.elements) element = rounded(element, output.type);
      if (!output.is_virtual) {
        void* const memory = work.pointers.at(output.id);
        for_each_element(output, values, [&](std::int64_t place, std::size_t e) {
          store(memory, output.type, place, values.elements[e]);
        });
      }
      known[output.id] = std::move(values);
    }
  }
}

std::string named(std::int64_t id) { return "tensor " + std::to_string(id); }

/// The pack gives each tensor in memory one aligned pointer, and no others; outputs lie apart.
void check_pack(const Work& work) {
  for (const auto& [id, tensor] : work.graph->tensors) {
    if (tensor.is_virtual) continue;
    const auto found = work.pointers.find(id);
    require(found != work.pointers.end(), CUDNN_STATUS_BAD_PARAM,
            "the variant pack has no pointer for " + named(id));
    require(found->second != nullptr, CUDNN_STATUS_BAD_PARAM_NULL_POINTER, named(id) + " is null");
    require(is_aligned(found->second, static_cast<std::uint64_t>(tensor.alignment)),
            CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER,
            named(id) + " is not aligned as its descriptor says");
  }
  for (const auto& [id, pointer] : work.pointers) {
    const auto found = work.graph->tensors.find(id);
    require(found != work.graph->tensors.end() && !found->second.is_virtual, CUDNN_STATUS_BAD_PARAM,
            "the variant pack has a pointer for " + named(id) + ", which the graph does not have");
  }
  require(work.workspace_bytes == 0 || work.workspace != nullptr,
          CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "the plan needs a workspace");
}

void check_overlaps(const Work& work) {
  for (const auto& [output, is_read] : outputs_in_memory(*work.graph)) {
    void* const memory = work.pointers.at(output);
    const std::size_t bytes = work.graph->tensors.at(output).extent_bytes();
    for (const auto& [id, pointer] : work.pointers) {
      if (id == output) continue;
      require(!overlap(memory, bytes, pointer, work.graph->tensors.at(id).extent_bytes()),
              CUDNN_STATUS_BAD_PARAM, named(output) + " overlaps " + named(id));
    }
  }
  if (work.workspace_bytes == 0) return;
  for (const auto& [id, pointer] : work.pointers) {
    require(!overlap(work.workspace, work.workspace_bytes, pointer,
                     work.graph->tensors.at(id).extent_bytes()),
            CUDNN_STATUS_BAD_PARAM, named(id) + " overlaps the workspace");
  }
}

}  // namespace

void execute(cudnnHandle_t handle, cudaStream_t stream, const ContentPtr& plan,
             const ContentPtr& pack) {
  require(handle == plan->one_or<cudnnHandle_t>(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, nullptr),
          CUDNN_STATUS_BAD_PARAM, "the plan was made for another handle");
  const Content& engine =
      *plan->child(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)->child(CUDNN_ATTR_ENGINECFG_ENGINE);
  Work work;
  work.graph = engine.child(CUDNN_ATTR_ENGINE_OPERATION_GRAPH)->graph;
  work.tensor_core =
      find_engine(engine.one<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX))->tensor_core;
  work.workspace = pack->one_or<void*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, nullptr);
  work.workspace_bytes =
      static_cast<std::size_t>(plan->one<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE));
  const auto ids = pack->all<std::int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  const auto pointers = pack->all<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
  for (std::size_t i = 0; i < ids.size(); ++i) work.pointers[ids[i]] = pointers[i];
  check_pack(work);
  check_overlaps(work);
  check_memory(work);
  const cudaError_t status = enqueue(stream, "cudnnBackendExecute", [work] { run(work); });
  require(status == cudaSuccess, CUDNN_STATUS_EXECUTION_FAILED_CUDART,
          "the stream refuses work: CUDA error " + std::to_string(status));
}

}  // namespace simulated_gpu::cudnn
