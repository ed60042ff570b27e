// Imputer, MinMaxScaler and StandardScaler: column by column, computed in double.
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "fovea/preprocessing.h"

namespace fovea {
namespace {

using Numbers = std::vector<double>;

/// Checks that x is (N, features) of a type with numbers, and gives it as f64.
Tensor as_doubles(const Tensor& x, const char* who) {
  FOVEA_REQUIRE(x.defined() && x.shape().rank() == 2, shape_mismatch, who,
                " takes (samples, features), not ", x.shape(), "; reshape the data");
  const DType type = x.dtype();
  FOVEA_REQUIRE(type == DType::f32 || type == DType::f64 || type == DType::i32 || type == DType::u8,
                invalid_argument, who, " takes f32, f64, i32 or u8, not ", dtype_name(type));
  FOVEA_REQUIRE(x.numel() > 0, invalid_argument, who, " got no samples: the shape is ", x.shape());
  Tensor doubles = x.to(DType::f64);
  const auto values = doubles.span<double>();
  const auto found =
      std::find_if(values.begin(), values.end(), [](double value) { return std::isinf(value); });
  const std::int64_t place = found - values.begin(), columns = x.shape()[1];
  FOVEA_REQUIRE(found == values.end(), invalid_argument, who, ": row ", place / columns,
                ", column ", place % columns, " (counted from 0) is infinite");
  return doubles;
}

/// The numbers of each column, without NaN. Throws where nothing remains, unless `may_be_empty`.
std::vector<Numbers> columns_of(const Tensor& x, const char* who, bool may_be_empty = false) {
  const Tensor doubles = as_doubles(x, who);
  const auto values = doubles.span<double>();
  std::vector<Numbers> columns(static_cast<std::size_t>(x.shape()[1]));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isnan(values[i])) columns[i % columns.size()].push_back(values[i]);
  }
  for (std::size_t c = 0; c < columns.size(); ++c) {
    FOVEA_REQUIRE(may_be_empty || !columns[c].empty(), invalid_argument, who, ": column ", c,
                  " (counted from 0) has no values, only NaN; drop it or fill it with a constant");
  }
  return columns;
}

/// Applies `change(value, column)` to every element of an x that was checked to have as many
/// columns as were fitted on.
Tensor change_each(const Tensor& x, std::size_t fitted, const char* who,
                   const std::function<double(double, std::size_t)>& change) {
  FOVEA_REQUIRE(fitted > 0, invalid_argument, who,
                " has not been fitted; call fit() with the training data first");
  Tensor result = as_doubles(x, who);
  const auto width = static_cast<std::size_t>(x.shape()[1]);
  FOVEA_REQUIRE(width == fitted, shape_mismatch, who, " was fitted on ", fitted,
                " features, but this has ", width, ": its shape is ", x.shape());
  if (x.dtype() == DType::f64) result = result.clone();
  const auto values = result.span<double>();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = change(values[i], i % width);
  return result.to(x.dtype() == DType::f64 ? DType::f64 : DType::f32);
}

Json json_of(const Numbers& numbers) {
  Json list = Json::array();
  for (const double number : numbers) list.push(number);
  return list;
}

Numbers numbers_of(const Json& list) {
  Numbers numbers;
  for (const Json& number : list.as_array()) numbers.push_back(number.as_double());
  return numbers;
}

void check_kind(const Json& json, std::string_view kind) {
  FOVEA_REQUIRE(json.at("kind").as_string() == kind, parse, "this is the JSON of a ",
                json.at("kind").as_string(), ", not of a ", kind);
}

void check_same_size(const Numbers& a, const Numbers& b, const char* who) {
  FOVEA_REQUIRE(a.size() == b.size(), parse, "the JSON of a ", who, " has lists of ", a.size(),
                " and ", b.size(), " numbers, which must be equally long");
}

