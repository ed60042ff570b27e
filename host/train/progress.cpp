#include "host/train/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <utility>

#include "fovea/error.h"
#include "host/base/utf8.h"

namespace fovea {
namespace {

constexpr std::int64_t kBarCells = 20;
constexpr auto kRedrawInterval = std::chrono::milliseconds(100);

/// As Keras: four digits behind the point, in scientific notation where those would be lost.
std::string format_metric(double value) {
  std::array<char, 400> text;
  const bool tiny = value != 0 && std::abs(value) <= 1e-3;
  const auto format = tiny ? std::chars_format::scientific : std::chars_format::fixed;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, format, 4).ptr;
  return {text.data(), end};
}

std::string two_digits(std::int64_t value) {
  return (value < 10 ? "0" : "") + std::to_string(value);
}

/// "5s", "1:05", "2:03:04".
std::string format_duration(double seconds) {
  const auto total = static_cast<std::int64_t>(std::max(seconds, 0.0));
  if (total < 60) return std::to_string(total) + "s";
  const std::int64_t minutes = total / 60;
  if (minutes < 60) return std::to_string(minutes) + ":" + two_digits(total % 60);
  return std::to_string(minutes / 60) + ":" + two_digits(minutes % 60) + ":" +
         two_digits(total % 60);
}

/// "3ms/step".
std::string format_step(double seconds) {
  const auto rounded = [](double value, const char* unit) {
    return std::to_string(std::llround(value)) + unit;
  };
  if (seconds >= 0.9995) return rounded(seconds, "s/step");
  if (seconds >= 0.9995e-3) return rounded(seconds * 1e3, "ms/step");
  return rounded(seconds * 1e6, "us/step");
}

std::string draw_bar(std::int64_t done, std::int64_t steps) {
  const std::int64_t filled = steps > 0 ? kBarCells * done / steps : kBarCells;
  std::string bar;
  for (std::int64_t cell = 0; cell < kBarCells; ++cell) bar += cell < filled ? "━" : "─";
  return bar;
}

double in_seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

ProgressOptions ProgressOptions::for_stdout(int verbose) {
  ProgressOptions options;
  options.verbose = verbose;
  if (verbose == 0) return options;  // nothing will be shown: predict() does not even ask for where
  const char* term = std::getenv("TERM");
  options.terminal = isatty(STDOUT_FILENO) == 1 && std::string_view(term ? term : "") != "dumb";
  winsize size{};
  if (options.terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    options.columns = size.ws_col;
  }
  return options;
}

ProgressBar::ProgressBar(std::ostream& out, ProgressOptions options)
    : out_(out), options_(std::move(options)) {
  FOVEA_REQUIRE(options_.verbose >= 0 && options_.verbose <= 2, invalid_argument,
                "verbose is 0 (nothing), 1 (a progress bar) or 2 (a line per epoch), not ",
                options_.verbose);
  if (!options_.now) options_.now = Clock::now;
}

ProgressBar::~ProgressBar() {
  try {
    if (line_open_) out_ << std::endl;
  } catch (...) {  // a stream that throws has nobody to tell here
  }
}

void ProgressBar::begin_epoch(int epoch, int epochs, std::int64_t steps, std::int64_t first_step) {
  if (options_.verbose > 0) out_ << "Epoch " << epoch + 1 << "/" << epochs << std::endl;
  begin(steps, first_step);
}

void ProgressBar::begin_evaluation(std::int64_t steps) { begin(steps, 0); }

void ProgressBar::begin(std::int64_t steps, std::int64_t first_step) {
  steps_ = steps;
  first_step_ = first_step;
  done_ = first_step;
  start_ = last_step_ = next_redraw_ = options_.now();
}

double ProgressBar::seconds_per_step() const {
  const std::int64_t count = done_ - first_step_;
  return count > 0 ? in_seconds(last_step_ - start_) / static_cast<double>(count) : 0;
}

std::string ProgressBar::line(const Logs& logs, double seconds, std::size_t columns) const {
  const std::string steps = std::to_string(steps_);
  std::string text = std::to_string(done_);
  text.insert(0, steps.size() - std::min(text.size(), steps.size()), ' ');
  text += "/" + steps;
  if (options_.verbose == 1) {
    text += " " + draw_bar(done_, steps_) + " " + format_duration(seconds) + " ";
  } else {
    text += " - " + format_duration(seconds) + " - ";
  }
  text += format_step(seconds_per_step());
  for (const auto& [name, value] : logs) {
    const std::string metric = " - " + name + ": " + format_metric(value);
    if (utf8_characters(text) + utf8_characters(metric) > columns) break;
    text += metric;
  }
  return text;
}

void ProgressBar::step(std::int64_t step, const std::function<Logs()>& averages) {
  if (options_.verbose == 0) return;
  done_ = step + 1;
  last_step_ = options_.now();
  if (options_.verbose != 1 || !options_.terminal) return;
  if (last_step_ < next_redraw_ && done_ < steps_) return;
  next_redraw_ = last_step_ + kRedrawInterval;
  const double remaining = seconds_per_step() * static_cast<double>(steps_ - done_);
  const auto columns = static_cast<std::size_t>(std::max(options_.columns - 1, 1));
  out_ << '\r' << line(averages(), remaining, columns) << "\033[K"
       << std::flush;  // erases what follows
  line_open_ = true;
}

void ProgressBar::end_epoch(const Logs& logs) {
  if (options_.verbose == 0) return;
  const double elapsed = in_seconds(options_.now() - start_);
  if (line_open_) out_ << '\r';
  out_ << line(logs, elapsed, std::numeric_limits<std::size_t>::max());
  if (line_open_) out_ << "\033[K";
  out_ << std::endl;
  line_open_ = false;
}

void ProgressBar::remark(const std::string& text) {
  if (options_.verbose == 0 || text == remark_) return;
  out_ << text << std::endl;
  remark_ = text;
}

}  // namespace fovea
