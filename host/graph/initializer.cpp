// First values of parameters, drawn from Philox streams keyed by seed and path.
#include "fovea/initializer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

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

/// values = mean + factor times the stream that make_block(block) gives.
template <class T, class MakeBlock>
void fill_scaled(std::span<T> values, double factor, double mean, const MakeBlock& make_block) {
  for (std::size_t first = 0; first < values.size(); first += 4) {
    const Block block = make_block(first / 4);
    const std::size_t size = std::min<std::size_t>(4, values.size() - first);
    for (std::size_t i = 0; i < size; ++i) {
      values[first + i] = static_cast<T>(mean + factor * block[i]);
    }
  }
}

using Kind = Initializer::Kind;
using Fan = Initializer::Fan;
using Distribution = Initializer::Distribution;

/// The kinds that scale with fans as cases of variance_scaling; others as they are.
Initializer resolve(const Initializer& initializer) {
  switch (initializer.kind) {
    case Kind::glorot_uniform:
      return variance_scaling(1, Fan::average, Distribution::uniform);
    case Kind::glorot_normal:
      return variance_scaling(1, Fan::average);
    case Kind::he_uniform:
      return variance_scaling(2, Fan::in, Distribution::uniform);
    case Kind::he_normal:
      return variance_scaling(2);
    case Kind::lecun_uniform:
      return variance_scaling(1, Fan::in, Distribution::uniform);
    case Kind::lecun_normal:
      return variance_scaling(1);
    default:
      return initializer;
  }
}

double fan_of(const Shape& shape, Fan fan) {
  const Fans fans = fans_of(shape);
  switch (fan) {
    case Fan::in:
      return fans.in;
    case Fan::out:
      return fans.out;
    case Fan::average:
      break;
  }
  return (fans.in + fans.out) / 2;
}

/// variance_scaling as a uniform, normal or truncated normal distribution for a shape.
Initializer scaled(const Initializer& initializer, const Shape& shape) {
  const double fan = fan_of(shape, initializer.fan);
  const double variance = initializer.scale / fan;
  switch (initializer.distribution) {
    case Distribution::uniform:
      return uniform(std::sqrt(3 * initializer.scale / fan));
    case Distribution::normal:
      return normal(std::sqrt(variance));
    case Distribution::truncated_normal:
      break;
  }
  return truncated_normal(0, std::sqrt(variance) / kTruncatedStddev);
}

/// Makes vectors of normal numbers orthonormal, one after another, by taking away what they share
/// with those before (Gram-Schmidt, twice over for accuracy).
void orthonormalize(std::vector<std::vector<double>>& vectors) {
  const auto dot = [](const std::vector<double>& a, const std::vector<double>& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  };
  for (std::size_t v = 0; v < vectors.size(); ++v) {
    std::vector<double>& vector = vectors[v];
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t earlier = 0; earlier < v; ++earlier) {
        const double shared = dot(vector, vectors[earlier]);
        for (std::size_t i = 0; i < vector.size(); ++i) vector[i] -= shared * vectors[earlier][i];
      }
    }
    const double length = std::sqrt(dot(vector, vector));
    for (double& value : vector) value /= length;
  }
}

/// A row for each index of the first axis: a filter of a convolution, an input of a dense layer.
template <class T>
void fill_orthogonal(Tensor& tensor, double gain, std::uint64_t key) {
  const Shape& shape = tensor.shape();
  const auto count = static_cast<std::size_t>(shape.numel());
  const auto rows = static_cast<std::size_t>(shape[0]), columns = count / rows;
  std::vector<double> normal(count);
  fill_scaled(std::span<double>(normal), 1, 0,
              [=](std::uint64_t block) { return normal_block(key, block); });
  const std::size_t length = std::max(rows, columns);
  std::vector<std::vector<double>> vectors;
  for (auto from = normal.begin(); from != normal.end();
       from += static_cast<std::ptrdiff_t>(length)) {
    vectors.emplace_back(from, from + static_cast<std::ptrdiff_t>(length));
  }
  orthonormalize(vectors);
  const std::span<T> values = tensor.span<T>();
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = 0; column < columns; ++column) {
      const double value = rows <= columns ? vectors[row][column] : vectors[column][row];
      values[row * columns + column] = static_cast<T>(gain * value);
    }
  }
}

template <class T>
void fill(Tensor& tensor, const Initializer& named, std::uint64_t key) {
  Initializer initializer = resolve(named);
  if (initializer.kind == Kind::orthogonal) {
    return fill_orthogonal<T>(tensor, initializer.scale, key);
  }
  if (initializer.kind == Kind::variance_scaling) initializer = scaled(initializer, tensor.shape());
  const std::span<T> values = tensor.span<T>();
  const auto fill_by = [&](Block (*make_block)(std::uint64_t, std::uint64_t)) {
    fill_scaled(values, initializer.scale, initializer.mean,
                [=](std::uint64_t block) { return make_block(key, block); });
  };
  switch (initializer.kind) {
    case Kind::uniform:
      return fill_by(uniform_block);
    case Kind::normal:
      return fill_by([](std::uint64_t k, std::uint64_t block) { return normal_block(k, block); });
    case Kind::truncated_normal:
      return fill_by(truncated_normal_block);
    default:
      std::fill(values.begin(), values.end(), static_cast<T>(initializer.scale));
  }
}

}  // namespace

Initializer::Initializer(const std::string& name) {
  const std::pair<const char*, Initializer> known[] = {
      {"zeros", zeros()},
      {"ones", ones()},
      {"random_normal", random_normal()},
      {"random_uniform", random_uniform()},
      {"truncated_normal", truncated_normal()},
      {"glorot_uniform", glorot_uniform()},
      {"glorot_normal", glorot_normal()},
      {"he_uniform", he_uniform()},
      {"he_normal", he_normal()},
      {"lecun_uniform", lecun_uniform()},
      {"lecun_normal", lecun_normal()},
      {"orthogonal", orthogonal()},
  };
  std::string names;
  for (const auto& entry : known) {
    if (name == entry.first) {
      *this = entry.second;
      return;
    }
    names += (names.empty() ? "" : ", ") + std::string(entry.first);
  }
  fail(ErrorCode::invalid_argument, "unknown initializer '", name, "'; known: ", names);
}

void initialize(Tensor& tensor, const Initializer& initializer, std::uint64_t seed,
                const std::string& path) {
  FOVEA_REQUIRE(initializer.kind != Kind::orthogonal || tensor.shape().rank() >= 2,
                invalid_argument, "'", path,
                "': an orthogonal initializer needs two axes or more, ", "not ", tensor.shape());
  FOVEA_REQUIRE(initializer.kind != Kind::variance_scaling || initializer.scale > 0,
                invalid_argument, "'", path, "': the scale of variance_scaling is above 0, not ",
                initializer.scale);
  const std::uint64_t key = detail::mix_key(seed, detail::path_key(path));
  if (tensor.dtype() == DType::f32) return fill<float>(tensor, initializer, key);
  if (tensor.dtype() == DType::f64) return fill<double>(tensor, initializer, key);
  fail(ErrorCode::unsupported, "'", path, "' cannot be initialized: its type is ",
       dtype_name(tensor.dtype()), ", not f32 or f64");
}

}  // namespace fovea
