// What is computed of whole data sets: no samples, one, sizes that nothing divides, ties.
#include "fovea/ops/statistics.h"

#include "tests/support/op_case.h"

namespace fovea::test {
namespace {

/// Labels from -1 to 11, of which ten are counted.
CaseInput some_labels(std::int64_t samples) {
  const auto label = [](std::uint64_t key, std::int64_t index, const Shape&) {
    return static_cast<double>((key % 13 + static_cast<std::uint64_t>(index) * 7) % 13) - 1;
  };
  return {{samples}, elementwise(label), DType::i32};
}

void add_counts(std::vector<OpCase>& cases) {
  ops::CountLabels op;
  op.classes = 10;
  for (const std::int64_t samples : {0, 1, 131, 20011}) {
    const std::string label = "of_" + std::to_string(samples);
    cases.push_back(OpCase(label, op, {some_labels(samples)}));
    cases.push_back(OpCase(label + "_pairs", op, {some_labels(samples), some_labels(samples)}));
  }
  op.classes = 1;
  cases.push_back(OpCase("one_class", op, {{{37}, integers(1), DType::i32}}));
  op.classes = 1000;
  cases.push_back(OpCase("mostly_empty", op, {some_labels(131)}));
}

void add_moments(std::vector<OpCase>& cases) {
  for (const auto& [label, shape] :
       {std::pair("empty", Shape{0, 5, 4, 3}), std::pair("single", Shape{1}),
        std::pair("pictures", Shape{7, 5, 3, 3}), std::pair("grey", Shape{131, 1}),
        std::pair("many_channels", Shape{13, 6}), std::pair("many_cells", Shape{20011, 2})}) {
    cases.push_back(OpCase(std::string(label) + "_u8", ops::ChannelMoments{},
                           {{shape, integers(256), DType::u8}}));
    cases.push_back(OpCase(std::string(label) + "_f32", ops::ChannelMoments{},
                           {{shape, uniform(-3, 5), DType::f32}}));
  }
}

void add_pairs(std::vector<OpCase>& cases) {
  const auto zeros = [](std::uint64_t, std::int64_t index, const Shape&) {
    return index % 3 == 0 ? -0.0 : static_cast<double>(index % 3) - 1;
  };
  for (const DType dtype : {DType::f32, DType::f64}) {
    const std::string type = "_" + std::string(dtype_name(dtype));
    const auto add = [&](const std::string& label, std::int64_t samples, std::int64_t labels,
                         const Fill& scores) {
      cases.push_back(
          OpCase(label + type, ops::RankedPairs{},
                 {{{samples}, integers(labels), DType::i32}, {{samples}, scores, dtype}}));
    };
    add("no_sample", 0, 2, distinct());
    add("one_sample", 1, 2, distinct());
    add("distinct", 131, 2, distinct());
    add("ties", 131, 2, integers(5));
    add("all_tied", 37, 2, constant(0.5));
    add("zeros_of_either_sign", 37, 2, elementwise(zeros));
    add("no_ones", 37, 1, distinct());
    add("many", 20011, 2, integers(301));
  }
}

}  // namespace

std::vector<OpCase> statistics_cases() {
  std::vector<OpCase> cases;
  add_counts(cases);
  add_moments(cases);
  add_pairs(cases);
  for (OpCase& op_case : cases) op_case = op_case.cuda_must_accept({"thrust"});
  return cases;
}

}  // namespace fovea::test
