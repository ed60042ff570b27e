#include "fovea/callback.h"

#include "fovea/error.h"
#include "fovea/names.h"

namespace fovea {

const double* find_log(const Logs& logs, const std::string& name) {
  for (const auto& [key, value] : logs) {
    if (key == name) return &value;
  }
  return nullptr;
}

Callback::~Callback() = default;
void Callback::on_train_begin(Model&, const FitPlan&) {}
void Callback::on_epoch_begin(Model&, int) {}
void Callback::on_step_end(Model&, int, std::int64_t, const Logs&) {}
void Callback::on_epoch_end(Model&, int, const Logs&) {}
void Callback::on_train_end(Model&) {}
void Callback::restore(const CallbackState&) {}

double Logs::at(const std::string& name) const {
  if (const double* value = find_log(*this, name)) return *value;
  std::vector<std::string> known;
  for (const auto& [key, value] : *this) known.push_back(key);
  fail_unknown("metric", name, known);
}

std::vector<double> History::metric(const std::string& name) const {
  std::vector<double> values;
  for (const Logs& epoch : logs) values.push_back(epoch.at(name));
  return values;
}

}  // namespace fovea
