// What fit() and evaluate() show while they work, in the manner of Keras:
//
//   Epoch 2/5
//   1563/1563 ━━━━━━━━━━━━━━━━━━━━ 5s 3ms/step - loss: 1.1241 - accuracy: 0.6044 - val_loss: 1.0512
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

#include "fovea/callback.h"
#include "fovea/export.h"

namespace fovea {

struct ProgressOptions {
  int verbose = 1;        ///< 0 nothing; 1 a bar; 2 only the line that ends an epoch
  bool terminal = false;  ///< redraw the bar in place; otherwise only its last state is written
  int columns = 80;       ///< of the terminal: what does not fit is left out while redrawing
  /// Replaced by tests; empty: the machine's steady clock.
  std::function<std::chrono::steady_clock::time_point()> now;

  /// For standard output as it is now.
  FOVEA_INTERNAL static ProgressOptions for_stdout(int verbose);
};

/// One thread at a time. Steps that do not redraw cost a look at the clock.
class FOVEA_INTERNAL ProgressBar {
 public:
  ProgressBar(std::ostream& out, ProgressOptions options);
  /// Ends a line that is still open, as when an exception cuts an epoch short.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// `epoch` counts from 0; `first_step` is above 0 where training resumes in mid-epoch.
  void begin_epoch(int epoch, int epochs, std::int64_t steps, std::int64_t first_step = 0);
  /// The same bar without a heading, for evaluate().
  void begin_evaluation(std::int64_t steps);
  /// After step `step` (from 0); `averages` gives the averages so far, and is asked only when the
  /// bar is redrawn.
  void step(std::int64_t step, const std::function<Logs()>& averages);
  void step(std::int64_t step, const Logs& logs) {
    this->step(step, [&logs] { return logs; });
  }
  /// Writes the final line, with the epoch's aggregates.
  void end_epoch(const Logs& logs);
  /// A line between epochs; the same one is written once.
  void remark(const std::string& text);

 private:
  using Clock = std::chrono::steady_clock;

  void begin(std::int64_t steps, std::int64_t first_step);
  std::string line(const Logs& logs, double seconds, std::size_t columns) const;
  double seconds_per_step() const;

  std::ostream& out_;
  ProgressOptions options_;
  std::int64_t steps_ = 0;
  std::int64_t first_step_ = 0;
  std::int64_t done_ = 0;  // steps, counted from the epoch's first
  Clock::time_point start_;
  Clock::time_point last_step_;
  Clock::time_point next_redraw_;
  bool line_open_ = false;
  std::string remark_;
};

}  // namespace fovea
