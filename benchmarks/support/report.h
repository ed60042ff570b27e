// What every benchmark reports: medians with their spread, the machine, the versions, the commit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fovea/json.h"

namespace fovea::bench {

/// The middle of a list of measurements, and what 80 % of them lie between.
struct Spread {
  double median = 0;
  double p10 = 0;
  double p90 = 0;
  int count = 0;
};

/// Of one value at least.
Spread spread_of(std::vector<double> values);

/// The four members, under their names.
Json to_json(const Spread& spread);

/// What the numbers depend on: device, versions, host, commit, time. `device` is a name that
/// open_device() takes.
Json describe_run(const std::string& device);

/// The commit in FOVEA_COMMIT or, without that, of the source tree as git says; "unknown" without
/// either.
std::string commit();

/// The most memory this process ever held, in bytes; 0 where Linux does not say.
std::int64_t peak_rss_bytes();

/// Bytes that a program could still take without driving others out; a very large number where
/// Linux does not say.
std::int64_t available_host_bytes();

/// Bytes of the largest cache of the CPU; 64 MiB where Linux does not say.
std::int64_t last_level_cache_bytes();

/// Replaces the file as a whole; throws io.
void write_json(const std::string& path, const Json& json);

}  // namespace fovea::bench
