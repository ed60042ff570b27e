#include "fovea/names.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "fovea/error.h"

namespace fovea {
namespace {

/// Levenshtein's distance, row by row.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string closest_name(std::string_view name, std::span<const std::string> candidates) {
  if (name.empty()) return {};
  std::string closest;
  std::size_t least = std::max<std::size_t>(name.size() / 3, 1) + 1;
  for (const std::string& candidate : candidates) {
    const bool begins = name.size() >= 3 && candidate.starts_with(name);
    const std::size_t distance = begins ? 1 : edit_distance(name, candidate);
    if (distance < least) {
      least = distance;
      closest = candidate;
    }
  }
  return closest;
}

void fail_unknown(std::string_view what, std::string_view name,
                  std::span<const std::string> known) {
  std::string list;
  for (const std::string& candidate : known) list += (list.empty() ? "" : ", ") + candidate;
  const std::string meant = closest_name(name, known);
  fail(ErrorCode::invalid_argument, "unknown ", what, " '", name, "'; ",
       meant.empty() ? "known: " : "did you mean '" + meant + "'? Known: ", list);
}

}  // namespace fovea
