// Every candidate of the CPU's kernel table against the f64 reference, over all op cases; the fused
// ops among them against their parts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>

#include "host/graph/run_op.h"
#include "tests/support/op_case.h"

namespace fovea::test {
namespace {

constexpr double kF64Tolerance = 1e-12;

/// One op by name, with all its cases: a test per op.
class CpuCandidates : public ::testing::TestWithParam<std::string> {
 protected:
  /// Calls body(case, op, inputs) for every case, op and inputs being of this type.
  template <class Body>
  void for_each_case(DType dtype, const Body& body) {
    for (const OpCase& op_case : op_cases()) {
      if (op_case.op_name() != GetParam()) continue;
      SCOPED_TRACE(op_case.name);
      body(op_case, op_case.op(dtype), make_inputs(op_case, dtype));
    }
  }

  /// The candidates that take these inputs; for an op that the plan itself serves (a view), one
  /// without a name.
  static std::vector<std::string> accepting(const OpPtr& op, const std::vector<Tensor>& inputs) {
    std::vector<std::string> names;
    const std::vector<std::string> known = candidates_of(op->name());
    for (const std::string& name : known) {
      if (!decline_reason(op, inputs, name).has_value()) names.push_back(name);
    }
    if (known.empty() && !is_fused(op, inputs)) names.emplace_back();
    return names;
  }

  void expect_close(const std::vector<Tensor>& results, const std::vector<Tensor>& expected,
                    double tolerance, const std::string& how) {
    ASSERT_EQ(results.size(), expected.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      const double error = relative_error(results[i], expected[i]);
      EXPECT_LE(error, tolerance) << how << ", output " << i;
      worst_[how] = std::max(worst_[how], error);
    }
  }

  void TearDown() override {
    for (const auto& [how, error] : worst_) {
      std::printf("worst relative error %.1e  %s [%s]\n", error, GetParam().c_str(), how.c_str());
    }
  }

  std::map<std::string, double> worst_;  ///< by candidate
};

std::vector<std::string> op_names() {
  std::set<std::string> names;
  for (const OpCase& op_case : op_cases()) names.insert(op_case.op_name());
  return {names.begin(), names.end()};
}

INSTANTIATE_TEST_SUITE_P(AllOps, CpuCandidates, ::testing::ValuesIn(op_names()),
                         [](const auto& param_info) { return param_info.param; });

TEST_P(CpuCandidates, AgreeWithTheF64ReferenceInF32) {
  for_each_case(DType::f32, [&](const OpCase& op_case, const OpPtr& op,
                                const std::vector<Tensor>& inputs) {
    const std::vector<Tensor> expected =
        run_reference(op_case.op(DType::f64), make_inputs(op_case, DType::f64));
    for (const std::string& candidate : accepting(op, inputs)) {
      RunOptions options;
      options.candidate = candidate;
      options.threads = 2;
      expect_close(run_op(op, inputs, options), expected, op_case.relative_tolerance, candidate);
      if (!may_work_in_place(op, inputs, candidate)) continue;
      options.inputs_in_arena = true;
      expect_close(run_op(op, inputs, options), expected, op_case.relative_tolerance,
                   candidate + " in place");
    }
  });
}

TEST_P(CpuCandidates, AgreeWithTheReferenceInF64) {
  for_each_case(DType::f64, [&](const OpCase&, const OpPtr& op, const std::vector<Tensor>& inputs) {
    const std::vector<Tensor> expected = run_reference(op, inputs);
    for (const std::string& candidate : accepting(op, inputs)) {
      RunOptions options;
      options.candidate = candidate;
      expect_close(run_op(op, inputs, options), expected, kF64Tolerance, candidate + " f64");
    }
  });
}

TEST_P(CpuCandidates, AcceptWhatTheyMust) {
  for_each_case(
      DType::f32, [&](const OpCase& op_case, const OpPtr& op, const std::vector<Tensor>& inputs) {
        const std::vector<std::string> known = candidates_of(op->name());
        for (const std::string& candidate : op_case.accepting) {
          if (candidate != "reference" && !FOVEA_HAS_ONEDNN) continue;  // this build is without it
          // A fused op may do without a reference: it expands. A view needs no kernel at all.
          const bool present = std::count(known.begin(), known.end(), candidate) > 0;
          if (candidate == "reference" && !present && (known.empty() || is_fused(op, inputs)))
            continue;
          EXPECT_EQ(decline_reason(op, inputs, candidate).value_or("accepted"), "accepted")
              << candidate;
        }
      });
}

/// Results may not depend on how many threads share the work.
TEST_P(CpuCandidates, ReferenceGivesTheSameBitsWithAnyNumberOfThreads) {
  for_each_case(DType::f32, [&](const OpCase&, const OpPtr& op, const std::vector<Tensor>& inputs) {
    if (decline_reason(op, inputs, "reference").has_value()) return;
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
  });
}

/// What is written to a model file comes back as the same op.
TEST_P(CpuCandidates, OpsComeBackFromTheirAttributes) {
  for_each_case(DType::f32, [&](const OpCase&, const OpPtr& op, const std::vector<Tensor>&) {
    const OpPtr copy = make_op(op->name(), op->attributes());
    EXPECT_EQ(copy->name(), op->name());
    EXPECT_EQ(copy->attributes().to_string(), op->attributes().to_string());
  });
}

}  // namespace
}  // namespace fovea::test
