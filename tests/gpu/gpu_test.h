// Tests that need a GPU: they skip with the reason where there is none, or fail with it where the
// environment has FOVEA_REQUIRE_GPU.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "fovea/device.h"

namespace fovea::test {

/// The first GPU, or null with the reason why there is none.
struct Gpu {
  std::shared_ptr<Device> device;
  std::string problem;
  bool simulated = false;  ///< by tests/simulated_gpu: right, and a million times slower
};
const Gpu& gpu();

/// Where a GPU is known to be, a skipped test would hide that it cannot be opened.
inline bool gpu_required() { return std::getenv("FOVEA_REQUIRE_GPU") != nullptr; }

}  // namespace fovea::test

#define FOVEA_NEEDS_GPU()                                              \
  do {                                                                 \
    if (::fovea::test::gpu().device == nullptr) {                      \
      if (::fovea::test::gpu_required())                               \
        FAIL() << "needs a GPU: " << ::fovea::test::gpu().problem;     \
      GTEST_SKIP() << "needs a GPU: " << ::fovea::test::gpu().problem; \
    }                                                                  \
  } while (false)

/// For what takes a GPU minutes.
#define FOVEA_NEEDS_A_REAL_GPU()                                               \
  do {                                                                         \
    FOVEA_NEEDS_GPU();                                                         \
    if (::fovea::test::gpu().simulated)                                        \
      GTEST_SKIP() << "needs a GPU: a simulated one would take days for this"; \
  } while (false)
