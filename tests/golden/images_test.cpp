// Image files and sizes of pictures against TensorFlow's.
#include <gtest/gtest.h>

#include <cmath>

#include "fovea/image.h"
#include "tests/golden/golden.h"

namespace fovea::test {
namespace {

TEST(Golden, ImageFilesAreTensorFlows) {
  int compared = 0;
  const Json file = golden("images");
  for (const auto& [name, expected] : file.at("files").as_object()) {
    const bool jpeg = name.find("jpeg") != std::string::npos;
    if (!(jpeg ? FOVEA_HAS_JPEG : FOVEA_HAS_PNG)) continue;
    std::vector<std::uint8_t> bytes;
    for (const Json& byte : expected.at("bytes").as_array()) {
      bytes.push_back(static_cast<std::uint8_t>(byte.as_int()));
    }
    const Tensor image = decode_image(bytes, ImageColor::rgb, name);
    ASSERT_EQ(image.shape(), (Shape{11, 13, 3})) << name;
    for (std::int64_t i = 0; i < image.numel(); ++i) {
      const double wanted = expected.at("rgb")[static_cast<std::size_t>(i)].as_double();
      // Versions of libjpeg may round differently.
      EXPECT_NEAR(image.item(i), wanted, jpeg ? 2 : 0) << name << ", byte " << i;
    }
    ++compared;
  }
  if (compared == 0) GTEST_SKIP() << "the library was built without libpng and libjpeg";
  EXPECT_EQ(compared, (FOVEA_HAS_PNG ? 4 : 0) + (FOVEA_HAS_JPEG ? 3 : 0));
}

TEST(Golden, SizesAreTensorFlows) {
  const Json file = golden("images");
  const Tensor picture = tensor_of(file.at("picture"), {11, 13, 3});
  for (const Json& expected : file.at("resized").as_array()) {
    const bool nearest = expected.at("method").as_string() == "nearest";
    const ResizeOptions options = {
        .method = nearest ? ResizeMethod::nearest : ResizeMethod::bilinear,
        .antialias = expected.at("antialias").as_bool()};
    const Size2 size(expected.at("size")[0].as_int(), expected.at("size")[1].as_int());
    const Tensor resized = resize_image(picture, size, options);
    ASSERT_EQ(resized.shape(), (Shape{size.h, size.w, 3}));
    const Tensor bytes = resize_image(picture.to(DType::u8), size, options);
    for (std::int64_t i = 0; i < resized.numel(); ++i) {
      const double wanted = expected.at("pixels")[static_cast<std::size_t>(i)].as_double();
      EXPECT_NEAR(resized.item(i), wanted, 2e-4) << size.h << "x" << size.w << ", value " << i;
      EXPECT_NEAR(bytes.item(i), wanted, 0.5 + 2e-4) << size.h << "x" << size.w << ", byte " << i;
    }
  }
}

}  // namespace
}  // namespace fovea::test
