#include "host/cli/recipes.h"

#include <functional>
#include <map>

#include "fovea/models.h"
#include "fovea/names.h"

namespace fovea::cli {
namespace {

constexpr Recipe kRecipes[] = {
    {"iris_small", 30, 5, "adam", 0.001, "constant", "none"},
    {"iris_dense", 50, 10, "adam", 0.001, "constant", "none"},
    {"boston", 100, 32, "adam", 0.001, "constant", "none"},
    {"wine", 50, 32, "adam", 0.001, "constant", "none"},
    {"binary_small", 10, 32, "adam", 0.001, "constant", "none"},
    {"binary_dropout", 50, 32, "adam", 0.001, "constant", "none"},
    {"lenet5", 10, 32, "adam", 0.001, "constant", "none"},
    {"mnist_mlp512", 10, 200, "adam", 0.001, "constant", "none"},
    {"mnist_mlp128_64", 10, 32, "adam", 0.001, "constant", "none"},
    {"mnist_cnn", 5, 128, "adam", 0.001, "constant", "none"},
    {"mnist_cnn_raw", 3, 32, "adam", 0.001, "constant", "none"},
    {"two_layer_net", 16, 100, "sgd", 0.1, "constant", "none"},
    {"fashion_mnist_mlp", 30, 32, "sgd", 0.01, "constant", "none"},
    {"fashion_mnist_cnn", 10, 32, "adam", 0.001, "constant", "none"},
    {"cifar10_cnn_wide", 15, 32, "adam", 0.001, "constant", "none"},
    {"cifar10_cnn_wide_dropout", 15, 32, "adam", 0.001, "constant", "none"},
    {"resnet20", 10, 128, "nesterov", 0.1, "cosine", "flip_crop"},
    {"resnet18", 30, 32, "nesterov", 0.05, "cosine", "flip"},
    {"resnet50", 30, 32, "nesterov", 0.05, "cosine", "flip"},
    {"alexnet", 30, 128, "nesterov", 0.01, "cosine", "flip"},
    {"vgg16", 30, 32, "nesterov", 0.01, "cosine", "flip"},
};
constexpr Recipe kGeneral = {"", 5, 32, "adam", 0.001, "constant", "none"};

/// The paper's weight decay of ResNet-20, 1e-4, as a penalty on the kernels' squares.
constexpr double kResnet20L2 = 5e-5;

}  // namespace

const Recipe& recipe_for(const std::string& model) {
  for (const Recipe& recipe : kRecipes) {
    if (model == recipe.model) return recipe;
  }
  return kGeneral;
}

std::vector<std::string> schedule_names() { return {"constant", "cosine", "linear"}; }

std::vector<std::string> augmentation_names() { return {"none", "flip", "crop", "flip_crop"}; }

Augmentation make_augmentation(const std::string& name) {
  Augmentation steps;
  if (name == "flip" || name == "flip_crop") steps.random_flip();
  if (name == "crop" || name == "flip_crop") steps.pad_and_crop(4);
  return steps;
}

Network zoo_network(const std::string& name, std::int64_t classes) {
  static const std::map<std::string, std::function<Network(std::int64_t)>> kAnyClasses = {
      {"cifar10_cnn", cifar10_cnn},
      {"resnet20", [](std::int64_t n) { return resnet20(n, kResnet20L2); }},
      {"resnet18", resnet18},
      {"resnet50", resnet50},
      {"alexnet", alexnet},
      {"vgg16", vgg16},
      {"mlp", mlp},
      {"lenet5", lenet5},
      {"two_layer_net", [](std::int64_t n) { return two_layer_net(50, n); }}};
  const auto found = kAnyClasses.find(name);
  if (found == kAnyClasses.end()) return make_network(name);
  if (classes < 2) classes = make_network(name).outputs().front().shape.numel();
  return found->second(classes);
}

}  // namespace fovea::cli
