// The networks that are known by name only.
#pragma once

#include <cstdint>
#include <string>

#include "fovea/network.h"

namespace fovea::zoo {

/// Three 3x3 convolutions of `filters`, twice and twice as many, the first two followed by 2x2 max
/// pooling, and dense layers of 2 filters and `classes`; with a rate, dropout between them.
Network small_cnn(const Shape& pictures, std::int64_t filters, std::int64_t classes, double rate,
                  const std::string& name);

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
