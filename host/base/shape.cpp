#include "fovea/shape.h"

#include "fovea/error.h"

namespace fovea {

Shape::Shape(std::span<const std::int64_t> sizes) {
  FOVEA_REQUIRE(sizes.size() <= kMaxRank, invalid_argument, "a shape has at most ", kMaxRank,
                " axes, not ", sizes.size());
  for (std::int64_t size : sizes) {
    FOVEA_REQUIRE(size >= 0, invalid_argument, "a shape's sizes are >= 0, not ", size);
    sizes_[static_cast<std::size_t>(rank_++)] = size;
  }
}

std::int64_t Shape::dim(int axis) const {
  const int index = axis < 0 ? axis + rank_ : axis;
  FOVEA_REQUIRE(index >= 0 && index < rank_, invalid_argument, "axis ", axis,
                " is out of range for shape ", str());
  return (*this)[index];
}

void Shape::set(int axis, std::int64_t size) {
  assert(axis >= 0 && axis < rank_ && size >= 0);
  sizes_[static_cast<std::size_t>(axis)] = size;
}

std::int64_t Shape::numel() const {
  // Sizes may come from files that were made to deceive. No memory holds 2^56 elements, and their
  // bytes can still be counted.
  constexpr std::int64_t kMost = std::int64_t{1} << 56;
  std::int64_t count = 1;
  for (std::int64_t size : sizes()) {
    if (size == 0) return 0;
    count = count > kMost / size ? kMost : count * size;
  }
  return count;
}

Shape Shape::drop_front(int axes) const {
  assert(axes >= 0 && axes <= rank_);
  return Shape(sizes().subspan(static_cast<std::size_t>(axes)));
}

Shape Shape::prepend(std::int64_t size) const {
  FOVEA_REQUIRE(rank_ < kMaxRank, invalid_argument, "a shape has at most ", kMaxRank, " axes");
  Shape result;
  result.sizes_[0] = size;
  for (int i = 0; i < rank_; ++i) result.sizes_[static_cast<std::size_t>(i) + 1] = (*this)[i];
  result.rank_ = rank_ + 1;
  return result;
}

Shape Shape::append(std::int64_t size) const {
  FOVEA_REQUIRE(rank_ < kMaxRank, invalid_argument, "a shape has at most ", kMaxRank, " axes");
  Shape result = *this;
  result.sizes_[static_cast<std::size_t>(result.rank_++)] = size;
  return result;
}

std::string Shape::str() const {
  std::string text = "(";
  for (int i = 0; i < rank_; ++i) {
    if (i > 0) text += ", ";
    text += std::to_string((*this)[i]);
  }
  if (rank_ == 1) text += ",";
  return text + ")";
}

}  // namespace fovea
