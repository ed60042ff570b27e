// A block's shared memory, as one struct per kernel. On the host (see the tests) each block gets
// its own, filled with NaN, and a step out of it is caught.
#pragma once

namespace fovea::kernels {

#ifndef FOVEA_KERNELS_ON_HOST

/// The block's `Storage`, its contents not set. Two calls for one type give the same memory: a
/// kernel that uses it anew needs a barrier between the uses.
template <class Storage>
__device__ __forceinline__ Storage& shared_memory() {
  __shared__ Storage storage;
  return storage;
}

/// The memory that LaunchShape::dynamic_shared_bytes asks for, 16-byte aligned.
template <class T>
__device__ __forceinline__ T* dynamic_shared_memory() {
  extern __shared__ uint4 dynamic_shared_storage[];
  return reinterpret_cast<T*>(dynamic_shared_storage);
}

#else

template <class Storage>
Storage& shared_memory() {
  static const char key = 0;
  return *static_cast<Storage*>(on_host::shared(&key, sizeof(Storage)));
}

template <class T>
T* dynamic_shared_memory() {
  return static_cast<T*>(on_host::dynamic_shared());
}

#endif

}  // namespace fovea::kernels
