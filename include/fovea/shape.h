// Shape: the sizes of a tensor, outermost first. Pictures are (N, H, W, C).
#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>
#include <string>

#include "fovea/export.h"

namespace fovea {

/// Up to eight sizes, held in place: copying a Shape never allocates. Rank 0 is a scalar.
class FOVEA_API Shape {
 public:
  static constexpr int kMaxRank = 8;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> sizes)
      : Shape(std::span(sizes.begin(), sizes.size())) {}
  /// Throws invalid_argument for more than eight sizes or a negative one.
  explicit Shape(std::span<const std::int64_t> sizes);

  int rank() const { return rank_; }
  /// Size of one axis; negative axes count from the end. Throws invalid_argument when out of range.
  std::int64_t dim(int axis) const;
  std::int64_t operator[](int axis) const {
    assert(axis >= 0 && axis < rank_);
    return sizes_[static_cast<std::size_t>(axis)];
  }
  void set(int axis, std::int64_t size);
  std::span<const std::int64_t> sizes() const {
    return {sizes_.data(), static_cast<std::size_t>(rank_)};
  }
  const std::int64_t* begin() const { return sizes_.data(); }
  const std::int64_t* end() const { return sizes_.data() + rank_; }

  /// Number of elements; 1 for a scalar.
  std::int64_t numel() const;

  /// Axes of a picture tensor, which must have rank 4 (asserted).
  std::int64_t n() const { return (*this)[0]; }
  std::int64_t h() const { return (*this)[1]; }
  std::int64_t w() const { return (*this)[2]; }
  /// The last axis, of any rank >= 1.
  std::int64_t c() const { return (*this)[rank_ - 1]; }

  /// The sizes after the first `axes`.
  Shape drop_front(int axes = 1) const;
  /// `size` put before all other sizes.
  Shape prepend(std::int64_t size) const;
  Shape append(std::int64_t size) const;

  /// "(32, 28, 28, 1)"; a scalar is "()".
  std::string str() const;

  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i) {
      if (a[i] != b[i]) return false;
    }
    return true;
  }
  friend std::ostream& operator<<(std::ostream& out, const Shape& shape) {
    return out << shape.str();
  }

 private:
  std::array<std::int64_t, kMaxRank> sizes_{};
  int rank_ = 0;
};

/// Height and width, or any pair along the two picture axes.
struct Size2 {
  std::int64_t h = 1;
  std::int64_t w = 1;
  Size2() = default;
  Size2(std::int64_t both) : h(both), w(both) {}  // NOLINT(google-explicit-constructor)
  Size2(std::int64_t height, std::int64_t width) : h(height), w(width) {}
  friend bool operator==(const Size2&, const Size2&) = default;
};

}  // namespace fovea
