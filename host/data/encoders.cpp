// Labels and categories: one-hot rows and back (argmax), texts as numbers and back.
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string_view>

#include "fovea/preprocessing.h"
#include "host/data/cells.h"
#include "host/data/files.h"

namespace fovea {
namespace {

/// The place of each value; calls `unknown` with the row of one that has none.
template <class Unknown>
std::vector<std::optional<std::size_t>> places_of(const std::vector<std::string>& classes,
                                                  const std::vector<std::string>& values,
                                                  Unknown&& unknown) {
  std::map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < classes.size(); ++i) places.emplace(classes[i], i);
  std::vector<std::optional<std::size_t>> found;
  for (std::size_t row = 0; row < values.size(); ++row) {
    const auto place = places.find(values[row]);
    if (place == places.end()) {
      unknown(row);
      found.emplace_back();
    } else {
      found.emplace_back(place->second);
    }
  }
  return found;
}

void check_values(const std::vector<std::string>& values, const std::string& what) {
  FOVEA_REQUIRE(!values.empty(), invalid_argument, what, " cannot be fitted: there are no values");
  const auto missing = std::find(values.begin(), values.end(), std::string());
  FOVEA_REQUIRE(missing == values.end(), invalid_argument, what, ": row ", missing - values.begin(),
                " (counted from 0) is missing; fill it (Table::fill_missing) or leave it out");
}

Json json_of(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push(text);
  return list;
}

std::vector<std::string> texts_of(const Json& list) {
  std::vector<std::string> texts;
  for (const Json& text : list.as_array()) texts.push_back(text.as_string());
  return texts;
}

/// Index of the largest of `count` values that lie `stride` apart.
std::int64_t largest(const double* values, std::int64_t count, std::int64_t stride) {
  std::int64_t best = 0;
  for (std::int64_t i = 1; i < count; ++i) {
    if (std::isnan(values[best * stride])) break;
    const double value = values[i * stride];
    if (value > values[best * stride] || std::isnan(value)) best = i;
  }
  return best;
}

}  // namespace

// ---- Labels and classes ----

Tensor one_hot(const Tensor& labels, std::int64_t classes) {
  FOVEA_REQUIRE(labels.defined() && labels.numel() > 0, invalid_argument,
                "one_hot needs at least one label");
  FOVEA_REQUIRE(labels.dtype() == DType::i32 || labels.dtype() == DType::u8, invalid_argument,
                "one_hot needs i32 or u8 labels, not ", dtype_name(labels.dtype()));
  const Tensor numbers = labels.to(DType::i32);
  const auto places = numbers.span<std::int32_t>();
  if (classes == 0) classes = std::int64_t{*std::max_element(places.begin(), places.end())} + 1;
  for (std::size_t i = 0; i < places.size(); ++i) {
    FOVEA_REQUIRE(places[i] >= 0 && places[i] < classes, invalid_argument, "one_hot: label ",
                  places[i], " of sample ", i, " is out of range: ", classes,
                  " classes are numbered from 0");
  }
  Tensor rows = Tensor::zeros(labels.shape().append(classes));
  float* row = rows.data<float>();
  for (const std::int32_t place : places) {
    row[place] = 1;
    row += classes;
  }
  return rows;
}

std::int64_t argmax(const Tensor& values) {
  FOVEA_REQUIRE(values.defined() && values.numel() > 0, invalid_argument,
                "argmax of a tensor without elements does not exist");
  const Tensor numbers = values.to(DType::f64);
  return largest(numbers.data<double>(), numbers.numel(), 1);
}

