#include "fovea/ops/loss_scale.h"
#include "fovea/ops/update.h"
#include "tests/support/op_case.h"

namespace fovea::test {

std::vector<OpCase> loss_scale_cases() {
  std::vector<OpCase> cases;
  const CaseInput scale{{}, constant(1024), DType::f32};
  const auto unscale = [&](const std::string& label, const std::vector<Shape>& shapes) {
    std::vector<CaseInput> inputs = {scale};
    for (const Shape& shape : shapes) inputs.push_back({shape, uniform(), std::nullopt, true});
    cases.push_back(OpCase(label, ops::Unscale{}, inputs));
  };
  unscale("number", {Shape{}});
  unscale("odd", {{7, 13}});
  unscale("several", {{2, 70001}, {1}, {3, 3, 2, 5}, {0}, {1024}});
  unscale("more_than_one_launch_takes", std::vector<Shape>(150, Shape{5}));
  const auto adjust = [&](const std::string& label, double first_scale, double good, bool finite) {
    ops::AdjustLossScale op;
    op.interval = 10;
    op.largest = 4096;
    cases.push_back(OpCase(label, op,
                           {{{}, constant(first_scale), DType::f32},
                            {{}, constant(good), DType::i64},
                            {{}, constant(finite ? 1 : 0), DType::i32}}));
  };
  adjust("not_finite", 1024, 7, false);
  adjust("waits", 1024, 8, true);
  adjust("grows", 1024, 9, true);
  adjust("at_its_largest", 4096, 9, true);
  for (const auto& [label, held_at, finite] :
       {std::tuple("goes_on", 0, 1), std::tuple("stops", 0, 0), std::tuple("is_held", 5, 1),
        std::tuple("stays_held", 5, 0)}) {
    cases.push_back(OpCase(label, ops::HoldStep{},
                           {{{}, constant(held_at), DType::i64},
                            {{}, constant(9), DType::i64},
                            {{}, constant(finite), DType::i32}}));
  }
  return cases;
}

}  // namespace fovea::test
