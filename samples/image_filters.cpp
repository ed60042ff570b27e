// What a convolution does to a picture when its weights are chosen by hand: sharper, blurred, in
// relief, or reduced to its edges.
//
// Expected output:
//
//   picture
//     50  50  50  50  50  50  50  50
//     50  50  50  50  50  50  50  50
//     50  50 150 150 150 150  50  50
//     50  50 150 150 150 150  50  50
//     50  50 150 150 150 150  50  50
//     50  50 150 150 150 150  50  50
//     50  50  50  50  50  50  50  50
//     50  50  50  50  50  50  50  50
//
//   sharpened
//     50   0   0   0   0  50
//      0 255 250 250 255   0
//      0 250 150 150 250   0
//      0 250 150 150 250   0
//      0 255 250 250 255   0
//     50   0   0   0   0  50
//
//   blurred
//     61  72  83  83  72  61
//     72  94 117 117  94  72
//     83 117 150 150 117  83
//     83 117 150 150 117  83
//     72  94 117 117  94  72
//     61  72  83  83  72  61
//
//   edges
//      0 100 100 100 100   0
//    100   0   0   0   0 100
//    100   0   0   0   0 100
//    100   0   0   0   0 100
//    100   0   0   0   0 100
//      0 100 100 100 100   0
//
//   embossed
//    250 255 255 255 150  50
//    255 255 255 255 150   0
//    255 255 150 150   0   0
//    255 255 150 150   0   0
//    150 150   0   0   0   0
//     50   0   0   0   0   0
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "fovea/fovea.h"

using fovea::Tensor;

namespace {

/// A bright square on a dark ground, (8, 8) bytes.
Tensor make_picture() {
  Tensor picture = Tensor::full({8, 8}, 50, fovea::DType::u8);
  for (int row = 2; row < 6; ++row) {
    for (int column = 2; column < 6; ++column) {
      picture.data<std::uint8_t>()[row * 8 + column] = 150;
    }
  }
  return picture;
}

/// As a picture shows it: whole numbers from 0 to 255.
void print(const char* title, const Tensor& picture) {
  std::printf("%s\n", title);
  for (std::int64_t row = 0; row < picture.shape()[0]; ++row) {
    for (std::int64_t column = 0; column < picture.shape()[1]; ++column) {
      const double value = picture.item(row * picture.shape()[1] + column);
      std::printf("%4.0f", std::clamp(std::round(value), 0.0, 255.0));
    }
    std::printf("\n");
  }
}

}  // namespace

int main() {
  namespace filters = fovea::image_filters;
  const Tensor picture = make_picture();
  // Only where the filter fits into the picture: each side loses a row or column.
  const fovea::ImageFilterOptions inside{.padding = "valid"};
  print("picture", picture);
  print("\nsharpened", fovea::filter_image(picture, filters::sharpen(), inside));
  print("\nblurred", fovea::filter_image(picture, filters::blur(), inside));
  print("\nedges", fovea::filter_image(picture, filters::edges(), inside));
  print("\nembossed", fovea::filter_image(picture, filters::emboss(), inside));
}