Tensor argmax(const Tensor& values, int axis) {
  const Shape& shape = values.shape();
  const int from_front = axis < 0 ? axis + shape.rank() : axis;
  FOVEA_REQUIRE(values.defined() && from_front >= 0 && from_front < shape.rank(), invalid_argument,
                "argmax along axis ", axis, " of a tensor of shape ", shape,
                ": there is no such axis");
  const std::int64_t count = shape[from_front];
  FOVEA_REQUIRE(count > 0, invalid_argument, "argmax along axis ", axis, " of a tensor of shape ",
                shape, ": the axis has no elements");
  const std::int64_t stride = shape.drop_front(from_front + 1).numel();
  std::vector<std::int64_t> kept;
  for (int i = 0; i < shape.rank(); ++i) {
    if (i != from_front) kept.push_back(shape[i]);
  }
  const Tensor numbers = values.to(DType::f64);
  Tensor places(Shape(std::span<const std::int64_t>(kept)), DType::i32);
  std::int32_t* place = places.data<std::int32_t>();
  for (std::int64_t i = 0; i < places.numel(); ++i) {
    const std::int64_t first = i / stride * stride * count + i % stride;
    place[i] = static_cast<std::int32_t>(largest(numbers.data<double>() + first, count, stride));
  }
  return places;
}

std::vector<std::string> sorted_classes(const std::vector<std::string>& values) {
  std::vector<std::string> classes = values;
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  const auto is_number = [](const std::string& text) {
    const std::optional<double> number = data::number_of(text);
    return number && !std::isnan(*number);
  };
  if (std::all_of(classes.begin(), classes.end(), is_number)) {
    std::stable_sort(classes.begin(), classes.end(),
                     [](const std::string& a, const std::string& b) {
                       return *data::number_of(a) < *data::number_of(b);
                     });
  }
  return classes;
}

// ---- LabelEncoder ----

LabelEncoder& LabelEncoder::fit(const std::vector<std::string>& values) {
  check_values(values, "LabelEncoder");
  classes_ = sorted_classes(values);
  return *this;
}

Tensor LabelEncoder::transform(const std::vector<std::string>& values) const {
  FOVEA_REQUIRE(!classes_.empty(), invalid_argument, "LabelEncoder: call fit() before transform()");
  const auto places = places_of(classes_, values, [&](std::size_t row) {
    fail(ErrorCode::invalid_argument, "LabelEncoder: row ", row, " (counted from 0) is \"",
         values[row], "\", which is none of the values fitted on: ", data::join(classes_));
  });
  Tensor codes({std::ssize(values)}, DType::i32);
  std::transform(places.begin(), places.end(), codes.data<std::int32_t>(),
                 [](const std::optional<std::size_t>& place) {
                   return static_cast<std::int32_t>(place.value());
                 });
  return codes;
}

Tensor LabelEncoder::fit_transform(const std::vector<std::string>& values) {
  return fit(values).transform(values);
}

std::vector<std::string> LabelEncoder::inverse_transform(const Tensor& codes) const {
  FOVEA_REQUIRE(codes.defined() && codes.shape().rank() == 1, shape_mismatch,
                "LabelEncoder: codes have shape (N,), not ", codes.shape());
  std::vector<std::string> values;
  for (const std::int32_t code : codes.span<std::int32_t>()) {
    FOVEA_REQUIRE(code >= 0 && code < std::ssize(classes_), invalid_argument, "LabelEncoder: code ",
                  code, " is out of range: there are ", classes_.size(), " classes, from 0");
    values.push_back(classes_[static_cast<std::size_t>(code)]);
  }
  return values;
}

Json LabelEncoder::to_json() const {
  return Json::Object{{"kind", "LabelEncoder"}, {"classes", json_of(classes_)}};
}

LabelEncoder LabelEncoder::from_json(const Json& json) {
  FOVEA_REQUIRE(json.at("kind").as_string() == "LabelEncoder", parse, "this is the JSON of a ",
                json.at("kind").as_string(), ", not of a LabelEncoder");
  LabelEncoder encoder;
  encoder.classes_ = texts_of(json.at("classes"));
  return encoder;
}

LabelEncoder encode_column(Table& table, const std::string& name) {
  LabelEncoder encoder;
  const Tensor codes = encoder.fit_transform(table.text(name)).to(DType::f64);
  table.set_column(name, codes.span<double>());
  return encoder;
}

// ---- OneHotEncoder ----

