// The zoo: well-known networks, ready to train. Those for pictures take pixels from 0 to 255, u8 or
// floating, as they come from files: their first layer scales them (to 0 .. 1, or to the mean and
// variance of the data that they were made for), so pixels must not be scaled before. A picture of
// one channel may lack its last axis. Those for tables take columns that are scaled already.
// Classifiers give probabilities.
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

/// ResNet-50 for (224, 224, 3) pictures: four stages of 3, 4, 6 and 3 blocks of three convolutions,
/// from 64 to 2,048 channels. A stage's first 3x3 convolution has the stride, as most programs have
/// it (in the paper, the 1x1 before it). 25,557,032 trainable parameters with 1,000 classes, and
/// 53,120 running statistics. Source: as resnet18.
FOVEA_API Network resnet50(std::int64_t classes = 1000);

/// AlexNet for (227, 227, 3) pictures: five convolutions, three of them in two groups, overlapping
/// max pooling, and two dense layers of 4,096 with dropout; without the local response
/// normalization, which later work found to do little. 60,965,224 parameters with 1,000 classes.
/// Source: Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural
/// Networks" (2012).
FOVEA_API Network alexnet(std::int64_t classes = 1000);

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

/// The classic first network for (28, 28, 1) pictures: a hidden layer with sigmoid, softmax, and
/// weights from a normal distribution of deviation 0.01. 39,760 parameters with 50 hidden units and
/// 10 classes.
FOVEA_API Network two_layer_net(std::int64_t hidden = 50, std::int64_t classes = 10);

/// A network of the zoo by name: those above, with their default arguments, and these.
///
/// For tables, dense layers with relu:
///   iris_small                4 columns, 12, 8, 3 classes; 191 parameters
///   iris_dense                4 columns, 10, 10, 3 classes; 193
///   boston                    13 columns, 128, 64, 32, 16, 1 number; 12,673
///   wine                      12 columns, 128, 64, 32, 7 classes, dropout behind the first two;
///                             12,231
///   binary_small              20 columns, 16, 8, 1 sigmoid; 481
///   binary_dropout            20 columns, 64, dropout, 32, 1 sigmoid; 3,457
/// For (28, 28, 1) pictures of 10 classes:
///   mnist_mlp128              dense 128; 101,770
///   mnist_mlp128_dropout      the same with dropout; 101,770
///   mnist_mlp512              dense 512; 407,050
///   mnist_mlp128_64           dense 128 and 64; 109,386
///   mnist_cnn                 convolutions of 32 and 64 filters, max pooling, dropout, dense 128,
///                             dropout; 1,199,882
///   mnist_cnn_raw             convolutions of 64 and 32 filters, no pooling; 203,434. The only one
///                             whose pixels are not scaled: it computes with 0 to 255.
///   fashion_mnist_mlp         dense 300 and 100; 266,610
///   fashion_mnist_cnn         cifar10_cnn for (28, 28, 1); 93,322
/// For (32, 32, 3) pictures of 10 classes:
///   cifar10_mlp128            dense 128 with dropout; 394,634
///   cifar10_mlp128x3          three of them; 427,658
///   cifar10_mlp256x4          four of 256; 986,634
///   cifar10_mlp1024x4         four of 1,024; 6,305,802
///   cifar10_cnn_wide          cifar10_cnn with twice the filters and units; 486,794
///   cifar10_cnn_wide_dropout  the same with dropout behind the convolutions; 486,794
///
/// Throws invalid_argument for an unknown name, listing the valid ones.
FOVEA_API Network make_network(const std::string& name);
FOVEA_API std::vector<std::string> network_names();

}  // namespace fovea
