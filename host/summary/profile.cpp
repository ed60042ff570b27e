#include "fovea/profile.h"

#include <algorithm>
#include <cstdio>

namespace fovea {
namespace {

/// In a column of nine; "-" for what cannot be said.
std::string number(double value, bool known, int decimals) {
  if (!known) return "        -";
  char text[32];
  std::snprintf(text, sizeof text, "%9.*f", decimals, value);
  return text;
}

/// The columns that kernels and ops share.
std::string columns(const ProfileCost& cost, const Profile& profile, double total_milliseconds) {
  const bool timed = cost.milliseconds > 0;
  const double per_second = 1e3 / cost.milliseconds;
  const double share = cost.share_of_peak(profile.peaks);
  return number(cost.milliseconds, true, 4) +
         number(cost.milliseconds / total_milliseconds * 100, total_milliseconds > 0, 1) +
         number(static_cast<double>(cost.bytes) * per_second * 1e-9, timed, 1) +
         number(cost.flops * per_second * 1e-9, timed, 1) + number(share * 100, share > 0, 1) +
         "  ";
}

constexpr const char* kHeading = "       ms   % time     GB/s  GFLOP/s   % peak  ";

std::string join(const std::vector<ValueType>& types) {
  std::string text;
  for (const ValueType& type : types) text += (text.empty() ? "" : ", ") + to_string(type);
  return text;
}

/// An optimizer reads hundreds of tensors: the first few stand for all.
std::string shorten(const std::vector<ValueType>& types) {
  constexpr std::size_t kShown = 6;
  if (types.size() <= kShown) return join(types);
  return join({types.begin(), types.begin() + kShown}) + ", ... (" + std::to_string(types.size()) +
         ")";
}

std::vector<std::pair<std::string, ProfileCost>> slowest_first(
    const std::map<std::string, ProfileCost>& ops) {
  std::vector<std::pair<std::string, ProfileCost>> sorted(ops.begin(), ops.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second.milliseconds > b.second.milliseconds;
  });
  return sorted;
}

Json cost_to_json(const ProfileCost& cost, const PeakRates& peaks) {
  return Json::Object{{"kernels", cost.kernels},
                      {"milliseconds", cost.milliseconds},
                      {"bytes", cost.bytes},
                      {"flops", cost.flops},
                      {"share_of_peak", cost.share_of_peak(peaks)}};
}

Json types_to_json(const std::vector<ValueType>& types) {
  Json list = Json::array();
  for (const ValueType& type : types) list.push(to_string(type));
  return list;
}

}  // namespace

ProfileCost& ProfileCost::operator+=(const ProfileCost& other) {
  kernels += other.kernels;
  milliseconds += other.milliseconds;
  bytes += other.bytes;
  flops += other.flops;
  return *this;
}

double ProfileCost::share_of_peak(const PeakRates& peaks) const {
  if (milliseconds <= 0) return 0;
  double seconds = 0;
  if (peaks.bytes_per_second > 0) seconds = static_cast<double>(bytes) / peaks.bytes_per_second;
  if (peaks.flops_per_second > 0) seconds = std::max(seconds, flops / peaks.flops_per_second);
  return seconds * 1e3 / milliseconds;
}

ProfileCost Profile::total() const {
  ProfileCost sum;
  for (const ProfileStep& step : steps) sum += step.cost;
  return sum;
}

std::map<std::string, ProfileCost> Profile::by_op() const {
  std::map<std::string, ProfileCost> ops;
  for (const ProfileStep& step : steps) ops[step.op] += step.cost;
  return ops;
}

std::string Profile::str() const {
  const ProfileCost all = total();
  std::string text = std::string(EnumNames<ProfileMode>::values[static_cast<int>(mode)]) +
                     ", batch " + std::to_string(batch_size) + ", " + precision + " on " + device +
                     ": " + std::to_string(all.kernels) + " kernels, medians of " +
                     std::to_string(repeats) + "\n" + kHeading + "kernel\n";
  for (const ProfileStep& step : steps) {
    text += columns(step.cost, *this, all.milliseconds) + step.path + "  " + step.op + " [" +
            step.candidate + "]  " + shorten(step.inputs) + " -> " + shorten(step.outputs) + "\n";
  }
  text += columns(all, *this, all.milliseconds) + "in all\n\n" + kHeading + "op\n";
  for (const auto& [op, cost] : slowest_first(by_op())) {
    text +=
        columns(cost, *this, all.milliseconds) + op + " x " + std::to_string(cost.kernels) + "\n";
  }
  return text;
}

Json Profile::to_json() const {
  Json kernels = Json::array();
  for (const ProfileStep& step : steps) {
    kernels.push(Json::Object{{"path", step.path},
                              {"op", step.op},
                              {"candidate", step.candidate},
                              {"inputs", types_to_json(step.inputs)},
                              {"outputs", types_to_json(step.outputs)},
                              {"milliseconds", step.cost.milliseconds},
                              {"bytes", step.cost.bytes},
                              {"flops", step.cost.flops},
                              {"share_of_peak", step.cost.share_of_peak(peaks)}});
  }
  Json ops = Json::object();
  for (const auto& [op, cost] : slowest_first(by_op())) ops.set(op, cost_to_json(cost, peaks));
  return Json::Object{{"device", device},
                      {"precision", precision},
                      {"mode", fovea::to_json(mode)},
                      {"batch_size", batch_size},
                      {"repeats", repeats},
                      {"peaks", Json::Object{{"bytes_per_second", peaks.bytes_per_second},
                                             {"flops_per_second", peaks.flops_per_second}}},
                      {"total", cost_to_json(total(), peaks)},
                      {"by_op", ops},
                      {"steps", kernels}};
}

std::string Profile::chrome_trace() const {
  Json events = Json::array();
  double begin = 0;  // microseconds, as the format has them
  for (const ProfileStep& step : steps) {
    const double duration = step.cost.milliseconds * 1e3;
    events.push(Json::Object{{"name", step.path},
                             {"cat", step.op},
                             {"ph", "X"},
                             {"ts", begin},
                             {"dur", duration},
                             {"pid", 1},
                             {"tid", 1},
                             {"args", Json::Object{{"op", step.op},
                                                   {"candidate", step.candidate},
                                                   {"inputs", join(step.inputs)},
                                                   {"outputs", join(step.outputs)},
                                                   {"bytes", step.cost.bytes},
                                                   {"flops", step.cost.flops}}}});
    begin += duration;
  }
  return Json(Json::Object{{"traceEvents", events}, {"displayTimeUnit", "ms"}}).to_string();
}

}  // namespace fovea
