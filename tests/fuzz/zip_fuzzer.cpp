// Zip archives: .keras and .npz files.
#include "host/io/zip.h"

#include "tests/fuzz/fuzz.h"

FOVEA_FUZZ_TARGET {
  fovea::fuzz::expect_answer([&] { fovea::read_zip({data, size}, "fuzz"); });
  return 0;
}
