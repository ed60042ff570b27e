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

TEST(Golden, LossesAreKeras) {
  const Json file = golden("losses");
  int compared = 0;
  for (const auto& [name, expected] : file.as_object()) {
    if (name == "versions") continue;
    const Tensor outputs = tensor_of(expected.at("outputs"), {4, 5});
    const Tensor targets = tensor_of(expected.at("targets"), {4, 5});
    Graph graph;
    Builder b(graph);
    const Value output = b.input("output", {{4, 5}, DType::f32});
    const Value target = b.input("target", {{4, 5}, DType::f32});
    graph.mark_output("losses", append_loss(b, Loss(name), output, target));
    Variables variables(cpu_device());
    Execution execution(compile_graph(graph, cpu_device(), {}), variables,
                        std::make_shared<Arena>(cpu_device()));
    execution.bind_input(0, outputs.raw());
    execution.bind_input(1, targets.raw());
    execution.run();
    const Tensor losses = execution.output(0);
    for (std::int64_t n = 0; n < 4; ++n, ++compared) {
      const double value = expected.at("losses")[static_cast<std::size_t>(n)].as_double();
      EXPECT_NEAR(losses.item(n), value, 1e-6 * (1 + std::abs(value))) << name << ", sample " << n;
    }
  }
  EXPECT_EQ(compared, 12 * 4);
}

}  // namespace
}  // namespace fovea::test
