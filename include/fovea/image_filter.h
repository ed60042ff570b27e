// Filters by hand: what a convolution does to a picture with weights that nobody trained.
#pragma once

#include "fovea/layers.h"
#include "fovea/tensor.h"

namespace fovea {

/// Well-known 3 x 3 filters, (3, 3) f32.
namespace image_filters {
FOVEA_API Tensor sharpen();  ///< 5 in the middle, -1 beside it
FOVEA_API Tensor edges();    ///< the Laplacian: -4 in the middle, 1 beside it
FOVEA_API Tensor blur();     ///< 1/9 everywhere
FOVEA_API Tensor emboss();   ///< relief, lit from the upper left: -2 -1 0 / -1 1 1 / 0 1 2
}  // namespace image_filters

struct ImageFilterOptions {
  Size2 strides = 1;
  LayerPadding padding = "same";
};

/// Slides a filter (kh, kw) over a picture (H, W) or (H, W, C), over each channel alike:
/// y[i, j] = sum x[i s + r - p, j s + c - p] filter[r, c], as Conv2D computes. The picture may be
/// of any type; what comes out is f64, of the picture's rank, and not cut to what a picture can
/// show. Throws shape_mismatch for other ranks and for a filter larger than the padded picture.
FOVEA_API Tensor filter_image(const Tensor& image, const Tensor& filter,
                              const ImageFilterOptions& options = {});

/// As filter_image, with the filter and each patch of the picture divided by their lengths
/// sqrt(sum x^2) before: the cosine of the angle between them, from -1 to 1, however bright the
/// picture. A patch of zeros gives 0. Throws invalid_argument for a filter of zeros.
FOVEA_API Tensor cosine_filter_image(const Tensor& image, const Tensor& filter,
                                     const ImageFilterOptions& options = {});

}  // namespace fovea
