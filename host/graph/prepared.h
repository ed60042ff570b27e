// Prepared: what an inference plan needs of a model's variables, computed once: weights with batch
// norms folded in, in the layouts and types that the kernels want.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host/graph/plan.h"
#include "host/graph/variables.h"

namespace fovea {

/// Prepared values by what they were computed from and how, so that plans for several batch sizes
/// share those that are the same.
struct PreparedMemory {
  std::shared_ptr<void> memory;
  std::int64_t bytes = 0;
};
using PreparedStore = std::map<std::string, PreparedMemory>;

/// The variables that the steps of a plan read, and what its prologue gives them: a copy, which
/// later changes of the variables do not reach. Read-only from then on, so many executions share
/// it.
class FOVEA_INTERNAL Prepared {
 public:
  /// Runs the plan's prologue, as far as `store` lacks what it gives, and waits for it. The plan
  /// must have constant variables.
  Prepared(const Plan& plan, const Variables& variables, Stream& stream, PreparedStore& store);

  void* variable(int slot) const { return variables_[static_cast<std::size_t>(slot)].get(); }
  void* value(int slot) const { return values_[static_cast<std::size_t>(slot)].get(); }

 private:
  std::vector<std::shared_ptr<void>> variables_;  ///< by Plan::variables; null: no step reads it
  std::vector<std::shared_ptr<void>> values_;     ///< by planned value
};

}  // namespace fovea
