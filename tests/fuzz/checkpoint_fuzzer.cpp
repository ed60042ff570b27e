// Model files of the library itself.
#include "fovea/model.h"
#include "tests/fuzz/fuzz.h"

FOVEA_FUZZ_TARGET {
  static const fovea::fuzz::MemoryFile file;
  file.set(fovea::fuzz::text_of(data, size));
  fovea::fuzz::expect_answer([] { fovea::Model::load(file.path()); });
  return 0;
}
