// The one exception type of the library, and the check that throws it.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

#include "fovea/export.h"

namespace fovea {

/// What kind of thing went wrong; the message says which node, which shapes and what to do.
enum class ErrorCode {
  invalid_argument,
  shape_mismatch,
  unsupported,
  out_of_memory,
  device_lost,
  cuda,
  cudnn,
  io,
  parse,
  numeric,      ///< a NaN or an infinity where a number was expected
  interrupted,  ///< the user asked to stop
  internal,
};

/// "shape_mismatch" and so on.
FOVEA_API const char* error_code_name(ErrorCode code) noexcept;

/// Everything the library throws on purpose.
class FOVEA_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message);
  Error(const Error&);
  ~Error() override;
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

namespace detail {

template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

}  // namespace detail

/// Throws an Error whose message is the parts written one after another.
template <class... Parts>
[[noreturn]] void fail(ErrorCode code, const Parts&... parts) {
  throw Error(code, detail::concat(parts...));
}

}  // namespace fovea

/// Checks what a user controls; `assert` checks our own invariants.
#define FOVEA_REQUIRE(condition, code, ...)                 \
  do {                                                      \
    if (!(condition)) [[unlikely]] {                        \
      ::fovea::fail(::fovea::ErrorCode::code, __VA_ARGS__); \
    }                                                       \
  } while (false)
