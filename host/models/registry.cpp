// Every network of the zoo, by name.
#include <array>

#include "fovea/models.h"
#include "host/models/zoo.h"

namespace fovea {
namespace {

struct Entry {
  const char* name;
  Network (*make)();
};
constexpr std::array kNetworks = {
    Entry{"alexnet", [] { return alexnet(); }},
    Entry{"binary_dropout", zoo::binary_dropout},
    Entry{"binary_small", zoo::binary_small},
    Entry{"boston", zoo::boston},
    Entry{"cifar10_cnn", [] { return cifar10_cnn(); }},
    Entry{"cifar10_cnn_wide", zoo::cifar10_cnn_wide},
    Entry{"cifar10_cnn_wide_dropout", zoo::cifar10_cnn_wide_dropout},
    Entry{"cifar10_mlp128", zoo::cifar10_mlp128},
    Entry{"cifar10_mlp128x3", zoo::cifar10_mlp128x3},
    Entry{"cifar10_mlp256x4", zoo::cifar10_mlp256x4},
    Entry{"cifar10_mlp1024x4", zoo::cifar10_mlp1024x4},
    Entry{"fashion_mnist_cnn", zoo::fashion_mnist_cnn},
    Entry{"fashion_mnist_mlp", zoo::fashion_mnist_mlp},
    Entry{"iris_dense", zoo::iris_dense},
    Entry{"iris_small", zoo::iris_small},
    Entry{"lenet5", [] { return lenet5(); }},
    Entry{"mlp", [] { return mlp(); }},
    Entry{"mnist_cnn", zoo::mnist_cnn},
    Entry{"mnist_cnn_raw", zoo::mnist_cnn_raw},
    Entry{"mnist_mlp128", zoo::mnist_mlp128},
    Entry{"mnist_mlp128_64", zoo::mnist_mlp128_64},
    Entry{"mnist_mlp128_dropout", zoo::mnist_mlp128_dropout},
    Entry{"mnist_mlp512", zoo::mnist_mlp512},
    Entry{"resnet18", [] { return resnet18(); }},
    Entry{"resnet20", [] { return resnet20(); }},
    Entry{"resnet50", [] { return resnet50(); }},
    Entry{"two_layer_net", [] { return two_layer_net(); }},
    Entry{"vgg16", [] { return vgg16(); }},
    Entry{"wine", zoo::wine},
};

}  // namespace

Network make_network(const std::string& name) {
  std::string known;
  for (const Entry& entry : kNetworks) {
    if (name == entry.name) return entry.make();
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  fail(ErrorCode::invalid_argument, "unknown network '", name, "'; known: ", known);
}

std::vector<std::string> network_names() {
  std::vector<std::string> names;
  names.reserve(kNetworks.size());
  for (const Entry& entry : kNetworks) names.emplace_back(entry.name);
  return names;
}

}  // namespace fovea
