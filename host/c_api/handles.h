// What all of the C interface shares: handles that know their type, the guard around every
// function's body, and the ways in and out for text, tensors and options.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fovea/c_api.h"
#include "fovea/callback.h"
#include "fovea/network.h"
#include "fovea/tensor.h"

namespace fovea::c_api {

/// Begins every handle with a number that only its type has, and that ends with it: so a handle of
/// another type is told from this one, and a freed one, too, as long as its memory is not reused.
template <class Derived>
class Handle {
 public:
  Handle() : tag_(Derived::kTag) {}
  ~Handle() { tag_ = 0; }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  bool valid() const { return tag_ == Derived::kTag; }

 private:
  volatile std::uint64_t tag_;  // volatile, or the destructor's write would be left out
};

/// "Fovea" and a number.
constexpr std::uint64_t handle_tag(std::uint64_t number) { return 0x466f766561000000U + number; }

// ---- The guard ----

/// Keeps what went wrong for fovea_last_error(). To be called where it was caught.
fovea_status record_exception() noexcept;

/// The body of a function that can fail.
template <class Body>
fovea_status guarded(Body&& body) noexcept {
  try {
    body();
    return FOVEA_OK;
  } catch (...) {
    return record_exception();
  }
}

/// The body of a function that looks something up, and what it gives for a wrong handle.
template <class T, class Body>
T looked_up(T otherwise, Body&& body) noexcept {
  try {
    return body();
  } catch (...) {
    record_exception();
    return otherwise;
  }
}

// ---- Arguments; all throw invalid_argument ----

/// `what` names the argument.
template <class T>
T& required(T* pointer, const char* what) {
  FOVEA_REQUIRE(pointer != nullptr, invalid_argument, "'", what, "' is NULL");
  return *pointer;
}

template <class H>
H& checked(H* handle) {
  FOVEA_REQUIRE(handle != nullptr, invalid_argument, "a ", H::kName, " is NULL");
  FOVEA_REQUIRE(handle->valid(), invalid_argument, "what was given for a ", H::kName,
                " is another handle, or one that was freed");
  return *handle;
}

/// An element of a list that callers index.
template <class List>
auto& element(List& list, std::size_t index) {
  FOVEA_REQUIRE(index < list.size(), invalid_argument, "the index ", index,
                " is out of range: there are ", list.size());
  return list[index];
}

inline std::string text_or(const char* text, const char* otherwise) {
  return text != nullptr ? text : otherwise;
}
std::vector<std::string> texts(const char* const* list, std::size_t count, const char* what);
Shape shape_from(const std::int64_t* sizes, int rank, DType dtype);
/// Writes the sizes and returns the rank.
int write_shape(const Shape& shape, std::int64_t* sizes);
DType dtype_from(fovea_dtype dtype);
std::vector<Tensor> tensors(fovea_tensor* const* list, std::size_t count, const char* what);
/// Undefined for NULL.
Tensor optional_tensor(const fovea_tensor* tensor);

/// The options of a program that was compiled with fewer members than this library, or more.
template <class Options>
Options options_from(const Options* given) {
  constexpr std::size_t kLargest = 4096;  // beyond it, struct_size was not set
  Options options{};
  if (given == nullptr) return options;
  const std::size_t size = given->struct_size;
  FOVEA_REQUIRE(size >= sizeof(std::size_t) && size <= kLargest, invalid_argument,
                "the struct_size of options is ", size, "; set it to their sizeof");
  const char* const bytes = reinterpret_cast<const char*>(given);  // NOLINT: by the caller's layout
  const bool understood = std::all_of(bytes + std::min(size, sizeof options), bytes + size,
                                      [](char byte) { return byte == 0; });
  FOVEA_REQUIRE(understood, unsupported,
                "the program sets options that this version of the library does not have; it "
                "needs a newer libfovea");
  std::memcpy(&options, bytes, std::min(size, sizeof options));
  return options;
}

// ---- Results ----

struct FreeText {
  void operator()(char* text) const { fovea_string_free(text); }
};
std::unique_ptr<char, FreeText> new_text(const std::string& text);
std::unique_ptr<fovea_tensor> new_tensor(Tensor tensor);

/// Makes a result the caller's.
template <class T, class Deleter>
void give_out(T** out, std::unique_ptr<T, Deleter> result) {
  required(out, "out");
  *out = result.release();
}

/// Frees a handle of any type; NULL is none.
template <class H>
void free_handle(H* handle) noexcept {
  guarded([&] {
    if (handle != nullptr) delete &checked(handle);
  });
}

}  // namespace fovea::c_api

struct fovea_tensor : fovea::c_api::Handle<fovea_tensor> {
  static constexpr const char* kName = "fovea_tensor";
  static constexpr std::uint64_t kTag = fovea::c_api::handle_tag(1);
  explicit fovea_tensor(fovea::Tensor tensor) : value(std::move(tensor)) {}
  fovea::Tensor value;
};

struct fovea_network : fovea::c_api::Handle<fovea_network> {
  static constexpr const char* kName = "fovea_network";
  static constexpr std::uint64_t kTag = fovea::c_api::handle_tag(2);
  explicit fovea_network(fovea::Network network) : value(std::move(network)) {}
  fovea::Network value;
};

struct fovea_logs : fovea::c_api::Handle<fovea_logs> {
  static constexpr const char* kName = "fovea_logs";
  static constexpr std::uint64_t kTag = fovea::c_api::handle_tag(3);
  explicit fovea_logs(fovea::Logs logs) : value(std::move(logs)) {}
  fovea::Logs value;
};
