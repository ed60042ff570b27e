// Dataset: checks, slices and splits of samples in memory.
#include <algorithm>
#include <cmath>
#include <span>

#include "fovea/data.h"

namespace fovea {
namespace {

std::int64_t rows(const Tensor& tensor) {
  return tensor.defined() && tensor.shape().rank() > 0 ? tensor.shape()[0] : 0;
}

void check_labels(const Dataset& data) {
  const auto labels = data.y.span<std::int32_t>();
  const std::size_t classes = data.class_names.size();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const bool in_range =
        labels[i] >= 0 && (classes == 0 || static_cast<std::size_t>(labels[i]) < classes);
    if (in_range) continue;
    const std::string range =
        classes == 0 ? "labels start at 0"
                     : detail::concat("its ", classes, " classes are labelled 0 to ", classes - 1);
    fail(ErrorCode::invalid_argument, "data set \"", data.name, "\": sample ", i, " has the label ",
         labels[i], ", but ", range);
  }
}

}  // namespace

std::int64_t Dataset::size() const { return rows(x); }

void Dataset::check() const {
  FOVEA_REQUIRE(rows(x) > 0, invalid_argument, "data set \"", name,
                "\" has no samples: x needs a first axis with at least one row");
  FOVEA_REQUIRE(rows(x) == rows(y), shape_mismatch, "data set \"", name, "\" has ", rows(x),
                " samples in x but ", rows(y), " in y; both need one row per sample");
  FOVEA_REQUIRE(x.dtype() == DType::u8 || x.dtype() == DType::f32, invalid_argument, "data set \"",
                name, "\": x holds ", dtype_name(x.dtype()), "; it must be u8 or f32");
  FOVEA_REQUIRE(y.dtype() == DType::i32 || y.dtype() == DType::f32, invalid_argument, "data set \"",
                name, "\": y holds ", dtype_name(y.dtype()),
                "; it must be i32 labels or f32 targets");
  if (y.dtype() == DType::i32) {
    FOVEA_REQUIRE(y.shape().rank() == 1, shape_mismatch, "data set \"", name,
                  "\": i32 labels have shape (N,), not ", y.shape(),
                  "; give one-hot targets as f32");
    check_labels(*this);
  }
}

Dataset Dataset::slice(std::int64_t first, std::int64_t last) const {
  Dataset part = *this;
  part.x = x.slice(first, last);
  part.y = y.slice(first, last);
  return part;
}

std::pair<Dataset, Dataset> Dataset::split(double fraction) const {
  const std::int64_t at = validation_split_at(size(), fraction);
  return {slice(0, at), slice(at, size())};
}

std::int64_t validation_split_at(std::int64_t count, double fraction) {
  FOVEA_REQUIRE(fraction > 0 && fraction < 1, invalid_argument, "a validation split of ", fraction,
                " is not between 0 and 1; .2 keeps the last fifth for validation");
  const auto at =
      static_cast<std::int64_t>(std::floor(static_cast<double>(count) * (1.0 - fraction)));
  FOVEA_REQUIRE(at > 0 && at < count, invalid_argument, "a validation split of ", fraction, " of ",
                count, " samples leaves one part empty; use more samples or another fraction");
  return at;
}

}  // namespace fovea
