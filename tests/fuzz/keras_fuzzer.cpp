// Descriptions of networks in Keras's words. What is read is written and read again. Keras's files
// are containers of other libraries around these: see zip_fuzzer.cpp. HDF5's is not fuzzed, since
// what is found are gaps of its own: see host/io/hdf5_plugin/vet.h.
#include "fovea/layer_config.h"
#include "tests/fuzz/fuzz.h"

FOVEA_FUZZ_TARGET {
  fovea::fuzz::expect_answer([&] {
    const fovea::Json description = fovea::Json::parse(fovea::fuzz::text_of(data, size));
    fovea::network_from_keras(fovea::network_to_keras(fovea::network_from_keras(description)));
  });
  return 0;
}
