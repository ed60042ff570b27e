// Copies from global into shared memory that go on while the thread computes.
//
// From sm_80 on there is cp.async for 4, 8 and 16 bytes, and several groups of copies may be under
// way. Before, and for 2 bytes, the values of one group wait in registers until wait() stores them:
// a kernel has then two stages, one in use and one on its way.
#pragma once

#include "kernels/mma.cuh"

namespace fovea::kernels {

/// A thread's copies of kBytes (2, 4 or 16) each, up to kSlots in a group; by way of registers.
/// What is copied is visible to the thread after wait(), to others after a barrier behind it.
template <int kBytes, int kSlots>
class RegisterCopies {
 public:
  /// `slot` is known when the kernel is compiled, and used once in a group. Where not `valid`,
  /// zeros are stored and `from` is not read.
  __device__ __forceinline__ void copy(int slot, void* to, const void* from, bool valid) {
    to_[slot] = to;
    values_[slot] = valid ? *static_cast<const Value*>(from) : Value{};
    full_ = true;
  }

  /// Ends a group, perhaps an empty one.
  __device__ __forceinline__ void commit() {}

  /// Until all groups but the last kPending are done; here, all.
  template <int kPending>
  __device__ __forceinline__ void wait() {
    if (!full_) return;
#pragma unroll
    for (int slot = 0; slot < kSlots; ++slot) *static_cast<Value*>(to_[slot]) = values_[slot];
    full_ = false;
  }

 private:
  using Value = std::conditional_t<kBytes == 2, std::uint16_t, Vector<unsigned, (kBytes + 3) / 4>>;
  Value values_[kSlots];
  void* to_[kSlots];
  bool full_ = false;
};

#ifndef FOVEA_KERNELS_ON_HOST

/// The same by cp.async.
template <int kBytes, int kSlots>
class AsyncCopies {
 public:
  __device__ __forceinline__ void copy(int, void* to, const void* from, bool valid) {
    const int bytes = valid ? kBytes : 0;
    if constexpr (kBytes == 16) {  // past the first-level cache
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)),
                   "l"(from), "r"(bytes)
                   : "memory");
    } else {
      asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(to)),
                   "l"(from), "n"(kBytes), "r"(bytes)
                   : "memory");
    }
  }

  __device__ __forceinline__ void commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

  template <int kPending>
  __device__ __forceinline__ void wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
  }
};

#ifdef FOVEA_BEFORE_SM80
template <int kBytes, int kSlots>
using Copies = RegisterCopies<kBytes, kSlots>;
#else
template <int kBytes, int kSlots>
using Copies =
    std::conditional_t<kBytes == 2, RegisterCopies<kBytes, kSlots>, AsyncCopies<kBytes, kSlots>>;
#endif

/// How many stages of shared memory to use out of `wanted`.
template <int kBytes>
__device__ constexpr int copy_stages(int wanted) {
#ifdef FOVEA_BEFORE_SM80
  return 2;
#else
  return kBytes == 2 ? 2 : wanted;
#endif
}

#else  // FOVEA_KERNELS_ON_HOST

template <int kBytes>
int copy_stages(int wanted) {
  return kBytes == 2 || on_host::architecture() < 80 ? 2 : wanted;
}

/// Nothing is stored before wait(), so that a wait that is missing shows.
template <int kBytes, int kSlots>
class AsyncCopies {
 public:
  void copy(int slot, void* to, const void* from, bool valid) {
    if (slot < 0 || slot >= kSlots) on_host::die("a copy's slot is out of range");
    if (reinterpret_cast<std::uintptr_t>(to) % kBytes != 0 ||
        (valid && reinterpret_cast<std::uintptr_t>(from) % kBytes != 0)) {
      on_host::die("a copy's address is misaligned");
    }
    Copy copy{to, {}};
    if (valid) std::memcpy(copy.bytes.data(), from, kBytes);
    filling_.push_back(copy);
  }

  void commit() { groups_.push_back(std::move(filling_)), filling_.clear(); }

  template <int kPending>
  void wait() {
    while (groups_.size() > kPending) {
      for (const Copy& copy : groups_.front()) std::memcpy(copy.to, copy.bytes.data(), kBytes);
      groups_.erase(groups_.begin());
    }
  }

 private:
  struct Copy {
    void* to;
    std::array<char, kBytes> bytes;
  };
  std::vector<Copy> filling_;
  std::vector<std::vector<Copy>> groups_;
};

/// By way of registers on the chips that do so.
template <int kBytes, int kSlots>
class Copies {
 public:
  void copy(int slot, void* to, const void* from, bool valid) {
    by_registers_ ? registers_.copy(slot, to, from, valid) : async_.copy(slot, to, from, valid);
  }
  void commit() { by_registers_ ? registers_.commit() : async_.commit(); }
  template <int kPending>
  void wait() {
    by_registers_ ? registers_.template wait<kPending>() : async_.template wait<kPending>();
  }

 private:
  bool by_registers_ = copy_stages<kBytes>(3) == 2;
  RegisterCopies<kBytes, kSlots> registers_;
  AsyncCopies<kBytes, kSlots> async_;
};

#endif  // FOVEA_KERNELS_ON_HOST

}  // namespace fovea::kernels
