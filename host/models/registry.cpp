// Every network of the zoo, by name: a new one is one file and one line here.
#include <array>

#include "fovea/models.h"

namespace fovea {
namespace {

struct Entry {
  const char* name;
  Network (*make)();
};
constexpr std::array kNetworks = {
    Entry{"cifar10_cnn", [] { return cifar10_cnn(); }},
    Entry{"lenet5", [] { return lenet5(); }},
    Entry{"mlp", [] { return mlp(); }},
    Entry{"resnet18", [] { return resnet18(); }},
    Entry{"resnet20", [] { return resnet20(); }},
    Entry{"vgg16", [] { return vgg16(); }},
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
