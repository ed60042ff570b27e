#include "tests/simulated_gpu/on_device.h"

#include <memory>

#include "cuda/bind.h"
#include "cuda/check.h"
#include "cuda/cublaslt/library.h"
#include "cuda/cudnn/target.h"
#include "fovea/error.h"

namespace fovea::test {
namespace {

std::vector<ValueType> types_of(std::span<const Tensor> tensors) {
  std::vector<ValueType> types;
  for (const Tensor& tensor : tensors) types.push_back({tensor.shape(), tensor.dtype()});
  return types;
}

}  // namespace

DeviceMemory::DeviceMemory(std::size_t bytes) : bytes_(bytes) {
  if (bytes > 0) cuda::check(cudaMalloc(&pointer_, bytes), "cudaMalloc");
}

DeviceMemory::DeviceMemory(const Tensor& tensor) : DeviceMemory(tensor.bytes()) {
  if (bytes_ == 0) return;
  cuda::check(cudaMemcpy(pointer_, tensor.raw(), bytes_, cudaMemcpyHostToDevice), "cudaMemcpy");
}

DeviceMemory::~DeviceMemory() {
  if (pointer_ != nullptr) static_cast<void>(cudaFree(pointer_));
}

Tensor DeviceMemory::download(const ValueType& type) const {
  Tensor tensor(type.shape, type.dtype);
  FOVEA_REQUIRE(tensor.bytes() == bytes_, internal, "a download of another size");
  if (bytes_ > 0) {
    cuda::check(cudaMemcpy(tensor.mutable_raw(), pointer_, bytes_, cudaMemcpyDeviceToHost),
                "cudaMemcpy");
  }
  return tensor;
}

DeviceStream::DeviceStream() {
  cuda::check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "a stream");
}

DeviceStream::~DeviceStream() {
  static_cast<void>(cudaStreamSynchronize(stream_));
  static_cast<void>(cudaStreamDestroy(stream_));
}

void DeviceStream::synchronize() const {
  cuda::check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
}

const cuda::Libraries& simulated_libraries() {
  static const cuda::Libraries libraries = [] {
    cuda::Libraries opened;
    auto cudnn = cuda::cudnn::open_library(FOVEA_SIMULATED_FOLDER);
    FOVEA_REQUIRE(cudnn.library != nullptr, io, cudnn.problem);
    opened.cudnn = std::make_shared<cuda::cudnn::Target>(
        cudnn.library, cuda::DeviceProperties{"a simulated GPU", 90});
    auto cublaslt = cuda::cublaslt::open_library(FOVEA_SIMULATED_FOLDER);
    FOVEA_REQUIRE(cublaslt.library != nullptr, io, cublaslt.problem);
    opened.cublaslt = std::make_shared<const cuda::cublaslt::Handle>(cublaslt.library);
    return opened;
  }();
  return libraries;
}

const KernelTable& library_table() {
  static const KernelTable table = [] {
    KernelTable filled;
    cuda::TableOptions options;
    options.libraries = &simulated_libraries();
    options.sm = 90;
    cuda::bind_cudnn(filled, options);
    cuda::bind_cublaslt(filled, options);
    return filled;
  }();
  return table;
}

LowerResult lower(const Op& op, std::span<const Tensor> inputs, const HowToLower& how) {
  const std::vector<ValueType> input_types = types_of(inputs);
  const std::vector<ValueType> output_types = op.infer(input_types);
  const std::vector<Layout> layouts(inputs.size());
  const bool used[] = {true, true, true, true};
  const LowerRequest request{
      input_types, output_types,   layouts,    {used, output_types.size()}, {},
      1,           how.allow_tf32, how.variant};
  for (const KernelTable::Candidate& known : library_table().candidates(op.name())) {
    if (known.name == how.candidate) return known.factory(op, request);
  }
  return Decline{"there is no such candidate"};
}

std::vector<Tensor> run(const Op& op, std::span<const Tensor> inputs, Lowering& lowering) {
  const std::vector<ValueType> input_types = types_of(inputs);
  const std::vector<ValueType> output_types = op.infer(input_types);
  std::vector<DeviceMemory> memory;
  std::vector<void*> input_pointers, output_pointers;
  for (const Tensor& input : inputs) {
    memory.emplace_back(input);
    input_pointers.push_back(memory.back().get());
  }
  for (const ValueType& type : output_types) {
    memory.emplace_back(static_cast<std::size_t>(type.bytes()));
    output_pointers.push_back(memory.back().get());
  }
  const DeviceMemory workspace(static_cast<std::size_t>(lowering.workspace_bytes));
  const DeviceStream stream;
  lowering.kernel->run(KernelContext(input_pointers, output_pointers, input_types, output_types,
                                     workspace.get(), 1, stream.get()));
  stream.synchronize();
  std::vector<Tensor> outputs;
  for (std::size_t i = 0; i < output_types.size(); ++i) {
    outputs.push_back(memory[inputs.size() + i].download(output_types[i]));
  }
  return outputs;
}

}  // namespace fovea::test
