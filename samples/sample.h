// What the samples that read files share.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "fovea/error.h"

/// Runs a sample on the paths of its command line; an error becomes one line and exit status 1.
inline int run_sample(int argc, char** argv,
                      void (*sample)(const std::vector<std::string>& paths)) {
  try {
    sample({argv + 1, argv + argc});
    return 0;
  } catch (const fovea::Error& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
  }
}
