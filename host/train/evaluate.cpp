// evaluate(): loss and metrics over all samples.
#include <algorithm>
#include <iostream>

#include "host/graph/step_state.h"
#include "host/train/batch_source.h"
#include "host/train/model_impl.h"
#include "host/train/progress.h"
#include "host/train/sample_weights.h"

namespace fovea {

Logs Model::Impl::evaluate(const Arrays& data, std::int64_t batch_size,
                           const ResidentData* resident, ProgressBar* progress) {
  const std::int64_t rows = data.inputs.front().shape()[0];
  std::vector<Tensor> x;
  std::vector<Tensor> y;
  const auto step_for = [&](std::int64_t first, std::int64_t last) -> Execution& {
    if (resident != nullptr) return resident_step(*resident, StepMode::evaluate, last - first, 1);
    const Arrays batch = slice(data, first, last);
    prepare(batch.inputs, batch.targets, x, y);
    Execution& step = execution(spec(StepMode::evaluate, x, y));
    bind(step, network, x, y);
    return step;
  };
  if (progress != nullptr) progress->begin_evaluation((rows - 1) / batch_size + 1);
  for (std::int64_t first = 0; first < rows; first += batch_size) {
    Execution& step = step_for(first, std::min(rows, first + batch_size));
    if (first == 0) {  // now that there are sums and counters
      clear_metrics("evaluate");
      if (resident != nullptr) variables->write_integer(step_state::kEvaluated, 0);
    }
    step.run();
    if (progress != nullptr) {
      progress->step(first / batch_size, [this] { return read_metrics("evaluate"); });
    }
  }
  Logs logs = read_metrics("evaluate");
  if (progress != nullptr) progress->end_epoch(logs);
  return logs;
}

Logs Model::evaluate(const Arrays& data, const EvaluateOptions& options) {
  impl_->require_compiled("evaluate()");
  check_arrays(impl_->network, data, true);
  Arrays weighted = data;
  add_sample_weights(weighted, options.sample_weight);
  FOVEA_REQUIRE(options.batch_size >= 1, invalid_argument, "the batch size is at least 1, not ",
                options.batch_size);
  FOVEA_REQUIRE(data.inputs.front().shape()[0] > 0, invalid_argument,
                "there is nothing to evaluate");
  ProgressBar progress(std::cout, ProgressOptions::for_stdout(options.verbose));
  return impl_->evaluate(weighted, options.batch_size, nullptr, &progress);
}

Logs Model::evaluate(const Dataset& data, const EvaluateOptions& options) {
  return evaluate(arrays_of(data), options);
}

}  // namespace fovea
