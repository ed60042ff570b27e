// PNG pictures.
#include "fovea/image.h"
#include "tests/fuzz/fuzz.h"

FOVEA_FUZZ_TARGET {
  fovea::fuzz::expect_answer([&] {
    fovea::decode_image({data, size}, fovea::ImageColor::rgb, "fuzz");
  });
  return 0;
}
