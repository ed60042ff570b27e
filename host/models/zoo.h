// The networks that are known by name only.
#pragma once

#include <cstdint>

#include "fovea/network.h"

namespace fovea::zoo {

// Tables: columns in, scaled; tables.cpp.
Network iris_small();
Network iris_dense();
Network boston();
Network wine();
Network binary_small();
Network binary_dropout();

// Digits and clothes, (28, 28, 1); mnist.cpp.
Network mnist_mlp512();
Network mnist_mlp128();
Network mnist_mlp128_dropout();
Network mnist_mlp128_64();
Network mnist_cnn();
Network mnist_cnn_raw();
Network fashion_mnist_mlp();
Network fashion_mnist_cnn();

// CIFAR-10, (32, 32, 3); cifar10.cpp.
Network cifar10_mlp128();
Network cifar10_mlp128x3();
Network cifar10_mlp256x4();
Network cifar10_mlp1024x4();
Network cifar10_cnn_wide();
Network cifar10_cnn_wide_dropout();

}  // namespace fovea::zoo
