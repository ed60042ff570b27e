#include "tests/support/op_case.h"

#include <cmath>

#include "fovea/detail/philox.h"

namespace fovea::test {
namespace {

/// Uniform in [0, 1), the same for the same (key, index).
double uniform01(std::uint64_t key, std::int64_t index) {
  return detail::uniform01(detail::philox4x32(key, 0, static_cast<std::uint64_t>(index)).word[0]);
}

void append(std::vector<OpCase>& all, std::vector<OpCase> cases) {
  for (OpCase& op_case : cases) all.push_back(std::move(op_case));
}

}  // namespace

Fill elementwise(
    std::function<double(std::uint64_t key, std::int64_t index, const Shape& shape)> element) {
  return [element = std::move(element)](std::uint64_t key, const Shape& shape,
                                        std::span<double> values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = element(key, static_cast<std::int64_t>(i), shape);
    }
  };
}

Fill uniform(double low, double high) {
  return elementwise([=](std::uint64_t key, std::int64_t index, const Shape&) {
    return low + (high - low) * uniform01(key, index);
  });
}

Fill away_from_zero(double gap, double high) {
  return elementwise([=](std::uint64_t key, std::int64_t index, const Shape&) {
    const double u = 2 * uniform01(key, index) - 1;
    return std::copysign(gap + (high - gap) * std::abs(u), u);
  });
}

Fill distinct() {
  return elementwise([](std::uint64_t key, std::int64_t index, const Shape& shape) {
    const auto count = static_cast<std::uint64_t>(shape.numel());
    const std::uint64_t place =
        detail::permute_index(static_cast<std::uint64_t>(index), count, key);
    return (2 * static_cast<double>(place) + 1) / static_cast<double>(count) - 1;
  });
}

Fill constant(double value) {
  return elementwise([=](std::uint64_t, std::int64_t, const Shape&) { return value; });
}

Fill integers(std::int64_t count) {
  return elementwise([=](std::uint64_t key, std::int64_t index, const Shape&) {
    return std::floor(uniform01(key, index) * static_cast<double>(count));
  });
}

Fill one_hot() {
  return elementwise([](std::uint64_t key, std::int64_t index, const Shape& shape) {
    const double place = uniform01(key, index / shape.c()) * static_cast<double>(shape.c());
    return static_cast<std::int64_t>(place) == index % shape.c() ? 1.0 : 0.0;
  });
}

Fill probabilities() {
  return [](std::uint64_t key, const Shape& shape, std::span<double> values) {
    const auto classes = static_cast<std::size_t>(shape.c());
    for (std::size_t row = 0; row < values.size(); row += classes) {
      double sum = 0;
      for (std::size_t i = row; i < row + classes; ++i) {
        values[i] = 0.1 + uniform01(key, static_cast<std::int64_t>(i));
        sum += values[i];
      }
      for (std::size_t i = row; i < row + classes; ++i) values[i] /= sum;
    }
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

OpCase OpCase::cuda_must_accept(std::vector<std::string> candidates) const {
  OpCase copy = *this;
  copy.accepting_on_cuda = std::move(candidates);
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

Cost OpCase::cost() const {
  std::vector<ValueType> types;
  for (const CaseInput& input : inputs) {
    types.push_back({input.shape, input.dtype.value_or(DType::f32)});
  }
  const OpPtr f32_op = op(DType::f32);
  return cost_of(*f32_op, types, f32_op->infer(types));
}

std::vector<Tensor> make_inputs(const OpCase& op_case, DType dtype) {
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < op_case.inputs.size(); ++i) {
    const CaseInput& input = op_case.inputs[i];
    const std::uint64_t key = detail::mix_key(detail::path_key(op_case.name), i);
    Tensor values(input.shape, DType::f64);
    input.fill(key, input.shape, values.span<double>());
    values = values.to(DType::f32);
    const DType own = input.wide && dtype_size(dtype) == 2 ? DType::f32 : dtype;
    tensors.push_back(values.to(input.dtype.value_or(own)));
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
    append(all, loss_scale_cases());
    append(all, data_cases());
    append(all, statistics_cases());
    return all;
  }();
  return cases;
}

}  // namespace fovea::test
