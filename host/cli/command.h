// Subcommands: each is a file of its own, and a row of the table in main.cpp.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "host/cli/terminal.h"

namespace fovea::cli {

/// What a subcommand does, once its options are read; gives the exit code.
using Action = std::function<int(Terminal&)>;

/// A row of the table. `add` describes the options, which the action then has.
struct Command {
  const char* name;
  const char* summary;
  Action (*add)(CLI::App& app);
};

Action add_train(CLI::App& app);
Action add_evaluate(CLI::App& app);
Action add_predict(CLI::App& app);
Action add_summary(CLI::App& app);
Action add_report(CLI::App& app);
Action add_view(CLI::App& app);
Action add_convert(CLI::App& app);
Action add_bench(CLI::App& app);
Action add_data(CLI::App& app);
Action add_devices(CLI::App& app);
Action add_selfcheck(CLI::App& app);
Action add_completion(CLI::App& app);

/// A command line that cannot be understood: exit code 2.
struct UsageError : std::runtime_error {
  using runtime_error::runtime_error;
};

/// Accepts one of these names only, and says which of them was probably meant.
CLI::Validator one_of(const std::string& what, std::vector<std::string> names);
/// Accepts numbers of this range only, both ends among them.
constexpr double kNoLimit = 1e300;
CLI::Validator in_range(double smallest, double largest = kNoLimit);

// Options that several subcommands have.

/// Where and how to compute.
struct DeviceChoice {
  std::string device = "auto";
  std::string precision = "f32";
  int threads = 0;
};
void add_device_options(CLI::App& app, DeviceChoice& choice);

}  // namespace fovea::cli
