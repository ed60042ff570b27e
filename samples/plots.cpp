// Pictures of what the other samples compute: activations, the paths of optimizers over a loss, and
// what a network makes of the plane. Writes SVG files into a folder, "plots" unless told otherwise.
//
// Expected output:
//
//   activations.svg: step, sigmoid, tanh, relu
//   optimizers.svg: SGD, Momentum, AdaGrad, Adam, all within 1 of the minimum
//   xor.svg: what a network learned of the four points
#include <cmath>
#include <cstdio>
#include <exception>
#include <filesystem>

#include "fovea/fovea.h"
#include "fovea/plot.h"

using namespace fovea;

namespace {

namespace fs = std::filesystem;

Picture draw_activations() {
  Tensor x({201, 1}, DType::f32);
  for (std::int64_t i = 0; i < 201; ++i) {
    x.data<float>()[i] = static_cast<float>(i) / 20 - 5;
  }
  std::vector<PlotLine> lines;
  for (const char* name : {"step", "sigmoid", "tanh", "relu"}) {
    Model model(Sequential{Input({1}), ActivationLayer(name)}, {.device = "cpu", .threads = 1});
    const Tensor y = model.predict(x);
    PlotLine line{.name = name};
    for (std::int64_t i = 0; i < x.numel(); ++i) {
      if (y.item(i) > 1.5) break;  // relu goes on
      line.x.push_back(x.item(i));
      line.y.push_back(y.item(i));
    }
    lines.push_back(line);
  }
  return draw_lines(lines, {.title = "Activations"});
}

double bowl(double x, double y) { return x * x / 20 + y * y; }

/// 30 steps from (-7, 2) down to the minimum at (0, 0). A dense layer of the weights x and y
/// without a bias, that sees (sqrt(1/10), 0) and (0, sqrt(2)) and shall answer 0, has the bowl as
/// its mean squared error.
PlotLine walk(const std::string& name, AnyOptimizer optimizer) {
  Model model(Sequential{Input({2}), Dense(1, {.use_bias = false, .name = "point"})},
              {.device = "cpu", .threads = 1});
  model.set_weight("point.weight", Tensor::from({2, 1}, {-7, 2}));
  model.compile({.optimizer = std::move(optimizer), .loss = "mean_squared_error"});
  const Tensor x = Tensor::from({2, 2}, {std::sqrt(0.1F), 0, 0, std::sqrt(2.0F)});
  PlotLine path{.name = name};
  for (int step = 0; step <= 30; ++step) {
    const Tensor point = model.weight("point.weight");
    path.x.push_back(point.item(0));
    path.y.push_back(point.item(1));
    model.train_on_batch({x}, {Tensor::zeros({2, 1})});
  }
  return path;
}

/// Four points that no straight line divides, and the network's answer for every place between.
Picture draw_xor() {
  const Tensor points = Tensor::from({4, 2}, {0, 0, 0, 1, 1, 0, 1, 1});
  const Tensor labels = Tensor::from({4, 1}, {0, 1, 1, 0});
  Model model(
      Sequential{Input({2}), Dense(8, {.activation = "tanh"}), Dense(1, {.activation = "sigmoid"})},
      {.device = "cpu", .threads = 1, .seed = 1});
  model.compile({.optimizer = Adam(0.05), .loss = "binary_crossentropy"});
  model.fit(Arrays{{points}, {labels}}, {.epochs = 200, .batch_size = 4, .verbose = 0});
  const auto answer = [&](double x, double y) {
    return model.predict(Tensor::from({1, 2}, {static_cast<float>(x), static_cast<float>(y)}))
        .item(0);
  };
  return draw_plane(answer,
                    {{.name = "1", .x = {0, 1}, .y = {1, 0}, .points = true},
                     {.name = "0", .x = {0, 1}, .y = {0, 1}, .points = true}},
                    {.x = {-0.5, 1.5},
                     .y = {-0.5, 1.5},
                     .plot = {.title = "XOR", .x_label = "x1", .y_label = "x2"}});
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const fs::path folder = argc > 1 ? argv[1] : "plots";
    fs::create_directories(folder);
    write_picture(folder / "activations.svg", draw_activations());
    std::printf("activations.svg: step, sigmoid, tanh, relu\n");

    const std::vector<PlotLine> paths = {walk("SGD", Sgd(0.95)), walk("Momentum", Sgd(0.1, 0.9)),
                                         walk("AdaGrad", Adagrad(1.5)), walk("Adam", Adam(0.3))};
    std::string names;
    bool near = true;
    for (const PlotLine& path : paths) {
      names += path.name + ", ";
      near = near && std::hypot(path.x.back(), path.y.back()) < 1;
    }
    write_picture(
        folder / "optimizers.svg",
        draw_plane(bowl, paths, {.x = {-8, 8}, .y = {-4, 4}, .plot = {.title = "Down a valley"}}));
    std::printf("optimizers.svg: %s%s\n", names.c_str(),
                near ? "all within 1 of the minimum" : "not all near the minimum");

    write_picture(folder / "xor.svg", draw_xor());
    std::printf("xor.svg: what a network learned of the four points\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "plots: %s\n", error.what());
    return 1;
  }
}
