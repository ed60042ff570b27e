#include "fovea/detail/philox.h"
#include "fovea/ops/pool.h"
#include "tests/support/op_case.h"

namespace fovea::test {
namespace {

struct Pooling {
  std::string label;
  Shape x;
  ops::PoolAttributes attributes;

  Size2 input_size() const { return {x.h(), x.w()}; }
  Shape y() const {
    const WindowGeometry window = attributes.geometry(input_size());
    return {x.n(), window.output.h, window.output.w, x.c()};
  }
};

std::vector<Pooling> poolings() {
  const Padding valid = Padding::valid(), same = Padding::same();
  return {
      {"one_of_all", {1, 1, 1, 1}, {1, 1, valid}},
      {"2x2", {2, 6, 8, 5}, {2, 2, valid}},
      {"2x2_leaves_cells", {2, 7, 5, 17}, {2, 2, valid}},
      {"2x2_same", {3, 7, 5, 3}, {2, 2, same}},
      {"3x3_overlapping", {2, 7, 9, 4}, {3, 1, valid}},
      {"3x3_same_stride_2", {2, 8, 7, 16}, {3, 2, same}},
      {"3x2_explicit", {1, 6, 7, 2}, {{3, 2}, {2, 1}, Padding::cells(2, 1, 1, 0)}},
      {"stride_beyond_window", {2, 9, 8, 3}, {2, 3, valid}},
      {"3x3_overlapping_vectors", {1, 5, 4, 8}, {3, 1, same}},
      {"3x2_explicit_vectors", {2, 6, 7, 24}, {{3, 2}, {2, 1}, Padding::cells(2, 1, 1, 0)}},
      {"whole_picture", {2, 5, 4, 7}, {{5, 4}, {5, 4}, valid}},
      {"whole_picture_wide_index", {1, 17, 16, 2}, {{17, 16}, {17, 16}, valid}},
      {"wide_index_vectors", {1, 18, 17, 8}, {{17, 16}, 1, valid}},
      {"after_first_layer", {4, 30, 30, 32}, {2, 2, valid}},
  };
}

/// The type of a window's index.
DType index_type(const Pooling& pooling) {
  const Size2 kernel = pooling.attributes.kernel;
  return kernel.h * kernel.w <= 256 ? DType::u8 : DType::i32;
}

/// The index of a random cell of each window that lies in the picture.
Fill cells_in_picture(const Pooling& pooling) {
  const WindowGeometry window = pooling.attributes.geometry(pooling.input_size());
  return elementwise([=](std::uint64_t key, std::int64_t index, const Shape& y) {
    const std::int64_t ow = index / y.c() % y.w();
    const std::int64_t oh = index / y.c() / y.w() % y.h();
    const auto pick = [&](std::int64_t start, std::int64_t kernel, std::int64_t size,
                          std::uint64_t axis) {
      const std::int64_t first = start < 0 ? -start : 0;
      const std::int64_t last = start + kernel > size ? size - start : kernel;
      const auto word = detail::philox4x32(key, axis, static_cast<std::uint64_t>(index)).word[0];
      return first + static_cast<std::int64_t>(word % static_cast<std::uint64_t>(last - first));
    };
    const std::int64_t r =
        pick(oh * window.stride.h - window.pad_top, window.kernel.h, window.input.h, 1);
    const std::int64_t s =
        pick(ow * window.stride.w - window.pad_left, window.kernel.w, window.input.w, 2);
    return static_cast<double>(r * window.kernel.w + s);
  });
}

void add_cases(const Pooling& pooling, std::vector<OpCase>& cases) {
  cases.push_back(
      OpCase(pooling.label, ops::MaxPool2d(pooling.attributes), {{pooling.x, distinct()}})
          .differentiate({0}));
  cases.push_back(
      OpCase(pooling.label, ops::AvgPool2d(pooling.attributes), {{pooling.x}}).differentiate({0}));
  ops::MaxPool2dBackward max_backward;
  static_cast<ops::PoolAttributes&>(max_backward) = pooling.attributes;
  max_backward.input_size = pooling.input_size();
  cases.push_back(
      OpCase(pooling.label, max_backward,
             {{pooling.y()}, {pooling.y(), cells_in_picture(pooling), index_type(pooling)}}));
  ops::AvgPool2dBackward avg_backward;
  static_cast<ops::PoolAttributes&>(avg_backward) = pooling.attributes;
  avg_backward.input_size = pooling.input_size();
  cases.push_back(OpCase(pooling.label, avg_backward, {{pooling.y()}}));
}

void add_global(const std::string& label, const Shape& x, std::vector<OpCase>& cases) {
  cases.push_back(OpCase(label, ops::GlobalAvgPool{}, {{x}}).differentiate({0}));
  ops::GlobalAvgPoolBackward backward;
  backward.input_size = Size2(x.h(), x.w());
  cases.push_back(OpCase(label, backward, {{{x.n(), x.c()}}}));
}

}  // namespace

std::vector<OpCase> pool_cases() {
  std::vector<OpCase> cases;
  for (const Pooling& pooling : poolings()) add_cases(pooling, cases);
  // Equal cells: the first of them wins everywhere.
  cases.push_back(OpCase("ties", ops::MaxPool2d({{3, 2}, {2, 1}, Padding::same()}),
                         {{{2, 6, 5, 3}, integers(2)}}));
  for (OpCase& op_case : cases) op_case = op_case.must_accept({"blocked"});
  for (const Pooling& pooling : poolings()) {
    cases.push_back(
        OpCase(pooling.label, ops::MinPool2d(pooling.attributes), {{pooling.x, distinct()}})
            .differentiate({0}));
  }
  cases.push_back(OpCase("ties", ops::MinPool2d({{3, 2}, {2, 1}, Padding::same()}),
                         {{{2, 6, 5, 3}, integers(2)}}));
  add_global("one_of_all", {1, 1, 1, 1}, cases);
  add_global("small", {3, 5, 7, 11}, cases);
  add_global("resnet", {4, 8, 8, 64}, cases);
  add_global("one_channel", {2, 33, 31, 1}, cases);
  add_global("many_channels", {2, 3, 5, 520}, cases);
  return cases;
}

}  // namespace fovea::test
