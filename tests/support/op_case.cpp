#include "tests/support/op_case.h"

#include <cmath>

#include "fovea/detail/philox.h"

namespace fovea::test {
namespace {

/// Uniform in [0, 1), the same for the same (key, index).
double uniform01(std::uint64_t key, std::int64_t index) {
  return detail::uniform01(detail::philox4x32(key, 0, static_cast<std::uint64_t>(index)).word[0]);
}

/// A positive number for each element, from which probabilities are made.
double weight(std::uint64_t key, std::int64_t index) { return 0.1 + uniform01(key, index); }

void append(std::vector<OpCase>& all, std::vector<OpCase> cases) {
  for (OpCase& op_case : cases) all.push_back(std::move(op_case));
}

}  // namespace

Fill uniform(double low, double high) {
  return [=](std::uint64_t key, std::int64_t index, const Shape&) {
    return low + (high - low) * uniform01(key, index);
  };
}

Fill away_from_zero(double gap, double high) {
  return [=](std::uint64_t key, std::int64_t index, const Shape&) {
    const double u = 2 * uniform01(key, index) - 1;
    return std::copysign(gap + (high - gap) * std::abs(u), u);
  };
}

Fill distinct() {
  return [](std::uint64_t key, std::int64_t index, const Shape& shape) {
    const auto count = static_cast<std::uint64_t>(shape.numel());
    const std::uint64_t place =
        detail::permute_index(static_cast<std::uint64_t>(index), count, key);
    return (2 * static_cast<double>(place) + 1) / static_cast<double>(count) - 1;
  };
}

Fill constant(double value) {
  return [=](std::uint64_t, std::int64_t, const Shape&) { return value; };
}

Fill integers(std::int64_t count) {
  return [=](std::uint64_t key, std::int64_t index, const Shape&) {
    return std::floor(uniform01(key, index) * static_cast<double>(count));
  };
}

Fill one_hot() {
  return [](std::uint64_t key, std::int64_t index, const Shape& shape) {
    const double place = uniform01(key, index / shape.c()) * static_cast<double>(shape.c());
    return static_cast<std::int64_t>(place) == index % shape.c() ? 1.0 : 0.0;
  };
}

Fill probabilities() {
  return [](std::uint64_t key, std::int64_t index, const Shape& shape) {
    const std::int64_t row = index - index % shape.c();
    double sum = 0;
    for (std::int64_t c = 0; c < shape.c(); ++c) sum += weight(key, row + c);
    return weight(key, index) / sum;
  };
}

OpCase::OpCase(std::string label, std::function<OpPtr(DType)> make,
               std::vector<CaseInput> case_inputs)
    : op(std::move(make)), inputs(std::move(case_inputs)) {
  name = op_name() + "_" + label;
}

OpCase OpCase::differentiate(std::vector<int> input_indices) const {
  OpCase copy = *this;
  copy.differentiable = std::move(input_indices);
  return copy;
}

OpCase OpCase::must_accept(std::vector<std::string> candidates) const {
  OpCase copy = *this;
  for (std::string& candidate : candidates) copy.accepting.push_back(std::move(candidate));
  return copy;
}

OpCase OpCase::reference_may_decline() const {
  OpCase copy = *this;
  std::erase(copy.accepting, "reference");
  return copy;
}

OpCase OpCase::tolerance(double relative) const {
  OpCase copy = *this;
  copy.relative_tolerance = relative;
  return copy;
}

std::vector<Tensor> make_inputs(const OpCase& op_case, DType dtype) {
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < op_case.inputs.size(); ++i) {
    const CaseInput& input = op_case.inputs[i];
    const std::uint64_t key = detail::mix_key(detail::path_key(op_case.name), i);
    Tensor values(input.shape, DType::f32);
    for (std::int64_t k = 0; k < values.numel(); ++k) {
      values.data<float>()[k] = static_cast<float>(input.fill(key, k, input.shape));
    }
    tensors.push_back(values.to(input.dtype.value_or(dtype)));
  }
  return tensors;
}

const std::vector<OpCase>& op_cases() {
  static const std::vector<OpCase> cases = [] {
    std::vector<OpCase> all;
    append(all, conv_cases());
    append(all, pool_cases());
    append(all, norm_cases());
    append(all, matmul_cases());
    append(all, basic_cases());
    append(all, activation_cases());
    append(all, loss_cases());
    append(all, update_cases());
    return all;
  }();
  return cases;
}

}  // namespace fovea::test
