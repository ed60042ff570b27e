// OpCase: one op at one set of shapes, and what is to be checked of it. The list of all cases
// drives the numeric gradients, the comparison of every kernel with the f64 reference, the fused
// ops against their parts and the round trip of attributes. A new op needs one case at least.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fovea/op.h"
#include "fovea/tensor.h"
#include "host/ops/cost.h"

namespace fovea::test {

/// Sets all values of an input of this shape: a pure function of the input's key.
using Fill = std::function<void(std::uint64_t key, const Shape& shape, std::span<double> values)>;

/// Each element a function of its index.
Fill elementwise(
    std::function<double(std::uint64_t key, std::int64_t index, const Shape& shape)> element);
/// Uniform in [low, high).
Fill uniform(double low = -1, double high = 1);
/// Of either sign, with a magnitude in [gap, high): keeps away from a kink at 0.
Fill away_from_zero(double gap = 0.1, double high = 1);
/// Evenly spaced in (-1, 1), in random order: no two elements are equal or nearly so.
Fill distinct();
Fill constant(double value);
/// Whole numbers in [0, count).
Fill integers(std::int64_t count);
/// Rows of the last axis with one 1, the rest 0.
Fill one_hot();
/// Rows of the last axis that are positive and sum to 1.
Fill probabilities();

struct CaseInput {
  Shape shape;
  Fill fill = uniform();
  /// Unset: the type in which the case is run.
  std::optional<DType> dtype = std::nullopt;
  /// A per-channel parameter, which stays f32 where the case is run in 16 bits.
  bool wide = false;
};

struct OpCase {
  OpCase(std::string label, OpPtr case_op, std::vector<CaseInput> case_inputs)
      : OpCase(
            std::move(label), [case_op](DType) { return case_op; }, std::move(case_inputs)) {}
  template <class DerivedOp>
  requires std::is_base_of_v<Op, DerivedOp> OpCase(std::string label, DerivedOp case_op,
                                                   std::vector<CaseInput> case_inputs)
      : OpCase(std::move(label), std::make_shared<const DerivedOp>(std::move(case_op)),
               std::move(case_inputs)) {}
  /// For ops that name a dtype among their attributes.
  OpCase(std::string label, std::function<OpPtr(DType)> make, std::vector<CaseInput> case_inputs);

  /// Inputs whose gradient is checked numerically.
  OpCase differentiate(std::vector<int> input_indices) const;
  /// Candidates that may not decline the case in f32, besides "reference", which never may where
  /// the op has it.
  OpCase must_accept(std::vector<std::string> candidates) const;
  /// Candidates of the CUDA device that may not decline the case, in any type.
  OpCase cuda_must_accept(std::vector<std::string> candidates) const;
  /// For an op that has "reference", but not for these attributes.
  OpCase reference_may_decline() const;
  /// |d| / |ref| of each f32 output against the f64 reference.
  OpCase tolerance(double relative) const;

  std::string name;  ///< "<op>_<label>", unique
  std::function<OpPtr(DType)> op;
  std::vector<CaseInput> inputs;
  std::vector<int> differentiable;
  std::vector<std::string> accepting = {"reference"};
  std::vector<std::string> accepting_on_cuda;
  double relative_tolerance = 1e-5;

  std::string op_name() const { return std::string(op(DType::f32)->name()); }
  /// Of one evaluation in f32.
  Cost cost() const;
};

/// The inputs' values. Those in f32 and in f64 are the same numbers, exact in f32.
std::vector<Tensor> make_inputs(const OpCase& op_case, DType dtype);

/// All cases of all files below.
const std::vector<OpCase>& op_cases();

std::vector<OpCase> conv_cases();
std::vector<OpCase> pool_cases();
std::vector<OpCase> norm_cases();
std::vector<OpCase> matmul_cases();
std::vector<OpCase> basic_cases();
std::vector<OpCase> activation_cases();
std::vector<OpCase> loss_cases();
std::vector<OpCase> update_cases();
std::vector<OpCase> loss_scale_cases();
std::vector<OpCase> data_cases();
std::vector<OpCase> statistics_cases();

/// For GoogleTest: prints and names a case.
inline void PrintTo(const OpCase& op_case, std::ostream* out) { *out << op_case.name; }

}  // namespace fovea::test
