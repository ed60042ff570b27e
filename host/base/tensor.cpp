#include "fovea/tensor.h"

#include <cstdlib>
#include <cstring>

#include "fovea/float16.h"

namespace fovea {
namespace {

constexpr std::size_t kAlignment = 64;

std::shared_ptr<void> allocate(std::size_t bytes) {
  // aligned_alloc wants a multiple of the alignment; an empty tensor still gets an address.
  const std::size_t rounded = (bytes / kAlignment + 1) * kAlignment;
  void* memory = std::aligned_alloc(kAlignment, rounded);
  FOVEA_REQUIRE(memory != nullptr, out_of_memory, "cannot allocate ", bytes,
                " bytes of host memory for a tensor; use a smaller batch or model");
  return {memory, [](void* p) { std::free(p); }};
}

std::shared_ptr<void> adopt(void* data, std::function<void()> release) {
  FOVEA_REQUIRE(data != nullptr, invalid_argument, "a tensor cannot wrap a null pointer");
  return {data, [release = std::move(release)](void*) {
            if (release) release();
          }};
}

/// Calls `body` with a null pointer of the element type that `dtype` names.
template <class Body>
void with_type(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::f32:
      return body(static_cast<float*>(nullptr));
    case DType::f64:
      return body(static_cast<double*>(nullptr));
    case DType::i32:
      return body(static_cast<std::int32_t*>(nullptr));
    case DType::i64:
      return body(static_cast<std::int64_t*>(nullptr));
    case DType::u8:
      return body(static_cast<std::uint8_t*>(nullptr));
    case DType::f16:
      return body(static_cast<Float16*>(nullptr));
    case DType::bf16:
      return body(static_cast<BFloat16*>(nullptr));
  }
}

}  // namespace

Tensor::Tensor(Shape shape, DType dtype) : shape_(shape), dtype_(dtype) {
  storage_ = allocate(bytes());
  data_ = storage_.get();
}

Tensor Tensor::zeros(Shape shape, DType dtype) {
  Tensor t(shape, dtype);
  std::memset(t.data_, 0, t.bytes());
  return t;
}

Tensor Tensor::full(Shape shape, double value, DType dtype) {
  Tensor t(shape, dtype);
  with_type(dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    for (T& element : t.span<T>()) element = static_cast<T>(value);
  });
  return t;
}

Tensor Tensor::wrap(void* data, Shape shape, DType dtype, std::function<void()> release) {
  Tensor t;
  t.storage_ = adopt(data, std::move(release));
  t.data_ = data;
  t.shape_ = shape;
  t.dtype_ = dtype;
  return t;
}

Tensor Tensor::wrap_read_only(const void* data, Shape shape, DType dtype,
                              std::function<void()> release) {
  // The flag keeps every path of this class from writing through the cast pointer.
  Tensor t = wrap(const_cast<void*>(data), shape, dtype, std::move(release));  // NOLINT
  t.read_only_ = true;
  return t;
}

void* Tensor::mutable_raw() {
  FOVEA_REQUIRE(!read_only_, invalid_argument,
                "this tensor is read-only; write to a clone() of it instead");
  return data_;
}

double Tensor::item(std::int64_t index) const {
  FOVEA_REQUIRE(index >= 0 && index < numel(), invalid_argument, "element ", index,
                " is out of range for a tensor of shape ", shape_);
  double value = 0;
  with_type(dtype_, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    value = static_cast<double>(data<T>()[index]);
  });
  return value;
}

Tensor Tensor::clone() const {
  if (!defined()) return {};
  Tensor t(shape_, dtype_);
  std::memcpy(t.data_, data_, bytes());
  return t;
}

Tensor Tensor::reshape(Shape shape) const {
  FOVEA_REQUIRE(shape.numel() == numel(), shape_mismatch, "cannot reshape ", shape_, " (", numel(),
                " elements) to ", shape, " (", shape.numel(), ")");
  Tensor t = *this;
  t.shape_ = shape;
  return t;
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == dtype_ || !defined()) return *this;
  Tensor t(shape_, dtype);
  with_type(dtype_, [&](auto* from_type) {
    using From = std::remove_pointer_t<decltype(from_type)>;
    with_type(dtype, [&](auto* to_type) {
      using To = std::remove_pointer_t<decltype(to_type)>;
      const From* from = data<From>();
      To* to = t.data<To>();
      for (std::int64_t i = 0; i < numel(); ++i) {
        if constexpr (std::is_arithmetic_v<From>) {
          to[i] = static_cast<To>(from[i]);
        } else {
          to[i] = static_cast<To>(static_cast<float>(from[i]));
        }
      }
    });
  });
  return t;
}

Tensor Tensor::slice(std::int64_t first, std::int64_t last) const {
  FOVEA_REQUIRE(shape_.rank() >= 1 && 0 <= first && first <= last && last <= shape_[0],
                invalid_argument, "rows [", first, ", ", last, ") are out of range for shape ",
                shape_);
  Tensor t = *this;
  t.shape_.set(0, last - first);
  const std::int64_t row_elements = shape_.drop_front().numel();
  t.data_ = static_cast<char*>(data_) +
            static_cast<std::size_t>(first * row_elements) * dtype_size(dtype_);
  return t;
}

void Tensor::check_count(const Shape& shape, std::size_t count) {
  FOVEA_REQUIRE(static_cast<std::size_t>(shape.numel()) == count, shape_mismatch, "shape ", shape,
                " has ", shape.numel(), " elements, but ", count, " values were given");
}

void Tensor::check_type(DType dtype) const {
  FOVEA_REQUIRE(dtype == dtype_, invalid_argument, "this tensor holds ", dtype_name(dtype_),
                ", not ", dtype_name(dtype), "; convert it with to()");
}

}  // namespace fovea
