// Fetching published data sets, by the program curl.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace fovea::cli {

/// Names of the sets that can be fetched.
std::vector<std::string> downloadable_sets();

/// Fetches a set into a folder of its usual name in `place`, and returns that; at once where it is
/// there already. Every file is checked against its published MD5 sum or SHA-256, and appears as a
/// whole or not at all. `mirror` replaces the address that the files' names are added to; empty:
/// the official one. Throws io, saying what failed and what to do, and unsupported without curl.
std::filesystem::path download(const std::string& set, const std::filesystem::path& place,
                               const std::string& mirror, bool show_progress);

}  // namespace fovea::cli
