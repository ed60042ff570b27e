// Tensors of other programs without a copy, and ours for them.
#include "host/c_api/dlpack_layout.h"

#include <array>
#include <cstring>

#include "host/c_api/handles.h"

namespace fovea::c_api {
namespace {

// ---- Types ----

constexpr std::array kTypes = {
    std::pair{DType::f32, dlpack::Type{dlpack::kFloat, 32, 1}},
    std::pair{DType::f64, dlpack::Type{dlpack::kFloat, 64, 1}},
    std::pair{DType::f16, dlpack::Type{dlpack::kFloat, 16, 1}},
    std::pair{DType::bf16, dlpack::Type{dlpack::kBfloat, 16, 1}},
    std::pair{DType::i32, dlpack::Type{dlpack::kInt, 32, 1}},
    std::pair{DType::i64, dlpack::Type{dlpack::kInt, 64, 1}},
    std::pair{DType::u8, dlpack::Type{dlpack::kUInt, 8, 1}},
};

dlpack::Type to_dlpack(DType dtype) {
  for (const auto& [ours, theirs] : kTypes) {
    if (ours == dtype) return theirs;
  }
  fail(ErrorCode::internal, "DLPack's type of ", dtype_name(dtype), " is not known");
}

DType from_dlpack(const dlpack::Type& type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (theirs.code == type.code && theirs.bits == type.bits && theirs.lanes == type.lanes) {
      return ours;
    }
  }
  fail(ErrorCode::unsupported, "a DLPack tensor has type code ", int{type.code}, " with ",
       int{type.bits}, " bits and ", type.lanes,
       " lanes; tensors are of f32, f64, f16, bf16, i32, i64 or u8");
}

// ---- Out ----

/// A DLPack tensor, and what it needs to live.
template <class Managed>
struct Exported {
  Managed managed{};
  Tensor tensor;
  std::array<std::int64_t, Shape::kMaxRank> shape{};
  std::array<std::int64_t, Shape::kMaxRank> strides{};

  explicit Exported(const Tensor& source) : tensor(source) {
    const Shape& sizes = tensor.shape();
    std::int64_t stride = 1;
    for (int axis = sizes.rank() - 1; axis >= 0; --axis) {
      shape.at(static_cast<std::size_t>(axis)) = sizes[axis];
      strides.at(static_cast<std::size_t>(axis)) = stride;
      stride *= sizes[axis];
    }
    // Where the memory is read-only, a flag beside the pointer says so.
    void* const data =
        const_cast<void*>(tensor.raw());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    managed.array = {data,         dlpack::kCpu,   0, sizes.rank(), to_dlpack(tensor.dtype()),
                     shape.data(), strides.data(), 0};
    managed.manager_context = this;
    managed.deleter = [](Managed* self) {
      if (self != nullptr) delete static_cast<Exported*>(self->manager_context);
    };
  }
};

template <class Managed>
Managed* release(std::unique_ptr<Exported<Managed>> exported) {
  return &exported.release()->managed;
}

// ---- In ----

bool is_contiguous(const dlpack::Array& array) {
  if (array.strides == nullptr) return true;
  std::int64_t stride = 1;
  for (int axis = array.rank - 1; axis >= 0; --axis) {
    if (array.shape[axis] != 1 && array.strides[axis] != stride) return false;
    stride *= array.shape[axis];
  }
  return true;
}

/// A copy of the elements in the order of their indices.
Tensor copy_strided(const char* from, const dlpack::Array& array, const Shape& shape, DType dtype) {
  Tensor copy(shape, dtype);
  const std::size_t size = dtype_size(dtype);
  auto* to = static_cast<char*>(copy.mutable_raw());
  std::array<std::int64_t, Shape::kMaxRank> index{};
  for (std::int64_t i = 0; i < shape.numel(); ++i) {
    std::int64_t offset = 0;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      offset += index.at(static_cast<std::size_t>(axis)) * array.strides[axis];
    }
    std::memcpy(to, from + offset * static_cast<std::int64_t>(size), size);
    to += size;
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      std::int64_t& place = index.at(static_cast<std::size_t>(axis));
      if (++place < shape[axis]) break;
      place = 0;
    }
  }
  return copy;
}

