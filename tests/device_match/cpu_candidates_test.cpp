// Every candidate of the CPU's kernel table against the f64 reference, over all op cases; the fused
// ops among them against their parts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "tests/support/op_case.h"
#include "tests/support/run_op.h"

namespace fovea::test {
namespace {

constexpr double kF64Tolerance = 1e-12;

std::string name_of(const ::testing::TestParamInfo<OpCase>& info) { return info.param.name; }

/// The names under which a case is run: all candidates or, for an op that the plan itself serves
/// (a view), none in particular.
std::vector<std::string> candidates_to_try(const OpPtr& op, const std::vector<Tensor>& inputs) {
  std::vector<std::string> names = candidates_of(op->name());
  if (names.empty() && !is_fused(op, inputs)) names.emplace_back();
  return names;
}

bool accepts(const OpPtr& op, const std::vector<Tensor>& inputs, const std::string& candidate) {
  return candidate.empty() || !decline_reason(op, inputs, candidate).has_value();
}

void expect_close(const std::vector<Tensor>& results, const std::vector<Tensor>& expected,
                  double tolerance, const std::string& what) {
  ASSERT_EQ(results.size(), expected.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    const double error = relative_error(results[i], expected[i]);
    EXPECT_LE(error, tolerance) << what << ", output " << i;
    std::printf("relative error %.1e  %s, output %zu\n", error, what.c_str(), i);
  }
}

class CpuCandidates : public ::testing::TestWithParam<OpCase> {};

TEST_P(CpuCandidates, AgreeWithTheF64ReferenceInF32) {
  const OpCase& op_case = GetParam();
  const std::vector<Tensor> wide = make_inputs(op_case, DType::f64);
  const std::vector<Tensor> expected = run_reference(op_case.op(DType::f64), wide);
  const OpPtr op = op_case.op(DType::f32);
  const std::vector<Tensor> inputs = make_inputs(op_case, DType::f32);
  for (const std::string& candidate : candidates_to_try(op, inputs)) {
    if (!accepts(op, inputs, candidate)) continue;
    for (const bool inputs_in_arena : {false, true}) {
      RunOptions options;
      options.candidate = candidate;
      options.threads = 2;
      options.inputs_in_arena = inputs_in_arena;
      expect_close(run_op(op, inputs, options), expected, op_case.relative_tolerance,
                   op_case.name + " [" + candidate + (inputs_in_arena ? ", in place]" : "]"));
    }
  }
}

TEST_P(CpuCandidates, AgreeWithTheReferenceInF64) {
  const OpCase& op_case = GetParam();
  const OpPtr op = op_case.op(DType::f64);
  const std::vector<Tensor> inputs = make_inputs(op_case, DType::f64);
  const std::vector<Tensor> expected = run_reference(op, inputs);
  for (const std::string& candidate : candidates_to_try(op, inputs)) {
    if (!accepts(op, inputs, candidate)) continue;
    RunOptions options;
    options.candidate = candidate;
    expect_close(run_op(op, inputs, options), expected, kF64Tolerance,
                 op_case.name + " [" + candidate + ", f64]");
  }
}

TEST_P(CpuCandidates, AcceptWhatTheyMust) {
  const OpCase& op_case = GetParam();
  const OpPtr op = op_case.op(DType::f32);
  const std::vector<Tensor> inputs = make_inputs(op_case, DType::f32);
  const std::vector<std::string> known = candidates_of(op->name());
  for (const std::string& candidate : op_case.accepting) {
    if (candidate == "onednn" && !FOVEA_HAS_ONEDNN) continue;  // this build is without it
    // A fused op may do without a reference: it expands. A view needs no kernel at all.
    const bool present = std::count(known.begin(), known.end(), candidate) > 0;
    if (candidate == "reference" && !present && (known.empty() || is_fused(op, inputs))) continue;
    EXPECT_EQ(decline_reason(op, inputs, candidate).value_or("accepted"), "accepted") << candidate;
  }
}

/// Results may not depend on how many threads share the work.
TEST_P(CpuCandidates, GiveTheSameBitsWithAnyNumberOfThreads) {
  const OpCase& op_case = GetParam();
  const OpPtr op = op_case.op(DType::f32);
  const std::vector<Tensor> inputs = make_inputs(op_case, DType::f32);
  const std::vector<std::string> known = candidates_of(op->name());
  if (std::count(known.begin(), known.end(), "reference") == 0) return;  // nothing to compare
  if (!accepts(op, inputs, "reference")) return;
  RunOptions options;
  options.candidate = "reference";
  const std::vector<Tensor> alone = run_op(op, inputs, options);
  for (const int threads : {2, 3}) {
    options.threads = threads;
    const std::vector<Tensor> shared = run_op(op, inputs, options);
    for (std::size_t i = 0; i < alone.size(); ++i) {
      EXPECT_EQ(std::memcmp(alone[i].raw(), shared[i].raw(), alone[i].bytes()), 0)
          << "output " << i << " with " << threads << " threads";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllOps, CpuCandidates, ::testing::ValuesIn(op_cases()), name_of);

/// What is written to a model file comes back as the same op.
TEST_P(CpuCandidates, OpsComeBackFromTheirAttributes) {
  const OpPtr op = GetParam().op(DType::f32);
  const OpPtr copy = make_op(op->name(), op->attributes());
  EXPECT_EQ(copy->name(), op->name());
  EXPECT_EQ(copy->attributes().to_string(), op->attributes().to_string());
}

}  // namespace
}  // namespace fovea::test
