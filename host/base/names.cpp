#include "fovea/names.h"

#include <algorithm>
#include <vector>

#include "fovea/error.h"

namespace fovea {
namespace {

/// How many letters to insert, delete, replace or swap with their neighbour make `b` out of `a`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  const std::size_t columns = b.size() + 1;
  std::vector<std::size_t> distances((a.size() + 1) * columns);
  const auto at = [&](std::size_t i, std::size_t j) -> std::size_t& {
    return distances[i * columns + j];  // of the first i letters of a and the first j of b
  };
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        at(i, j) = i + j;
        continue;
      }
      const std::size_t replaced = at(i - 1, j - 1) + (a[i - 1] == b[j - 1] ? 0 : 1);
      at(i, j) = std::min({replaced, at(i - 1, j) + 1, at(i, j - 1) + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        at(i, j) = std::min(at(i, j), at(i - 2, j - 2) + 1);
      }
    }
  }
  return distances.back();
}

}  // namespace

std::string closest_name(std::string_view name, std::span<const std::string> candidates) {
  if (name.empty()) return {};
  std::string closest;
  std::size_t least = std::max<std::size_t>(name.size() / 4, 1) + 1;
  for (const std::string& candidate : candidates) {
    const bool begins =
        name.size() >= 3 && candidate.size() > name.size() && candidate.starts_with(name);
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