double mean_of(const Numbers& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double median_of(Numbers values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double most_frequent_of(const Numbers& values) {
  std::map<double, int> counts;
  for (const double value : values) ++counts[value];
  const auto by_count = [](const auto& a, const auto& b) { return a.second < b.second; };
  return std::max_element(counts.begin(), counts.end(), by_count)->first;
}

constexpr std::array<std::string_view, 4> kStrategies = {"mean", "median", "most_frequent",
                                                         "constant"};

}  // namespace

// ---- Imputer ----

Imputer& Imputer::fit(const Tensor& x) {
  const bool constant = strategy_ == ImputeStrategy::constant;
  Numbers statistics;
  for (const Numbers& column : columns_of(x, "Imputer", constant)) {
    switch (strategy_) {
      case ImputeStrategy::mean:
        statistics.push_back(mean_of(column));
        break;
      case ImputeStrategy::median:
        statistics.push_back(median_of(column));
        break;
      case ImputeStrategy::most_frequent:
        statistics.push_back(most_frequent_of(column));
        break;
      case ImputeStrategy::constant:
        statistics.push_back(constant_);
        break;
    }
  }
  statistics_ = std::move(statistics);
  return *this;
}

Tensor Imputer::transform(const Tensor& x) const {
  return change_each(x, statistics_.size(), "Imputer", [this](double value, std::size_t column) {
    return std::isnan(value) ? statistics_[column] : value;
  });
}

Tensor Imputer::fit_transform(const Tensor& x) { return fit(x).transform(x); }

Json Imputer::to_json() const {
  return Json::Object{{"kind", "Imputer"},
                      {"strategy", kStrategies[static_cast<std::size_t>(strategy_)]},
                      {"constant", constant_},
                      {"statistics", json_of(statistics_)}};
}

Imputer Imputer::from_json(const Json& json) {
  check_kind(json, "Imputer");
  const std::string& name = json.at("strategy").as_string();
  const auto* const found = std::find(kStrategies.begin(), kStrategies.end(), name);
  FOVEA_REQUIRE(found != kStrategies.end(), parse, "the JSON of an Imputer has the strategy \"",
                name, "\"; there are mean, median, most_frequent and constant");
  Imputer imputer(static_cast<ImputeStrategy>(found - kStrategies.begin()),
                  json.at("constant").as_double());
  imputer.statistics_ = numbers_of(json.at("statistics"));
  return imputer;
}

// ---- MinMaxScaler ----

MinMaxScaler::MinMaxScaler(double min, double max) : min_(min), max_(max) {
  FOVEA_REQUIRE(min < max, invalid_argument, "MinMaxScaler: the range ", min, " to ", max,
                " is empty; min must be below max");
}

MinMaxScaler& MinMaxScaler::fit(const Tensor& x) {
  const std::vector<Numbers> columns = columns_of(x, "MinMaxScaler");
  data_min_.clear();
  data_max_.clear();
  for (const Numbers& column : columns) {
    const auto [least, most] = std::minmax_element(column.begin(), column.end());
    data_min_.push_back(*least);
    data_max_.push_back(*most);
  }
  return *this;
}

Numbers MinMaxScaler::scale() const {
  Numbers scale;
  for (std::size_t c = 0; c < data_min_.size(); ++c) {
    const double range = data_max_[c] - data_min_[c];
    const bool constant = range < 10 * std::numeric_limits<double>::epsilon();
    scale.push_back((max_ - min_) / (constant ? 1.0 : range));
  }
  return scale;
}

Tensor MinMaxScaler::transform(const Tensor& x) const {
  return change_each(x, data_min_.size(), "MinMaxScaler",
                     [this, scale = scale()](double value, std::size_t c) {
                       return value * scale[c] + (min_ - data_min_[c] * scale[c]);
                     });
}

Tensor MinMaxScaler::inverse_transform(const Tensor& x) const {
  return change_each(x, data_min_.size(), "MinMaxScaler",
                     [this, scale = scale()](double value, std::size_t c) {
                       return (value - (min_ - data_min_[c] * scale[c])) / scale[c];
                     });
}

Tensor MinMaxScaler::fit_transform(const Tensor& x) { return fit(x).transform(x); }

Json MinMaxScaler::to_json() const {
  return Json::Object{{"kind", "MinMaxScaler"},
                      {"min", min_},
                      {"max", max_},
                      {"data_min", json_of(data_min_)},
                      {"data_max", json_of(data_max_)}};
}

MinMaxScaler MinMaxScaler::from_json(const Json& json) {
  check_kind(json, "MinMaxScaler");
  MinMaxScaler scaler(json.at("min").as_double(), json.at("max").as_double());
  scaler.data_min_ = numbers_of(json.at("data_min"));
  scaler.data_max_ = numbers_of(json.at("data_max"));
  check_same_size(scaler.data_min_, scaler.data_max_, "MinMaxScaler");
  return scaler;
}

// ---- StandardScaler ----

StandardScaler& StandardScaler::fit(const Tensor& x) {
  const std::vector<Numbers> columns = columns_of(x, "StandardScaler");
  mean_.clear();
  scale_.clear();
  for (const Numbers& column : columns) {
    const auto count = static_cast<double>(column.size());
    const double mean = mean_of(column);
    double squares = 0;
    for (const double value : column) squares += (value - mean) * (value - mean);
    const double variance = squares / count;
    // What rounding alone may leave of a constant column's variance.
    const double epsilon = std::numeric_limits<double>::epsilon();
    const double noise = count * mean * epsilon;
    const bool constant = variance <= count * epsilon * variance + noise * noise;
    mean_.push_back(mean);
    scale_.push_back(constant ? 1.0 : std::sqrt(variance));
  }
  return *this;
}

Tensor StandardScaler::transform(const Tensor& x) const {
  return change_each(x, mean_.size(), "StandardScaler", [this](double value, std::size_t c) {
    return (value - mean_[c]) / scale_[c];
  });
}

Tensor StandardScaler::inverse_transform(const Tensor& x) const {
  return change_each(x, mean_.size(), "StandardScaler",
                     [this](double value, std::size_t c) { return value * scale_[c] + mean_[c]; });
}

Tensor StandardScaler::fit_transform(const Tensor& x) { return fit(x).transform(x); }

Json StandardScaler::to_json() const {
  return Json::Object{
      {"kind", "StandardScaler"}, {"mean", json_of(mean_)}, {"scale", json_of(scale_)}};
}

StandardScaler StandardScaler::from_json(const Json& json) {
  check_kind(json, "StandardScaler");
  StandardScaler scaler;
  scaler.mean_ = numbers_of(json.at("mean"));
  scaler.scale_ = numbers_of(json.at("scale"));
  check_same_size(scaler.mean_, scaler.scale_, "StandardScaler");
  return scaler;
}

}  // namespace fovea
