// Every differentiable op's gradient against central differences in f64, and every registered op in
// the list of cases.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "fovea/device.h"
#include "fovea/ops/basic.h"
#include "host/graph/differentiate.h"
#include "tests/support/numeric_gradient.h"
#include "tests/support/op_case.h"

namespace fovea::test {
namespace {

std::vector<OpCase> differentiable_cases() {
  std::vector<OpCase> cases;
  for (const OpCase& op_case : op_cases()) {
    if (!op_case.differentiable.empty()) cases.push_back(op_case);
  }
  return cases;
}

std::vector<std::string> differentiable_ops() {
  std::set<std::string> names;
  for (const OpCase& op_case : differentiable_cases()) names.insert(op_case.op_name());
  return {names.begin(), names.end()};
}

/// One op by name, with all its cases: a test per op.
class OpGradient : public ::testing::TestWithParam<std::string> {};

TEST_P(OpGradient, EqualsCentralDifferences) {
  double worst = 0;
  for (const OpCase& op_case : differentiable_cases()) {
    if (op_case.op_name() != GetParam()) continue;
    const GradientReport report = check_gradients(
        [&](Builder& builder, const std::vector<Value>& inputs) {
          return std::vector<Value>{builder.add(op_case.op(DType::f64), inputs)[0]};
        },
        make_inputs(op_case, DType::f64), op_case.differentiable);
    EXPECT_LE(report.worst_error, 1e-6) << op_case.name << ": " << report.worst_place;
    worst = std::max(worst, report.worst_error);
  }
  std::printf("worst relative error %.1e  %s\n", worst, GetParam().c_str());
}

INSTANTIATE_TEST_SUITE_P(AllOps, OpGradient, ::testing::ValuesIn(differentiable_ops()),
                         [](const auto& param_info) { return param_info.param; });

/// Ops that have no kernel to test: they stand for memory, or are inserted by the plan.
const std::set<std::string> kWithoutCase = {"input", "parameter", "state", "constant", "reorder"};

std::set<std::string> ops_with_a_case() {
  std::set<std::string> names;
  for (const OpCase& op_case : op_cases()) names.insert(op_case.op_name());
  return names;
}

TEST(OpCases, EveryRegisteredOpHasOne) {
  const std::set<std::string> covered = ops_with_a_case();
  for (const std::string& op : registered_ops()) {
    EXPECT_EQ(covered.count(op), 1 - kWithoutCase.count(op))
        << "'" << op << "': add a case to tests/support/cases_<family>.cpp";
  }
}

TEST(OpCases, EveryOpOfTheKernelTableHasOne) {
  const std::set<std::string> covered = ops_with_a_case();
  for (const std::string& op : cpu_device()->kernels().ops()) {
    EXPECT_EQ(covered.count(op), 1 - kWithoutCase.count(op))
        << "'" << op << "': add a case to tests/support/cases_<family>.cpp";
  }
}

TEST(OpCases, NamesAreUnique) {
  std::set<std::string> names;
  for (const OpCase& op_case : op_cases()) {
    EXPECT_TRUE(names.insert(op_case.name).second) << op_case.name;
  }
}

/// Whether differentiating the case's first output gives a gradient to some floating input.
bool has_a_gradient(const OpCase& op_case) {
  Graph graph;
  Builder builder(graph, DType::f64);
  std::vector<Value> values, targets;
  for (const CaseInput& input : op_case.inputs) {
    const DType dtype = input.dtype.value_or(DType::f64);
    values.push_back(builder.input("input" + std::to_string(values.size()), {input.shape, dtype}));
    if (is_floating(dtype)) targets.push_back(values.back());
  }
  const Outputs outputs = builder.add(op_case.op(DType::f64), values);
  if (outputs.size() == 0 || !is_floating(builder.type(outputs[0]).dtype)) return false;
  if (builder.shape(outputs[0]).numel() == 0) return false;  // and so no mean
  const Value scalar = builder.add(ops::Mean{}, {outputs[0]});
  try {
    const std::vector<Value> gradients = differentiate(builder, scalar, targets);
    return std::any_of(gradients.begin(), gradients.end(), [](Value g) { return g.defined(); });
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported) << op_case.name << ": " << error.what();
    return false;
  }
}

TEST(OpCases, EveryOpThatHasAGradientIsCheckedNumerically) {
  std::set<std::string> checked;
  for (const OpCase& op_case : differentiable_cases()) checked.insert(op_case.op_name());
  for (const OpCase& op_case : op_cases()) {
    if (checked.count(op_case.op_name()) > 0) continue;
    EXPECT_FALSE(has_a_gradient(op_case)) << op_case.op_name() << " has a backward rule";
  }
}

}  // namespace
}  // namespace fovea::test
