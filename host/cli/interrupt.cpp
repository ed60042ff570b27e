#include "host/cli/interrupt.h"

#include <csignal>

#include "host/cli/terminal.h"

namespace fovea::cli {

std::atomic<bool> interrupt_requested = false;

namespace {

std::atomic<int> last_signal = SIGINT;

extern "C" void on_interrupt(int signal) {
  last_signal = signal;
  interrupt_requested = true;
  release_interrupts();
}

}  // namespace

void catch_interrupts() {
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
}

void release_interrupts() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

int interrupted_exit_code() { return last_signal == SIGTERM ? kTerminated : kInterrupted; }

}  // namespace fovea::cli
