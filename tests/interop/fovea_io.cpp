// What the scripts of this folder drive the library with. Arrays travel as safetensors files whose
// tensors are named as the model's inputs and outputs.
//
//   fovea_io predict MODEL INPUTS OUTPUTS
//   fovea_io convert FROM TO              (formats by the names)
//   fovea_io weights MODEL TO             (weights alone)
//   fovea_io load_weights MODEL WEIGHTS TO
//   fovea_io npz FROM TO                  (arrays of NumPy's)
//   fovea_io zoo NAME TO                  (with random weights)
//   fovea_io train MODEL INPUTS STEPS TO  (also "target:<output>"; the model's own optimizer)
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "fovea/layers.h"
#include "fovea/model.h"
#include "fovea/models.h"
#include "fovea/npy.h"
#include "host/io/safetensors.h"

namespace fovea {
namespace {

Tensor take(const SafetensorsFile& file, const std::string& name) {
  for (const auto& [key, tensor] : file.tensors) {
    if (key == name) return tensor;
  }
  fail(ErrorCode::invalid_argument, "there is no tensor '", name, "' in the file of inputs");
}

std::vector<Tensor> inputs_of(const Model& model, const SafetensorsFile& file) {
  std::vector<Tensor> inputs;
  for (const InputSpec& input : model.network().inputs()) inputs.push_back(take(file, input.name));
  return inputs;
}

void predict(const std::string& path, const std::string& from, const std::string& to) {
  Model model = Model::load(path);
  const std::vector<Tensor> outputs = model.predict_all(inputs_of(model, read_safetensors(from)));
  SafetensorsFile file;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    file.tensors.emplace_back(model.network().outputs()[i].name, outputs[i]);
  }
  write_safetensors(to, file);
}

void train(const std::string& path, const std::string& from, int steps, const std::string& to) {
  Model model = Model::load(path);
  const SafetensorsFile file = read_safetensors(from);
  std::vector<Tensor> targets;
  for (const OutputSpec& output : model.network().outputs()) {
    targets.push_back(take(file, "target:" + output.name));
  }
  for (int i = 0; i < steps; ++i) model.train_on_batch(inputs_of(model, file), targets);
  model.save(to);
}

/// VGG16 as people train it on CIFAR-10: one dense layer behind the five blocks.
Network vgg16_32() {
  Sequential layers{Input({32, 32, 3}), Rescaling(1 / 255.0)};
  int filters = 64;
  for (const int convolutions : {2, 2, 3, 3, 3}) {
    for (int i = 0; i < convolutions; ++i) {
      layers.add(
          Conv2D(filters, 3,
                 {.padding = "same", .activation = "relu", .kernel_initializer = he_normal()}));
    }
    layers.add(MaxPool2D(2));
    filters = std::min(2 * filters, 512);
  }
  layers.add(Flatten()).add(Dense(512, {.activation = "relu"}));
  return layers.add(Dense(10, {.activation = "softmax"}));
}

/// Two inputs, branches that are added, multiplied and concatenated, two outputs.
Network branches() {
  const Symbol picture = input({12, 10, 3}, "picture"), numbers = input({5}, "numbers");
  const Symbol x = Relu()(BatchNorm()(Conv2D(6, 3, {.padding = "same"})(picture)));
  const Symbol left = MinPool2D(3, {.strides = 2, .padding = "same"})(x);
  const Symbol right = Conv2D(6, 3, {.strides = 2, .padding = "same", .activation = "gelu"})(x);
  const Symbol mean = AvgPool2D(3, {.strides = 2, .padding = "same"})(x);
  const Symbol joined = Concatenate()({Add()({left, right}), Multiply()({right, mean})});
  const Symbol dense = Maxout(7, 3)(numbers);
  const Symbol all = Concatenate()({Flatten()(joined), ActivationLayer("hard_swish")(dense)});
  return Network({picture, numbers}, {{"classes", Dense(4, {.activation = "softmax"})(all)},
                                      {"map", ActivationLayer("selu")(joined)}});
}

Network network_of(const std::string& name) {
  if (name == "vgg16_32") return vgg16_32();
  return name == "branches" ? branches() : make_network(name);
}

int run(const std::vector<std::string>& words) {
  const std::string command = words.empty() ? "" : words[0];
  if (command == "predict" && words.size() == 4) {
    predict(words[1], words[2], words[3]);
  } else if (command == "convert" && words.size() == 3) {
    Model::load(words[1]).save(words[2]);
  } else if (command == "weights" && words.size() == 3) {
    Model::load(words[1]).save_weights(words[2]);
  } else if (command == "load_weights" && words.size() == 4) {
    Model model = Model::load(words[1]);
    model.load_weights(words[2]);
    model.save(words[3]);
  } else if (command == "npz" && words.size() == 3) {
    save_npz(words[2], load_npz(words[1]));
  } else if (command == "zoo" && words.size() == 3) {
    Model(network_of(words[1])).save(words[2]);
  } else if (command == "train" && words.size() == 5) {
    train(words[1], words[2], std::stoi(words[3]), words[4]);
  } else {
    std::cerr << "usage: fovea_io predict|convert|weights|load_weights|npz|zoo|train ...; see its "
                 "source\n";
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace fovea

int main(int argc, char** argv) {
  try {
    return fovea::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
