// Tensor: a shaped, typed, contiguous block of host memory with shared ownership.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fovea/dtype.h"
#include "fovea/error.h"
#include "fovea/export.h"
#include "fovea/shape.h"

namespace fovea {

/// Copying a Tensor shares its memory; `clone` copies it. Memory is 64-byte aligned unless wrapped.
class FOVEA_API Tensor {
 public:
  /// An empty tensor: no memory, `defined()` is false.
  Tensor() = default;
  /// New memory, its contents not set. Throws out_of_memory with the bytes wanted.
  Tensor(Shape shape, DType dtype);

  static Tensor zeros(Shape shape, DType dtype = DType::f32);
  static Tensor full(Shape shape, double value, DType dtype = DType::f32);
  /// Copies `values`, which must have shape.numel() elements (else shape_mismatch).
  template <class T>
  static Tensor from(Shape shape, std::span<const T> values) {
    check_count(shape, values.size());
    Tensor t(shape, dtype_of<T>);
    std::copy(values.begin(), values.end(), t.data<T>());
    return t;
  }
  template <class T>
  static Tensor from(Shape shape, const std::vector<T>& values) {
    return from<T>(shape, std::span<const T>(values));
  }
  static Tensor from(Shape shape, std::initializer_list<float> values) {
    return from<float>(shape, std::span<const float>(values.begin(), values.size()));
  }
  /// Uses memory of the caller, who keeps it alive until `release` is called (or, without one,
  /// for as long as any copy of this tensor lives).
  static Tensor wrap(void* data, Shape shape, DType dtype, std::function<void()> release = {});
  static Tensor wrap_read_only(const void* data, Shape shape, DType dtype,
                               std::function<void()> release = {});

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  std::int64_t numel() const { return shape_.numel(); }
  std::size_t bytes() const { return static_cast<std::size_t>(numel()) * dtype_size(dtype_); }
  bool read_only() const { return read_only_; }

  const void* raw() const { return data_; }
  /// Throws invalid_argument on a read-only tensor.
  void* mutable_raw();

  /// Typed access; throws invalid_argument when T is not the tensor's type.
  template <class T>
  const T* data() const {
    check_type(dtype_of<T>);
    return static_cast<const T*>(data_);
  }
  template <class T>
  T* data() {
    check_type(dtype_of<T>);
    return static_cast<T*>(mutable_raw());
  }
  template <class T>
  std::span<const T> span() const {
    return {data<T>(), static_cast<std::size_t>(numel())};
  }
  template <class T>
  std::span<T> span() {
    return {data<T>(), static_cast<std::size_t>(numel())};
  }
  /// One element, converted to double, by flat index (range-checked).
  double item(std::int64_t index = 0) const;

  /// A copy with memory of its own, never read-only.
  Tensor clone() const;
  /// Same memory, another shape with the same number of elements (else shape_mismatch).
  Tensor reshape(Shape shape) const;
  /// A converted copy; the same tensor when nothing changes.
  Tensor to(DType dtype) const;
  /// Rows [first, last) along the first axis, sharing memory.
  Tensor slice(std::int64_t first, std::int64_t last) const;

 private:
  static void check_count(const Shape& shape, std::size_t count);
  void check_type(DType dtype) const;

  std::shared_ptr<void> storage_;
  void* data_ = nullptr;
  Shape shape_;
  DType dtype_ = DType::f32;
  bool read_only_ = false;
};

}  // namespace fovea
