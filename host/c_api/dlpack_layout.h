// DLPack's structs, as its stable ABI lays them out in memory (versions 0.x, and 1.x the versioned
// one). The two that have names in fovea/c_api.h are global; programs have theirs from dlpack.h.
// Source: DLPack, "C API", https://dmlc.github.io/dlpack/latest/c_api.html.
#pragma once

#include <cstdint>

namespace fovea::dlpack {

/// Where the memory is. Host memory that is pinned for CUDA is host memory, too.
enum DeviceType : std::int32_t { kCpu = 1, kCudaHost = 3 };

enum TypeCode : std::uint8_t { kInt = 0, kUInt = 1, kFloat = 2, kBfloat = 4 };

/// Of the versioned struct.
enum Flags : std::uint64_t { kReadOnly = 1 };

struct Type {
  std::uint8_t code;
  std::uint8_t bits;
  std::uint16_t lanes;
};

struct Array {
  void* data;
  std::int32_t device_type;
  std::int32_t device_id;
  std::int32_t rank;
  Type dtype;
  std::int64_t* shape;
  std::int64_t* strides;  ///< in elements; null: row by row without gaps
  std::uint64_t byte_offset;
};

}  // namespace fovea::dlpack

struct DLManagedTensor {
  fovea::dlpack::Array array;
  void* manager_context;
  void (*deleter)(DLManagedTensor*);
};

struct DLManagedTensorVersioned {
  std::uint32_t major;
  std::uint32_t minor;
  void* manager_context;
  void (*deleter)(DLManagedTensorVersioned*);
  std::uint64_t flags;
  fovea::dlpack::Array array;
};
