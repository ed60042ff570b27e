// Losses against Keras's.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "fovea/loss.h"
#include "host/graph/execution.h"
#include "host/graph/passes.h"
#include "tests/golden/golden.h"

namespace fovea::test {
namespace {

Loss loss_of(const Json& expected) {
  const Json& options = expected.at("options");
  Loss loss(expected.at("loss").as_string());
  if (options.contains("from_logits")) loss.from_logits = true;
  if (const Json* smoothing = options.find("label_smoothing")) {
    loss.label_smoothing = smoothing->as_double();
  }
  if (const Json* delta = options.find("delta")) loss.delta = delta->as_double();
  return loss;
}

Tensor losses_of(const Loss& loss, const Tensor& outputs, const Tensor& targets) {
  Graph graph;
  Builder b(graph);
  const Value output = b.input("output", {outputs.shape(), DType::f32});
  const Value target = b.input("target", {targets.shape(), DType::f32});
  graph.mark_output("losses", append_loss(b, loss, output, target));
  Variables variables(cpu_device());
  Execution execution(compile_graph(graph, cpu_device(), {}), variables,
                      std::make_shared<Arena>(cpu_device()));
  execution.bind_input(0, outputs.raw());
  execution.bind_input(1, targets.raw());
  execution.run();
  return execution.output(0);
}

TEST(Golden, LossesAreKeras) {
  const Json file = golden("losses");
  int compared = 0;
  for (const auto& [name, expected] : file.as_object()) {
    if (name == "versions") continue;
    std::vector<std::int64_t> sizes;
    for (const Json& size : expected.at("shape").as_array()) sizes.push_back(size.as_int());
    const Tensor losses =
        losses_of(loss_of(expected), tensor_of(expected.at("outputs"), Shape(sizes)),
                  tensor_of(expected.at("targets"), Shape(sizes)));
    ASSERT_EQ(static_cast<std::size_t>(losses.numel()), expected.at("losses").size()) << name;
    for (std::int64_t n = 0; n < losses.numel(); ++n, ++compared) {
      const double value = expected.at("losses")[static_cast<std::size_t>(n)].as_double();
      EXPECT_NEAR(losses.item(n), value, 1e-6 * (1 + std::abs(value))) << name << ", sample " << n;
    }
  }
  EXPECT_EQ(compared, 22 * 4 + 1 + 3);
}

}  // namespace
}  // namespace fovea::test
