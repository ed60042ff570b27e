// What residual networks are made of: a convolution without bias, then batch norm.
#pragma once

#include <string>

#include "fovea/layers.h"

namespace fovea {

struct ConvNormOptions {
  Size2 kernel = 3;
  Size2 strides = 1;
  double l2 = 0;  ///< of the kernel
  BatchNormOptions norm = {};
};

/// The layers "<path>conv<number>" and "<path>norm<number>". A window of odd size is padded so that
/// at a stride of 1 the picture keeps its size.
inline Symbol conv_norm(const Symbol& x, std::int64_t filters, const std::string& path,
                        const std::string& number, const ConvNormOptions& options) {
  const Size2 kernel = options.kernel;
  const Padding padding = Padding::cells(kernel.h / 2, kernel.h / 2, kernel.w / 2, kernel.w / 2);
  const Symbol y = Conv2D(filters, kernel,
                          {.strides = options.strides,
                           .padding = padding,
                           .use_bias = false,
                           .kernel_initializer = he_normal(),
                           .kernel_regularizer = {.l2 = options.l2},
                           .name = path + "conv" + number})(x);
  BatchNormOptions norm = options.norm;
  norm.name = path + "norm" + number;
  return BatchNorm(norm)(y);
}

}  // namespace fovea
