#include "tests/host_kernels/run_candidate.h"

#include <cstdlib>
#include <memory>
#include <valarray>

#include "cuda/table.h"
#include "fovea/error.h"

namespace fovea::test {
namespace {

using Memory = std::unique_ptr<char, decltype(&std::free)>;

/// As aligned as cudaMalloc's, but not a byte longer.
Memory exactly(std::size_t bytes) {
  void* memory = nullptr;
  constexpr std::size_t kAlignment = 256;
  FOVEA_REQUIRE(posix_memalign(&memory, kAlignment, bytes) == 0, out_of_memory, bytes, " bytes");
  if (bytes > 0) std::memset(memory, 0xFF, bytes);
  return {static_cast<char*>(memory), &std::free};
}

std::vector<ValueType> types_of(std::span<const Tensor> tensors) {
  std::vector<ValueType> types;
  for (const Tensor& tensor : tensors) types.push_back({tensor.shape(), tensor.dtype()});
  return types;
}

Tensor copy_of(const Memory& memory, const ValueType& type) {
  Tensor tensor(type.shape, type.dtype);
  if (tensor.bytes() > 0) std::memcpy(tensor.mutable_raw(), memory.get(), tensor.bytes());
  return tensor;
}

}  // namespace

const KernelTable& cuda_table() {
  static const KernelTable table = [] {
    KernelTable filled;
    cuda::fill_table(filled);
    return filled;
  }();
  return table;
}

LowerResult lower_for_cuda(const Op& op, std::span<const Tensor> inputs,
                           const std::string& candidate, const How& how) {
  const std::vector<ValueType> input_types = types_of(inputs);
  const std::vector<ValueType> output_types = op.infer(input_types);
  const std::vector<Layout> layouts(inputs.size());
  const std::vector<Layout> wanted(op.name() == "reorder" ? 1 : 0);
  const std::valarray<bool> used(true, output_types.size());
  const LowerRequest request{
      input_types, output_types,   layouts,    {std::begin(used), used.size()}, wanted,
      1,           how.allow_tf32, how.variant};
  for (const KernelTable::Candidate& known : cuda_table().candidates(op.name())) {
    if (known.name == candidate) return known.factory(op, request);
  }
  return Decline{"there is no such candidate"};
}

std::vector<Tensor> run_candidate(const Op& op, std::span<const Tensor> inputs,
                                  const std::string& candidate, const std::pair<int, int>* shared,
                                  const How& how) {
  LowerResult result = lower_for_cuda(op, inputs, candidate, how);
  auto& lowering = std::get<Lowering>(result);
  const std::vector<ValueType> input_types = types_of(inputs);
  const std::vector<ValueType> output_types = op.infer(input_types);

  std::vector<Memory> memory;
  std::vector<void*> input_pointers, output_pointers;
  for (const Tensor& input : inputs) {
    memory.push_back(exactly(input.bytes()));
    input_pointers.push_back(memory.back().get());
    if (input.bytes() > 0) std::memcpy(memory.back().get(), input.raw(), input.bytes());
  }
  for (std::size_t o = 0; o < output_types.size(); ++o) {
    memory.push_back(exactly(static_cast<std::size_t>(output_types[o].bytes())));
    output_pointers.push_back(memory.back().get());
    if (shared != nullptr && shared->first == static_cast<int>(o)) {
      std::swap(memory.back(), memory[static_cast<std::size_t>(shared->second)]);
      output_pointers.back() = input_pointers[static_cast<std::size_t>(shared->second)];
    }
  }
  const Memory workspace = exactly(static_cast<std::size_t>(lowering.workspace_bytes));
  lowering.kernel->run(KernelContext(input_pointers, output_pointers, input_types, output_types,
                                     workspace.get(), 1, nullptr, how.allow_tf32));

  std::vector<Tensor> results;
  for (std::size_t o = 0; o < output_types.size(); ++o) {
    results.push_back(copy_of(memory[inputs.size() + o], output_types[o]));
  }
  for (int index : op.effects()) {
    const auto i = static_cast<std::size_t>(index);
    results.push_back(copy_of(memory[i], input_types[i]));
  }
  return results;
}

}  // namespace fovea::test
