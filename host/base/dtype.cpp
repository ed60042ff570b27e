#include "fovea/dtype.h"

#include <array>

namespace fovea {
namespace {

constexpr std::array<std::string_view, 7> kNames = {"f32", "f64", "f16", "bf16",
                                                    "i32", "i64", "u8"};

}  // namespace

std::string_view dtype_name(DType dtype) noexcept {
  return kNames[static_cast<std::size_t>(dtype)];
}

std::optional<DType> parse_dtype(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

}  // namespace fovea
