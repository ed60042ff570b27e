#include "fovea/kernel.h"

namespace fovea {

Kernel::~Kernel() = default;

void KernelTable::add(std::string_view op, std::string candidate, Factory factory) {
  std::vector<Candidate>& list = table_[std::string(op)];
  for (const Candidate& existing : list) {
    FOVEA_REQUIRE(existing.name != candidate, invalid_argument, "op '", op,
                  "' already has a candidate named '", candidate, "'; choose another name");
  }
  list.push_back({std::move(candidate), std::move(factory)});
}

const std::vector<KernelTable::Candidate>& KernelTable::candidates(std::string_view op) const {
  static const std::vector<Candidate> none;
  const auto found = table_.find(op);
  return found == table_.end() ? none : found->second;
}

std::vector<std::string> KernelTable::ops() const {
  std::vector<std::string> names;
  for (const auto& entry : table_) names.push_back(entry.first);
  return names;
}

}  // namespace fovea
