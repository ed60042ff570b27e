#include "fovea/initializer.h"

#include <cmath>
#include <numbers>

#include "fovea/detail/philox.h"

namespace fovea {
namespace {

/// How many inputs feed one output, and how many outputs one input feeds.
struct Fans {
  double in = 1;
  double out = 1;
};

Fans fans_of(const Shape& shape) {
  if (shape.rank() == 0) return {};
  if (shape.rank() == 1) return {static_cast<double>(shape[0]), static_cast<double>(shape[0])};
  if (shape.rank() == 2) return {static_cast<double>(shape[0]), static_cast<double>(shape[1])};
  // (out, window ..., in / groups)
  double window = 1;
  for (int axis = 1; axis < shape.rank() - 1; ++axis) window *= static_cast<double>(shape[axis]);
  return {window * static_cast<double>(shape.c()), window * static_cast<double>(shape[0])};
}

/// Number `index` of a stream: a pure function, so elements may be made in any order.
double uniform_at(std::uint64_t key, std::uint64_t index) {
  return detail::uniform01(detail::philox4x32(key, 0, index / 4).word[index % 4]);
}

/// Standard normal number `index` of a stream; each `attempt` is an independent stream.
/// Source: Box, Muller, "A Note on the Generation of Random Normal Deviates" (1958).
double normal_at(std::uint64_t key, std::uint64_t attempt, std::uint64_t index) {
  const detail::Philox4 block = detail::philox4x32(key, attempt, index / 4);
  const std::size_t pair = index % 4 / 2 * 2;
  const double u = (block.word[pair] + 1.0) * 0x1.0p-32;  // in (0, 1]
  const double angle = 2 * std::numbers::pi * 0x1.0p-32 * block.word[pair + 1];
  const double radius = std::sqrt(-2 * std::log(u));
  return index % 2 == 0 ? radius * std::cos(angle) : radius * std::sin(angle);
}

/// Standard normal, drawn again until it lies within two standard deviations.
double truncated_normal_at(std::uint64_t key, std::uint64_t index) {
  for (std::uint64_t attempt = 0;; ++attempt) {
    const double value = normal_at(key, attempt, index);
    if (std::abs(value) <= 2) return value;
  }
}

/// The standard deviation of a standard normal cut at +-2.
constexpr double kTruncatedStddev = 0.87962566103423978;

template <class T>
class Filler {
 public:
  Filler(std::span<T> values, std::uint64_t key) : values_(values), key_(key) {}

  void constant(double value) {
    for (T& element : values_) element = static_cast<T>(value);
  }
  void uniform(double limit) {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      values_[i] = static_cast<T>(limit * (2 * uniform_at(key_, i) - 1));
    }
  }
  void normal(double stddev) {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      values_[i] = static_cast<T>(stddev * normal_at(key_, 0, i));
    }
  }
  void truncated_normal(double variance) {
    const double widened = std::sqrt(variance) / kTruncatedStddev;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      values_[i] = static_cast<T>(widened * truncated_normal_at(key_, i));
    }
  }

 private:
  std::span<T> values_;
  std::uint64_t key_;
};

template <class T>
void fill(Tensor& tensor, const Initializer& initializer, std::uint64_t key) {
  using Kind = Initializer::Kind;
  Filler<T> filler(tensor.span<T>(), key);
  const Fans fans = fans_of(tensor.shape());
  switch (initializer.kind) {
    case Kind::constant:
      return filler.constant(initializer.scale);
    case Kind::uniform:
      return filler.uniform(initializer.scale);
    case Kind::normal:
      return filler.normal(initializer.scale);
    case Kind::glorot_uniform:
      return filler.uniform(std::sqrt(6 / (fans.in + fans.out)));
    case Kind::glorot_normal:
      return filler.truncated_normal(2 / (fans.in + fans.out));
    case Kind::he_uniform:
      return filler.uniform(std::sqrt(6 / fans.in));
    case Kind::he_normal:
      return filler.truncated_normal(2 / fans.in);
  }
}

}  // namespace

void initialize(Tensor& tensor, const Initializer& initializer, std::uint64_t seed,
                const std::string& path) {
  const std::uint64_t key = detail::mix_key(seed, detail::path_key(path));
  if (tensor.dtype() == DType::f32) return fill<float>(tensor, initializer, key);
  if (tensor.dtype() == DType::f64) return fill<double>(tensor, initializer, key);
  fail(ErrorCode::unsupported, "'", path, "' cannot be initialized: its type is ",
       dtype_name(tensor.dtype()), ", not f32 or f64");
}

}  // namespace fovea