template <class Managed>
void let_go(Managed* managed) {
  if (managed->deleter != nullptr) managed->deleter(managed);
}

/// The last thing that it does is to take over what `managed` holds, so that after an exception
/// that is still the caller's.
template <class Managed>
void import(Managed* managed, bool read_only, fovea_tensor** out) {
  required(out, "out");
  const dlpack::Array& array = required(managed, "managed").array;
  FOVEA_REQUIRE(array.device_type == dlpack::kCpu || array.device_type == dlpack::kCudaHost,
                unsupported, "a DLPack tensor is on a device of type ", array.device_type,
                "; copy it to the host first");
  const DType dtype = from_dlpack(array.dtype);
  const Shape shape = shape_from(array.shape, array.rank, dtype);
  auto handle = new_tensor({});
  if (shape.numel() == 0) {  // of which the pointer may be null
    handle->value = Tensor(shape, dtype);
    let_go(managed);
    return give_out(out, std::move(handle));
  }
  char* const data = &required(static_cast<char*>(array.data), "data") + array.byte_offset;
  const bool aligned = reinterpret_cast<std::uintptr_t>(data) % dtype_size(dtype) == 0;  // NOLINT
  const bool gaps = !is_contiguous(array);
  FOVEA_REQUIRE(aligned || gaps, unsupported, "a DLPack tensor of ", dtype_name(dtype),
                " does not lie at a multiple of ", dtype_size(dtype), " bytes; copy it first");
  if (gaps) {
    handle->value = copy_strided(data, array, shape, dtype);
    let_go(managed);
  } else if (read_only) {
    handle->value = Tensor::wrap_read_only(data, shape, dtype, [managed] { let_go(managed); });
  } else {
    handle->value = Tensor::wrap(data, shape, dtype, [managed] { let_go(managed); });
  }
  give_out(out, std::move(handle));
}

}  // namespace
}  // namespace fovea::c_api

using fovea::c_api::checked;
using fovea::c_api::Exported;
using fovea::c_api::guarded;
using fovea::c_api::required;

fovea_status fovea_tensor_to_dlpack(const fovea_tensor* tensor, DLManagedTensor** out) {
  return guarded([&] {
    required(out, "out");
    const fovea::Tensor& value = checked(tensor).value;
    FOVEA_REQUIRE(!value.read_only(), unsupported,
                  "the memory of this tensor is read-only, which a DLManagedTensor cannot say; use "
                  "fovea_tensor_to_dlpack_versioned, or a copy");
    *out = release(std::make_unique<Exported<DLManagedTensor>>(value));
  });
}

fovea_status fovea_tensor_to_dlpack_versioned(const fovea_tensor* tensor,
                                              DLManagedTensorVersioned** out) {
  return guarded([&] {
    required(out, "out");
    const fovea::Tensor& value = checked(tensor).value;
    auto exported = std::make_unique<Exported<DLManagedTensorVersioned>>(value);
    exported->managed.major = 1;
    if (value.read_only()) exported->managed.flags = fovea::dlpack::kReadOnly;
    *out = release(std::move(exported));
  });
}

fovea_status fovea_tensor_from_dlpack(DLManagedTensor* managed, fovea_tensor** out) {
  return guarded([&] { fovea::c_api::import(managed, false, out); });
}

fovea_status fovea_tensor_from_dlpack_versioned(DLManagedTensorVersioned* managed,
                                                fovea_tensor** out) {
  return guarded([&] {
    FOVEA_REQUIRE(required(managed, "managed").major == 1, unsupported,
                  "the DLPack tensor has version ", managed->major,
                  "; this library understands version 1");
    fovea::c_api::import(managed, (managed->flags & fovea::dlpack::kReadOnly) != 0, out);
  });
}
