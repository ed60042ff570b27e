// First values of parameters, drawn from Philox streams keyed by seed and path.
#include "fovea/initializer.h"

#include <algorithm>
#include <array>
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

/// Four numbers of a stream, at indices 4 block to 4 block + 3: a pure function of (key, block).
using Block = std::array<double, 4>;

/// Uniform in [-1, 1).
Block uniform_block(std::uint64_t key, std::uint64_t block) {
  const detail::Philox4 random = detail::philox4x32(key, 0, block);
  Block values;
  for (std::size_t i = 0; i < 4; ++i) values[i] = 2.0 * detail::uniform01(random.word[i]) - 1;
  return values;
}

/// Standard normal; each `attempt` is an independent stream.
/// Source: Box, Muller, "A Note on the Generation of Random Normal Deviates" (1958).
Block normal_block(std::uint64_t key, std::uint64_t block, std::uint64_t attempt = 0) {
  const detail::Philox4 random = detail::philox4x32(key, attempt, block);
  Block values;
  for (std::size_t i = 0; i < 4; i += 2) {
    const double u = (random.word[i] + 1.0) * 0x1.0p-32;  // in (0, 1]
    const double angle = 2 * std::numbers::pi * 0x1.0p-32 * random.word[i + 1];
    const double radius = std::sqrt(-2 * std::log(u));
    values[i] = radius * std::cos(angle);
    values[i + 1] = radius * std::sin(angle);
  }
  return values;
}

/// Standard normal, each number drawn again until it lies within two standard deviations.
Block truncated_normal_block(std::uint64_t key, std::uint64_t block) {
  Block values = normal_block(key, block);
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::uint64_t attempt = 1; std::abs(values[i]) > 2; ++attempt) {
      values[i] = normal_block(key, block, attempt)[i];
    }
  }
  return values;
}

/// The standard deviation of a standard normal cut at +-2.
constexpr double kTruncatedStddev = 0.87962566103423978;

/// values = factor times the stream that make_block(block) gives.
template <class T, class MakeBlock>
void fill_scaled(std::span<T> values, double factor, const MakeBlock& make_block) {
  for (std::size_t first = 0; first < values.size(); first += 4) {
    const Block block = make_block(first / 4);
    const std::size_t size = std::min<std::size_t>(4, values.size() - first);
    for (std::size_t i = 0; i < size; ++i) values[first + i] = static_cast<T>(factor * block[i]);
  }
}

template <class T>
void fill(Tensor& tensor, const Initializer& initializer, std::uint64_t key) {
  const std::span<T> values = tensor.span<T>();
  const auto uniform = [&](double limit) {
    fill_scaled(values, limit, [=](std::uint64_t block) { return uniform_block(key, block); });
  };
  const auto normal = [&](double stddev) {
    fill_scaled(values, stddev, [=](std::uint64_t block) { return normal_block(key, block); });
  };
  const auto truncated_normal = [&](double variance) {
    fill_scaled(values, std::sqrt(variance) / kTruncatedStddev,
                [=](std::uint64_t block) { return truncated_normal_block(key, block); });
  };
  using Kind = Initializer::Kind;
  const Fans fans = fans_of(tensor.shape());
  switch (initializer.kind) {
    case Kind::constant:
      std::fill(values.begin(), values.end(), static_cast<T>(initializer.scale));
      return;
    case Kind::uniform:
      return uniform(initializer.scale);
    case Kind::normal:
      return normal(initializer.scale);
    case Kind::glorot_uniform:
      return uniform(std::sqrt(6 / (fans.in + fans.out)));
    case Kind::glorot_normal:
      return truncated_normal(2 / (fans.in + fans.out));
    case Kind::he_uniform:
      return uniform(std::sqrt(6 / fans.in));
    case Kind::he_normal:
      return truncated_normal(2 / fans.in);
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
