#include "benchmarks/support/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <thread>

#include "fovea/device.h"
#include "fovea/error.h"
#include "fovea/version.h"

namespace fovea::bench {
namespace {

/// The text after "key:" in one of Linux's lists, such as /proc/meminfo; empty without one. An
/// empty key stands for the first line.
std::string entry_of(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key, 0) != 0) continue;
    const std::size_t colon = line.find(':');
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return {};
}

/// Bytes in an entry of so many kB; -1 without one.
std::int64_t kilobytes_of(const char* path, const std::string& key) {
  const std::string text = entry_of(path, key);
  return text.empty() ? -1 : std::strtoll(text.c_str(), nullptr, 10) * 1024;
}

/// The first line that a command prints; empty when it fails.
std::string first_line_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::array<char, 256> line{};
  if (pipe == nullptr || std::fgets(line.data(), line.size(), pipe.get()) == nullptr) return {};
  std::string text = line.data();
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

/// The value below which lies this share of a sorted list, interpolated.
double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], place - static_cast<double>(below));
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  FOVEA_REQUIRE(!values.empty(), internal, "nothing was measured");
  std::sort(values.begin(), values.end());
  return {quantile(values, 0.5), quantile(values, 0.1), quantile(values, 0.9),
          static_cast<int>(values.size())};
}

Json to_json(const Spread& spread) {
  return Json::Object{
      {"median", spread.median}, {"p10", spread.p10}, {"p90", spread.p90}, {"count", spread.count}};
}

Json describe_run(const std::string& device) {
  Json versions = Json::Object{{"fovea", version()}, {"compiler", compiler()}};
  for (const DeviceReport& report : devices()) versions.set(report.name, report.detail);
  const std::time_t now = std::time(nullptr);
  std::array<char, 32> time{};
  std::strftime(time.data(), time.size(), "%FT%TZ", std::gmtime(&now));
  const std::shared_ptr<Device> opened = open_device(device);
  if (!opened->is_host()) {  // the driver's own number; with several GPUs it is one for all
    versions.set("driver",
                 first_line_of("nvidia-smi --query-gpu=driver_version --format=csv,noheader "
                               "2>/dev/null"));
  }
  return Json::Object{
      {"device", device},
      {"fingerprint", opened->fingerprint()},
      {"versions", versions},
      {"host",
       Json::Object{{"cpu", entry_of("/proc/cpuinfo", "model name")},
                    {"threads", static_cast<std::int64_t>(std::thread::hardware_concurrency())},
                    {"load", entry_of("/proc/loadavg", "")}}},
      {"commit", commit()},
      {"date", time.data()}};
}

std::string commit() {
  const char* given = std::getenv("FOVEA_COMMIT");
  if (given != nullptr && *given != '\0') return given;
  const std::string git = "git -C '" FOVEA_SOURCE_DIR "' ";
  std::string hash = first_line_of(git + "rev-parse HEAD 2>/dev/null");
  if (hash.empty()) return "unknown";
  if (!first_line_of(git + "status --porcelain 2>/dev/null").empty()) hash += "-modified";
  return hash;
}

std::int64_t peak_rss_bytes() {
  return std::max<std::int64_t>(kilobytes_of("/proc/self/status", "VmHWM"), 0);
}

std::int64_t available_host_bytes() {
  const std::int64_t bytes = kilobytes_of("/proc/meminfo", "MemAvailable");
  return bytes < 0 ? std::numeric_limits<std::int64_t>::max() : bytes;
}

std::int64_t last_level_cache_bytes() {
  std::int64_t largest = 0;
  for (int index = 0; index < 8; ++index) {
    std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) +
                       "/size");
    std::int64_t kilobytes = 0;
    if (file >> kilobytes) largest = std::max(largest, kilobytes * 1024);
  }
  return largest > 0 ? largest : std::int64_t{64} << 20;
}

void write_json(const std::string& path, const Json& json) {
  const std::string part = path + ".part";
  std::ofstream file(part);
  file << json.to_string(2) << "\n";
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(part, path, error);
  if (!file || error) fail(ErrorCode::io, "cannot write ", path);
}

}  // namespace fovea::bench
