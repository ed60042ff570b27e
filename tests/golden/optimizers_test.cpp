// Every optimizer's first 20 steps against Keras's.
#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "fovea/ops.h"
#include "fovea/optimizer.h"
#include "host/graph/execution.h"
#include "host/graph/passes.h"
#include "tests/golden/golden.h"

namespace fovea::test {
namespace {

using OptimizerPtr = std::shared_ptr<const Optimizer>;

OptimizerOptions option(double OptimizerOptions::*member, double value) {
  OptimizerOptions options;
  options.*member = value;
  return options;
}

/// As tests/golden/generate.py makes them.
std::map<std::string, OptimizerPtr> optimizers() {
  return {
      {"sgd", make_optimizer("sgd")},
      {"momentum", make_optimizer("momentum")},
      {"nesterov", make_optimizer("nesterov")},
      {"adagrad", make_optimizer("adagrad")},
      {"rmsprop", make_optimizer("rmsprop")},
      {"rmsprop_momentum", RmsProp(0.002, 0.8, 0.5).clone()},
      {"rmsprop_centered", RmsProp(0.001, 0.9, 0, 1e-7, true).clone()},
      {"rmsprop_centered_momentum", RmsProp(0.001, 0.9, 0.5, 1e-7, true).clone()},
      {"adam", make_optimizer("adam")},
      {"adamw", make_optimizer("adamw")},
      {"adamax", make_optimizer("adamax")},
      {"nadam", make_optimizer("nadam")},
      {"nadam_slow", Nadam(0.01, 0.5, 0.9).clone()},
      {"adam_clip_value",
       Adam(0.001, 0.9, 0.999, 1e-7, option(&OptimizerOptions::clip_value, 0.5)).clone()},
      {"sgd_clip_norm", Sgd(0.01, 0, false, option(&OptimizerOptions::clip_norm, 0.5)).clone()},
      {"sgd_global_clip_norm",
       Sgd(0.01, 0, false, option(&OptimizerOptions::global_clip_norm, 0.5)).clone()},
      {"sgd_decay", Sgd(0.01, 0, false, option(&OptimizerOptions::weight_decay, 0.01)).clone()},
  };
}

/// Two parameters whose gradients are given.
class Walk {
 public:
  Walk(const Optimizer& optimizer, const std::vector<Tensor>& weights) : variables_(cpu_device()) {
    Graph graph;
    Builder b(graph);
    std::vector<UpdateTarget> targets;
    std::vector<Value> checked = {b.constant(Shape{}, 0)};
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const std::string name = "w" + std::to_string(i);
      const Value gradient = b.input("g" + std::to_string(i), {weights[i].shape(), DType::f32});
      targets.push_back({name, b.parameter(name, weights[i].shape(), zeros()), gradient});
      checked.push_back(gradient);
    }
    const Outputs check = b.add(std::make_shared<const ops::GradientCheck>(), checked);
    const Value applied = b.global_state("applied", {{}, DType::i64}, 0);
    const Value rate = b.constant(Shape{}, optimizer.learning_rate().at(0));
    optimizer.append_update(b, targets, {check[1], check[0], rate, applied});
    b.add(ops::CommitStep{}, {applied, check[1]});
    variables_.create_missing(graph, 0);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      variables_.write("w" + std::to_string(i), weights[i]);
    }
    execution_ = std::make_unique<Execution>(compile_graph(graph, cpu_device(), {}), variables_,
                                             std::make_shared<Arena>(cpu_device()));
  }

  void step(const std::vector<Tensor>& gradients) {
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      execution_->bind_input(i, gradients[i].raw());
    }
    execution_->run();
  }
  Tensor weight(std::size_t i) const { return variables_.read("w" + std::to_string(i)); }

 private:
  Variables variables_;
  std::unique_ptr<Execution> execution_;
};

const std::vector<Shape> kShapes = {{3, 2}, {5}};

std::vector<Tensor> tensors_of(const Json& lists) {
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < kShapes.size(); ++i) {
    tensors.push_back(tensor_of(lists[i], kShapes[i]));
  }
  return tensors;
}

TEST(Golden, OptimizersWalkAsKerasDoes) {
  const Json file = golden("optimizers");
  std::size_t compared = 0;
  for (const auto& [name, optimizer] : optimizers()) {
    const Json::Array& after = file.at("after").at(name).as_array();
    Walk walk(*optimizer, tensors_of(file.at("weights")));
    for (std::size_t step = 0; step < after.size(); ++step) {
      walk.step(tensors_of(file.at("gradients")[step]));
      const std::vector<Tensor> expected = tensors_of(after[step]);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        const Tensor actual = walk.weight(i);
        for (std::int64_t e = 0; e < actual.numel(); ++e) {
          ASSERT_NEAR(actual.item(e), expected[i].item(e), 1e-5)
              << name << ", step " << step << ", parameter " << i << ", element " << e;
          ++compared;
        }
      }
    }
  }
  EXPECT_EQ(compared, file.at("after").as_object().size() * 20 * 11) << "all that Keras computed";
}

}  // namespace
}  // namespace fovea::test
