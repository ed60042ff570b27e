// Files of tensors.
#include "host/io/safetensors.h"
#include "tests/fuzz/fuzz.h"

FOVEA_FUZZ_TARGET {
  static const fovea::fuzz::MemoryFile file;
  file.set(fovea::fuzz::text_of(data, size));
  fovea::fuzz::expect_answer([] { fovea::read_safetensors(file.path()); });
  return 0;
}
