// JSON texts: what is read, written and read again is the same.
#include "fovea/json.h"

#include "tests/fuzz/fuzz.h"

FOVEA_FUZZ_TARGET {
  fovea::fuzz::expect_answer([&] {
    const std::string text = fovea::Json::parse(fovea::fuzz::text_of(data, size)).to_string();
    if (fovea::Json::parse(text).to_string() != text) std::abort();
  });
  return 0;
}
