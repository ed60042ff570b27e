// Ops over lists of tensors: what their bindings share.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <span>
#include <string>

#include "fovea/op.h"

namespace fovea::cuda {

/// Calls fill(table, segment) for every segment and launch(table) for each table that they fill:
/// one launch as a rule, where there are not very many segments.
template <class Table, class Fill, class LaunchTable>
cudaError_t for_each_table(std::int64_t segments, const Fill& fill, const LaunchTable& launch) {
  Table table;
  for (std::int64_t segment = 0; segment < segments; ++segment) {
    if (table.full()) {
      if (const cudaError_t status = launch(table); status != cudaSuccess) return status;
      table = {};
    }
    fill(table, static_cast<std::size_t>(segment));
  }
  return launch(table);
}

/// Empty where all of these are f32.
inline std::string declines_unless_f32(std::span<const ValueType> inputs) {
  for (const ValueType& type : inputs) {
    if (type.dtype != DType::f32) {
      return "CUDA keeps weights, gradients, averages and optimizers' state in f32";
    }
  }
  return {};
}

}  // namespace fovea::cuda
