// Runs one candidate of the CUDA kernel table on the host, each tensor in memory of its own and of
// its exact size, so that AddressSanitizer sees every step out of it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "fovea/kernel.h"
#include "fovea/tensor.h"

namespace fovea::test {

const KernelTable& cuda_table();

/// How a candidate is asked to compute.
struct How {
  int variant = 0;
  bool allow_tf32 = false;
};

/// The candidate's answer to these inputs, every output being read.
LowerResult lower_for_cuda(const Op& op, std::span<const Tensor> inputs,
                           const std::string& candidate, const How& how = {});

/// The outputs and then the overwritten inputs. Outputs and workspace start as NaN. `shared` is the
/// (output, input) pair to give one memory, as the lowering's in_place permits; null: none.
std::vector<Tensor> run_candidate(const Op& op, std::span<const Tensor> inputs,
                                  const std::string& candidate,
                                  const std::pair<int, int>* shared = nullptr, const How& how = {});

}  // namespace fovea::test