OneHotEncoder& OneHotEncoder::fit(const Table& table) {
  FOVEA_REQUIRE(table.rows() > 0, invalid_argument,
                "OneHotEncoder cannot be fitted on a table without rows and columns");
  std::vector<Column> columns;
  for (const std::string& name : table.names()) {
    check_values(table.text(name), "OneHotEncoder, column '" + name + "'");
    columns.push_back({name, sorted_classes(table.text(name))});
  }
  columns_ = std::move(columns);
  return *this;
}

Tensor OneHotEncoder::transform(const Table& table) const {
  FOVEA_REQUIRE(!columns_.empty(), invalid_argument,
                "OneHotEncoder: call fit() before transform()");
  const std::int64_t width = std::ssize(feature_names());
  Tensor rows = Tensor::zeros({table.rows(), width});
  float* first = rows.data<float>();  // of the column's features
  for (const Column& column : columns_) {
    const std::vector<std::string>& cells = table.text(column.name);
    const auto places = places_of(column.classes, cells, [&](std::size_t row) {
      FOVEA_REQUIRE(ignore_unknown_, invalid_argument, "OneHotEncoder, column '", column.name,
                    "': row ", row, " (counted from 0) is \"", cells[row],
                    "\", which is none of the values fitted on: ", data::join(column.classes));
    });
    for (std::size_t row = 0; row < places.size(); ++row) {
      if (places[row])
        first[static_cast<std::int64_t>(row) * width + std::int64_t(*places[row])] = 1;
    }
    first += column.classes.size();
  }
  return rows;
}

Tensor OneHotEncoder::fit_transform(const Table& table) { return fit(table).transform(table); }

std::vector<std::string> OneHotEncoder::feature_names() const {
  std::vector<std::string> names;
  for (const Column& column : columns_) {
    for (const std::string& value : column.classes) names.push_back(column.name + "_" + value);
  }
  return names;
}

Json OneHotEncoder::to_json() const {
  Json columns = Json::array();
  for (const Column& column : columns_) {
    columns.push(Json::Object{{"name", column.name}, {"classes", json_of(column.classes)}});
  }
  return Json::Object{
      {"kind", "OneHotEncoder"}, {"ignore_unknown", ignore_unknown_}, {"columns", columns}};
}

OneHotEncoder OneHotEncoder::from_json(const Json& json) {
  FOVEA_REQUIRE(json.at("kind").as_string() == "OneHotEncoder", parse, "this is the JSON of a ",
                json.at("kind").as_string(), ", not of a OneHotEncoder");
  OneHotEncoder encoder(json.at("ignore_unknown").as_bool());
  for (const Json& column : json.at("columns").as_array()) {
    encoder.columns_.push_back({column.at("name").as_string(), texts_of(column.at("classes"))});
  }
  return encoder;
}

Tensor join_columns(const std::vector<Tensor>& parts) {
  FOVEA_REQUIRE(!parts.empty(), invalid_argument, "join_columns() needs one tensor at least");
  std::int64_t width = 0;
  for (const Tensor& part : parts) {
    FOVEA_REQUIRE(
        part.defined() && part.shape().rank() == 2 && part.shape()[0] == parts.front().shape()[0],
        shape_mismatch, "join_columns() takes (N, columns) with as many rows each, not ",
        part.shape(), " beside ", parts.front().shape());
    FOVEA_REQUIRE(part.dtype() == DType::f32, invalid_argument, "join_columns() takes f32, not ",
                  dtype_name(part.dtype()), "; convert it by to(DType::f32)");
    width += part.shape()[1];
  }
  const std::int64_t rows = parts.front().shape()[0];
  Tensor joined({rows, width}, DType::f32);
  float* to = joined.data<float>();
  for (std::int64_t row = 0; row < rows; ++row) {
    for (const Tensor& part : parts) {
      const std::int64_t columns = part.shape()[1];
      to = std::copy_n(part.data<float>() + row * columns, columns, to);
    }
  }
  return joined;
}

}  // namespace fovea
