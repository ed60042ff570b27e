// ONNX files.
#include "fovea/model.h"
#include "host/io/onnx/onnx_format.h"
#include "tests/fuzz/fuzz.h"

FOVEA_FUZZ_TARGET {
  static const fovea::fuzz::MemoryFile file;
  file.set(fovea::fuzz::text_of(data, size));
  fovea::fuzz::expect_answer([] { fovea::onnx::read(file.path()); });
  return 0;
}
