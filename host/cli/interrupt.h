// Ctrl-C and SIGTERM: the first one asks the work to stop, the second one ends the program.
#pragma once

#include <atomic>

namespace fovea::cli {

/// Set when one of the signals came, once they are caught.
extern std::atomic<bool> interrupt_requested;

/// From now on, the next SIGINT or SIGTERM only sets interrupt_requested.
void catch_interrupts();

/// Signals end the program again.
void release_interrupts();

/// The exit code of a program that a signal asked to stop: 130, or 143 for SIGTERM.
int interrupted_exit_code();

}  // namespace fovea::cli
