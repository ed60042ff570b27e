// Runs another program without a shell.
#pragma once

#include <string>
#include <vector>

#include "fovea/export.h"

namespace fovea::data {

struct ProcessResult {
  int exit_code = 0;   // of the program; 128 + the signal's number where a signal ended it
  std::string output;  // what it wrote to stdout
  std::string errors;  // what it wrote to stderr
};

/// Runs `arguments[0]`, found along PATH, with empty input, and waits for its end. What it writes
/// to stderr is passed on to ours as it comes where `show_errors` says so. Throws unsupported when
/// there is no such program, io when it cannot be started.
FOVEA_INTERNAL ProcessResult run_process(const std::vector<std::string>& arguments,
                                         bool show_errors = false);

}  // namespace fovea::data
