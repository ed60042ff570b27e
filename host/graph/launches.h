// Launches that are timed: several at once, since a small kernel is done before the host has
// started the next.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>

#include "fovea/device.h"

namespace fovea {

/// Work to time, and how many launches it is.
struct Launches {
  std::function<void()> run;
  int count = 1;
};

/// As many launches as take about half a millisecond, where one takes `once` milliseconds: as plans
/// run them, recorded, where the device records. Throws where these cannot be recorded, as no step
/// with such a kernel can be.
inline Launches repeated(Stream& stream, const std::function<void()>& launch, double once) {
  constexpr double kMilliseconds = 0.5;
  constexpr int kMost = 20;
  const int count =
      once * kMost < kMilliseconds ? kMost : std::max(1, static_cast<int>(kMilliseconds / once));
  const auto all = [launch, count] {
    for (int i = 0; i < count; ++i) launch();
  };
  const std::shared_ptr<Recording> recording = stream.record(all);
  if (recording != nullptr) return {[recording] { recording->replay(); }, count};
  return {all, count};
}

}  // namespace fovea
