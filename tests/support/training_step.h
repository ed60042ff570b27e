// One training step of a small network as an execution, for tests of what a run asks of its device.
#pragma once

#include <memory>

#include "host/graph/execution.h"
#include "host/graph/passes.h"
#include "host/train/step_graph.h"
#include "tests/train/small_data.h"

namespace fovea::test {

class TrainingStep {
 public:
  explicit TrainingStep(const std::shared_ptr<Device>& device, DType low = DType::f32)
      : data_(bright_channel(kBatch)), stream_(device->make_stream()), variables_(device, stream_) {
    const Network network = small_cnn();
    CompileOptions compile;
    compile.loss = "sparse_categorical_crossentropy";
    compile.metrics = {"accuracy"};
    StepSpec spec;
    spec.mode = StepMode::train;
    spec.inputs = {{data_.x.shape(), data_.x.dtype()}};
    spec.targets = {{data_.y.shape(), data_.y.dtype()}};
    spec.low = low;
    spec.frozen = [](const std::string&) { return false; };
    const auto plan = compile_graph(build_step_graph(network, &compile, spec), device, {});
    variables_.create_missing(plan->graph(), 3);
    execution_ =
        std::make_unique<Execution>(plan, variables_, std::make_shared<Arena>(device, stream_));
    for (std::size_t i = 0; i < plan->inputs().size(); ++i) {
      const bool target = plan->inputs()[i].name.starts_with("target:");
      execution_->bind_input(i, target ? data_.y.raw() : data_.x.raw());
    }
  }

  Execution& execution() { return *execution_; }
  Stream& stream() { return *stream_; }

 private:
  static constexpr std::int64_t kBatch = 12;
  Dataset data_;
  std::shared_ptr<Stream> stream_;
  Variables variables_;
  std::unique_ptr<Execution> execution_;
};

}  // namespace fovea::test
