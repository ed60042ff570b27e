// CSV tables.
#include "fovea/table.h"
#include "tests/fuzz/fuzz.h"

FOVEA_FUZZ_TARGET {
  fovea::fuzz::expect_answer([&] { fovea::parse_csv(fovea::fuzz::text_of(data, size)); });
  return 0;
}
