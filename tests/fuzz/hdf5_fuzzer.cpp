// HDF5 files: the containers of Keras's weights.
#include "host/io/hdf5.h"

#include "tests/fuzz/fuzz.h"

FOVEA_FUZZ_TARGET {
  fovea::fuzz::expect_answer([&] { fovea::read_hdf5({data, size}, "fuzz"); });
  return 0;
}
