// The zoo: well-known networks, ready to train. All take pixels from 0 to 255, u8 or floating, and
// give class probabilities.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fovea/network.h"

namespace fovea {

/// A small convolutional network for (32, 32, 3) pictures, about .70 on CIFAR-10: three 3x3
/// convolutions of 32, 64 and 64 filters, the first two followed by 2x2 max pooling, and dense
/// layers of 64 and `classes`. 122,570 parameters with 10 classes.
FOVEA_API Network cifar10_cnn(std::int64_t classes = 10);

/// ResNet-20 for (32, 32, 3) pictures: three stages of three blocks with 16, 32 and 64 filters,
/// batch norm, and shortcuts without parameters (every second pixel, new channels zero).
/// 269,722 trainable parameters with 10 classes, and 1,376 running statistics. `l2` is the factor
/// of sum w^2 of every kernel in the loss; the paper's weight decay of 1e-4 is l2 = 5e-5.
/// Source: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition" (2016), section 4.2.
FOVEA_API Network resnet20(std::int64_t classes = 10, double l2 = 0);

/// ResNet-18 for (224, 224, 3) pictures: four stages of two blocks with 64 to 512 filters, batch
/// norm, shortcuts by 1x1 convolutions where the shape changes. 11,689,512 trainable parameters
/// with 1,000 classes, and 9,600 running statistics. Source: He, Zhang, Ren, Sun, "Deep Residual
/// Learning for Image Recognition" (2016), section 4.1.
FOVEA_API Network resnet18(std::int64_t classes = 1000);

/// VGG16 for (224, 224, 3) pictures: thirteen 3x3 convolutions in five blocks that end in 2x2 max
/// pooling, and two dense layers of 4,096 with dropout. 138,357,544 parameters with 1,000 classes.
/// Source: Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
/// Recognition" (2015), configuration D.
FOVEA_API Network vgg16(std::int64_t classes = 1000);

/// Two hidden dense layers of 512, for (32, 32, 3) pictures: what convolutions are compared with.
/// 1,841,162 parameters with 10 classes.
FOVEA_API Network mlp(std::int64_t classes = 10);

/// LeNet-5 for (28, 28, 1) pictures, with tanh, average pooling and every map of the second
/// convolution reading all of the first. 61,706 parameters with 10 classes.
/// Source: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document
/// Recognition" (1998).
FOVEA_API Network lenet5(std::int64_t classes = 10);

/// A network of the zoo by name, such as "resnet20", with its default arguments. Throws
/// invalid_argument for an unknown name, listing the valid ones.
FOVEA_API Network make_network(const std::string& name);
FOVEA_API std::vector<std::string> network_names();

}  // namespace fovea
