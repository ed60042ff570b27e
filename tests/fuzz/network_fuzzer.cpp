// Networks as JSON.
#include "fovea/network.h"

#include "tests/fuzz/fuzz.h"

FOVEA_FUZZ_TARGET {
  fovea::fuzz::expect_answer(
      [&] { fovea::Network::from_json(fovea::Json::parse(fovea::fuzz::text_of(data, size))); });
  return 0;
}
