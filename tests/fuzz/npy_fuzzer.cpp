// Arrays in NumPy's files.
#include "fovea/npy.h"

#include "tests/fuzz/fuzz.h"

FOVEA_FUZZ_TARGET {
  static const fovea::fuzz::MemoryFile file;
  file.set(fovea::fuzz::text_of(data, size));
  fovea::fuzz::expect_answer([] { fovea::load_npy(file.path()); });
  return 0;
}
