// Gradients by hand: graphs of a few nodes, a step of backpropagation, differences.
#include <cmath>

#include "tests/examples/examples.h"

namespace fovea::examples {
namespace {

/// a b under a name of its own.
Value multiply(Builder& b, const std::string& name, Value x, Value y) {
  const auto scope = b.scope(name);
  return b.add(ops::Multiply{}, {x, y});
}

double gradient(const GradientTrace& trace, const std::string& name) {
  return trace.node(name).gradient.item();
}

TEST(Apples, TwoOfThemWithTax) {
  const GradientTrace trace = trace_gradients(
      {{"price", 100}, {"count", 2}, {"tax", 1.1}}, [](Builder& b, const std::vector<Value>& x) {
        return multiply(b, "total", multiply(b, "apples", x[0], x[1]), x[2]);
      });
  EXPECT_NEAR(trace.result().value.item(), 220, 1e-9);
  EXPECT_NEAR(gradient(trace, "price"), 2.2, 1e-9);
  EXPECT_NEAR(gradient(trace, "count"), 110, 1e-9);
  EXPECT_NEAR(gradient(trace, "tax"), 200, 1e-9);
  EXPECT_NEAR(gradient(trace, "apples"), 1.1, 1e-9);
  EXPECT_EQ(trace.str(),
            "total (multiply) = 220, gradient 1\n"
            "├─ x 1.1 ─ apples (multiply) = 200, gradient 1.1\n"
            "│  ├─ x 2 ─ price (input) = 100, gradient 2.2\n"
            "│  └─ x 100 ─ count (input) = 2, gradient 110\n"
            "└─ x 200 ─ tax (input) = 1.1, gradient 200\n");
}

TEST(Apples, AndOranges) {
  const GradientTrace trace = trace_gradients(
      {{"apple_price", 100}, {"apples", 2}, {"orange_price", 150}, {"oranges", 3}, {"tax", 1.1}},
      [](Builder& b, const std::vector<Value>& x) {
        const Value apples = multiply(b, "apple_sum", x[0], x[1]);
        const Value oranges = multiply(b, "orange_sum", x[2], x[3]);
        return multiply(b, "total", b.add(ops::Add{}, {apples, oranges}), x[4]);
      });
  EXPECT_NEAR(trace.result().value.item(), 715, 1e-9);
  EXPECT_NEAR(gradient(trace, "apple_price"), 2.2, 1e-9);
  EXPECT_NEAR(gradient(trace, "apples"), 110, 1e-9);
  EXPECT_NEAR(gradient(trace, "orange_price"), 3.3, 1e-9);
  EXPECT_NEAR(gradient(trace, "oranges"), 165, 1e-9);
  EXPECT_NEAR(gradient(trace, "tax"), 650, 1e-9);
  // An addition passes gradients on as they are.
  const TraceNode& sum = trace.node("add");
  EXPECT_EQ(sum.value.item(), 650);
  ASSERT_EQ(sum.inputs.size(), 2u);
  EXPECT_EQ(sum.inputs[1].from, "orange_sum");
  EXPECT_EQ(sum.inputs[0].derivative.item(), 1);
  EXPECT_EQ(sum.inputs[1].derivative.item(), 1);
}

TEST(BackwardStep, OfTwoNeuronsByHand) {
  // x - w1 - a1 = sigmoid(w1 x) - w2 - y = sigmoid(w2 a1), E = (y - t)^2 / 2.
  const double x = 0.8, t = 0.3, w1 = 0.4, w2 = -0.7, rate = 0.5;
  Model model = exact(Sequential{
      Input({1}), Dense(1, {.activation = "sigmoid", .use_bias = false, .name = "first"}),
      Dense(1, {.activation = "sigmoid", .use_bias = false, .name = "second"})});
  model.compile({.optimizer = Sgd(rate), .loss = "half_squared_error"});
  model.set_weight("first.weight", matrix({{w1}}));
  model.set_weight("second.weight", matrix({{w2}}));
  const auto sigmoid = [](double value) { return 1 / (1 + std::exp(-value)); };
  const double a1 = sigmoid(w1 * x), y = sigmoid(w2 * a1);
  const Logs logs = model.train_on_batch({matrix({{x}})}, {matrix({{t}})});
  EXPECT_NEAR(logs.at("loss"), (y - t) * (y - t) / 2, 1e-6);
  EXPECT_NEAR(model.weight("second.weight").item(), w2 - rate * (y - t) * y * (1 - y) * a1, 1e-9);
  EXPECT_NEAR(model.weight("first.weight").item(),
              w1 - rate * (y - t) * y * (1 - y) * w2 * a1 * (1 - a1) * x, 1e-9);
}

double sum_of_squares(const Tensor& w) {
  double sum = 0;
  for (double value : w.span<double>()) sum += value * value;
  return sum;
}

TEST(NumericGradient, OfAMatrix) {
  const Tensor w = matrix({{1, 2, 3}, {4, 5, 6}});
  const Tensor found = numeric_gradient(sum_of_squares, w);
  EXPECT_EQ(found.shape(), (Shape{2, 3}));
  expect_values(found, matrix({{2, 4, 6}, {8, 10, 12}}), 1e-7);
  expect_values(w, matrix({{1, 2, 3}, {4, 5, 6}}), 0);  // left as it was
  const Tensor narrow = w.to(DType::f32);
  expect_values(numeric_gradient(sum_of_squares, narrow), found, 0);
}

TEST(NumericGradient, AsksForAStep) {
  try {
    numeric_gradient(sum_of_squares, vector({1}), 0);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "the step of a difference is above 0, not 0");
  }
}

TEST(GradientDescent, IntoABowl) {
  const Tensor start = vector({-3, 4});
  expect_values(gradient_descent(sum_of_squares, start, {.learning_rate = 0.01}),
                vector({-.39786, .53048}), 5e-6);
  expect_values(gradient_descent(sum_of_squares, start, {.learning_rate = 0.1}),
                vector({-6.11e-10, 8.15e-10}), 5e-13);
  expect_values(start, vector({-3, 4}), 0);
  expect_values(gradient_descent(sum_of_squares, start, {.steps = 0}), start, 0);
  EXPECT_THROW(gradient_descent(sum_of_squares, start, {.steps = -1}), Error);
}

TEST(TwoLayerNet, NumericGradientsAreBackpropagations) {
  // The classic network, for pictures of 3 x 3 and three classes.
  Model model = exact(
      Sequential{Input({9}), Dense(5, {.activation = "sigmoid", .kernel_initializer = normal(0.5)}),
                 Dense(3, {.activation = "softmax", .kernel_initializer = normal(0.5)})});
  model.compile({.loss = "categorical_crossentropy"});
  const Tensor x = matrix({{.1, .9, .2, .8, .4, .6, .7, .3, .5}, {0, .2, 1, 0, .3, 1, .1, .2, .9}});
  const Tensor t = matrix({{0, 1, 0}, {0, 0, 1}});
  const auto exact_gradients = model.gradients({x}, {t}).parameters;
  for (const std::string& path : model.weight_paths()) {
    const Tensor values = model.weight(path);
    const Tensor found = numeric_gradient(
        [&](const Tensor& moved) {
          model.set_weight(path, moved);
          return model.gradients({x}, {t}).loss;
        },
        values);
    model.set_weight(path, values);
    expect_values(found, exact_gradients.at(path), 1e-8);
  }
}

// ---- trace_gradients beyond numbers ----

TEST(Trace, OfAModelAgreesWithItsGradients) {
  Model model = exact(Sequential{Input({2}), Dense(3, {.activation = "sigmoid"}), Dropout(0.5),
                                 BatchNorm(), Dense(2, {.activation = "softmax"})});
  model.compile({.loss = "categorical_crossentropy"});
  const Tensor x = matrix({{1, .5}, {-1, 2}}), t = matrix({{0, 1}, {1, 0}});
  const GradientTrace trace = trace_gradients(model, x, "categorical_crossentropy", t);
  const Model::Gradients gradients = model.gradients({x}, {t});
  EXPECT_NEAR(trace.result().value.item(), gradients.loss, 1e-9);
  for (const auto& [path, expected] : gradients.parameters) {
    SCOPED_TRACE(path);
    expect_values(trace.node(path).gradient, expected, 1e-12);
  }
  expect_values(trace.node("input_layer").gradient, gradients.inputs[0], 1e-12);
  EXPECT_FALSE(trace.node("target").gradient.defined());
}

TEST(Trace, ChainsLocalDerivatives) {
  Model model = exact(Sequential{Input({2}), Dense(3, {.activation = "sigmoid"}), Dense(2)});
  const Tensor x = matrix({{1, .5}}), t = matrix({{0, 1}});
  const GradientTrace trace = trace_gradients(model, x, "mean_squared_error", t);
  // Each node's gradient is the sum, over those that read it, of their gradients times the edges.
  for (const TraceNode& node : trace.nodes) {
    if (!node.gradient.defined() || &node == &trace.result()) continue;
    Tensor sum = Tensor::zeros(node.value.shape(), DType::f64);
    for (const TraceNode& reader : trace.nodes) {
      for (const TraceEdge& edge : reader.inputs) {
        if (edge.from != node.name) continue;
        ASSERT_EQ(edge.derivative.shape(), (Shape{reader.value.numel(), node.value.numel()}));
        for (std::int64_t i = 0; i < edge.derivative.numel(); ++i) {
          sum.data<double>()[i % node.value.numel()] +=
              reader.gradient.item(i / node.value.numel()) * edge.derivative.item(i);
        }
      }
    }
    SCOPED_TRACE(node.name);
    expect_values(node.gradient, sum, 1e-12);
  }
  EXPECT_EQ(trace.node("dense.activate").value.shape(), (Shape{1, 3}));
  EXPECT_EQ(trace.node("dense.matmul").inputs.size(), 2u);
}

TEST(Trace, DrawsWhatIsReadTwiceOnce) {
  const GradientTrace trace =
      trace_gradients({{"x", 3}}, [](Builder& b, const std::vector<Value>& x) {
        const Value square = multiply(b, "square", x[0], x[0]);
        return multiply(b, "fourth", square, square);
      });
  EXPECT_EQ(trace.str(),
            "fourth (multiply) = 81, gradient 1\n"
            "├─ x 9 ─ square (multiply) = 9, gradient 18\n"
            "│  ├─ x 3 ─ x (input) = 3, gradient 108\n"
            "│  └─ x 3 ─ x, drawn above\n"
            "└─ x 9 ─ square, drawn above\n");
}

std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Trace, SaysWhatItCannotDraw) {
  const auto first = [](Builder&, const std::vector<Value>& x) { return x[0]; };
  EXPECT_EQ(error_of([&] {
              trace_gradients({{"x", vector({1, 2})}}, first);
            }),
            "only a single number can be traced, not f64(2,); end in a mean or a loss");
  EXPECT_EQ(error_of([&] {
              trace_gradients({{"x", 1}, {"x", 2}}, first);
            }),
            "two inputs are named 'x'; give each a name of its own");
  EXPECT_EQ(error_of([&] {
              trace_gradients({{"x", 1}}, first).node("y");
            }),
            "nothing in this trace is named 'y'; known: x");
  EXPECT_EQ(error_of([] {
              const Tensor wide = Tensor::zeros({1, 300}, DType::f64);
              trace_gradients(exact(Sequential{Input({300}), Dense(300)}), wide,
                              "mean_squared_error", wide);
            }),
            "'dense' (matmul) has 300 x 300 local derivatives, more than anybody can look at; "
            "trace a smaller batch or model");
  const Symbol a = input({3}, "a"), b = input({3}, "b");
  const Tensor row = Tensor::zeros({1, 3}, DType::f64);
  EXPECT_EQ(error_of([&] {
              trace_gradients(exact(Network({a, b}, {Add()({a, b})}, "two")), row,
                              "mean_squared_error", row);
            }),
            "only models with one input and one output can be traced, not 'two'");
}

}  // namespace
}  // namespace fovea::examples
