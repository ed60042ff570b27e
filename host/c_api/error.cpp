// Exceptions become status codes and the thread's last error. Here is also what the other files of
// this folder convert arguments and results with.
#include <cstdlib>
#include <new>

#include "host/c_api/handles.h"

namespace fovea::c_api {
namespace {

constexpr fovea_status status_of(ErrorCode code) { return static_cast<fovea_status>(code) + 1; }

static_assert(status_of(ErrorCode::invalid_argument) == FOVEA_ERROR_INVALID_ARGUMENT);
static_assert(status_of(ErrorCode::shape_mismatch) == FOVEA_ERROR_SHAPE_MISMATCH);
static_assert(status_of(ErrorCode::unsupported) == FOVEA_ERROR_UNSUPPORTED);
static_assert(status_of(ErrorCode::out_of_memory) == FOVEA_ERROR_OUT_OF_MEMORY);
static_assert(status_of(ErrorCode::device_lost) == FOVEA_ERROR_DEVICE_LOST);
static_assert(status_of(ErrorCode::cuda) == FOVEA_ERROR_CUDA);
static_assert(status_of(ErrorCode::cudnn) == FOVEA_ERROR_CUDNN);
static_assert(status_of(ErrorCode::io) == FOVEA_ERROR_IO);
static_assert(status_of(ErrorCode::parse) == FOVEA_ERROR_PARSE);
static_assert(status_of(ErrorCode::numeric) == FOVEA_ERROR_NUMERIC);
static_assert(status_of(ErrorCode::interrupted) == FOVEA_ERROR_INTERRUPTED);
static_assert(status_of(ErrorCode::internal) == FOVEA_ERROR_INTERNAL);

static_assert(static_cast<fovea_dtype>(DType::f32) == FOVEA_F32);
static_assert(static_cast<fovea_dtype>(DType::f64) == FOVEA_F64);
static_assert(static_cast<fovea_dtype>(DType::f16) == FOVEA_F16);
static_assert(static_cast<fovea_dtype>(DType::bf16) == FOVEA_BF16);
static_assert(static_cast<fovea_dtype>(DType::i32) == FOVEA_I32);
static_assert(static_cast<fovea_dtype>(DType::i64) == FOVEA_I64);
static_assert(static_cast<fovea_dtype>(DType::u8) == FOVEA_U8);
static_assert(Shape::kMaxRank == FOVEA_MAX_RANK);

struct LastError {
  std::string memory;
  const char* text = "";
};

LastError& last_error() {
  static thread_local LastError error;
  return error;
}

fovea_status record(fovea_status status, const char* message) noexcept {
  LastError& error = last_error();
  try {
    error.memory = message;
    error.text = error.memory.c_str();
  } catch (...) {
    error.text = "out of memory, even for the message that says what went wrong";
  }
  return status;
}

}  // namespace

fovea_status record_exception() noexcept {
  try {
    throw;
  } catch (const Error& error) {
    return record(status_of(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    return record(FOVEA_ERROR_OUT_OF_MEMORY,
                  "out of host memory; use a smaller batch or model, or less data");
  } catch (const std::exception& error) {
    return record(FOVEA_ERROR_INTERNAL, error.what());
  } catch (...) {
    return record(FOVEA_ERROR_INTERNAL, "something was thrown that is no exception of C++'s own");
  }
}

std::vector<std::string> texts(const char* const* list, std::size_t count, const char* what) {
  std::vector<std::string> result;
  if (count > 0) required(list, what);
  for (std::size_t i = 0; i < count; ++i) result.emplace_back(&required(list[i], what));
  return result;
}

Shape shape_from(const std::int64_t* sizes, int rank, DType dtype) {
  FOVEA_REQUIRE(rank >= 0 && rank <= FOVEA_MAX_RANK, invalid_argument, "a tensor has 0 to ",
                FOVEA_MAX_RANK, " axes, not ", rank);
  if (rank == 0) return {};
  const Shape shape(std::span(&required(sizes, "shape"), static_cast<std::size_t>(rank)));
  auto bytes = static_cast<std::int64_t>(dtype_size(dtype));
  for (const std::int64_t size : shape) {
    FOVEA_REQUIRE(!__builtin_mul_overflow(bytes, size, &bytes), invalid_argument, "a tensor ",
                  shape, " would have more bytes than there are addresses");
  }
  return shape;
}

int write_shape(const Shape& shape, std::int64_t* sizes) {
  required(sizes, "shape");
  std::copy(shape.begin(), shape.end(), sizes);
  return shape.rank();
}

DType dtype_from(fovea_dtype dtype) {
  FOVEA_REQUIRE(dtype >= FOVEA_F32 && dtype <= FOVEA_U8, invalid_argument,
                "there is no fovea_dtype ", dtype, "; they are FOVEA_F32 (0) to FOVEA_U8 (6)");
  return static_cast<DType>(dtype);
}

std::vector<Tensor> tensors(fovea_tensor* const* list, std::size_t count, const char* what) {
  std::vector<Tensor> result;
  if (count > 0) required(list, what);
  for (std::size_t i = 0; i < count; ++i) result.push_back(checked(list[i]).value);
  return result;
}

Tensor optional_tensor(const fovea_tensor* tensor) {
  return tensor == nullptr ? Tensor() : checked(tensor).value;
}

std::unique_ptr<char, FreeText> new_text(const std::string& text) {
  std::unique_ptr<char, FreeText> memory(static_cast<char*>(std::malloc(text.size() + 1)));
  if (memory == nullptr) throw std::bad_alloc();
  std::memcpy(memory.get(), text.c_str(), text.size() + 1);
  return memory;
}

std::unique_ptr<fovea_tensor> new_tensor(Tensor tensor) {
  return std::make_unique<fovea_tensor>(std::move(tensor));
}

}  // namespace fovea::c_api

const char* fovea_status_name(fovea_status status) {
  if (status == FOVEA_OK) return "ok";
  return fovea::error_code_name(static_cast<fovea::ErrorCode>(status - 1));
}

const char* fovea_last_error(void) { return fovea::c_api::last_error().text; }
const char* fovea_version(void) { return FOVEA_VERSION; }
void fovea_string_free(char* text) { std::free(text); }
