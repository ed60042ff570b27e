// Augmentation: random changes of u8 pictures, each a function from picture to picture.
#include <algorithm>
#include <cstring>

#include "fovea/data.h"
#include "fovea/detail/batch_choices.h"

namespace fovea {
namespace {

void mirror_rows(const std::uint8_t* source, std::uint8_t* target, const Shape& shape) {
  const std::int64_t height = shape[0], width = shape[1], channels = shape[2];
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      const std::uint8_t* from = source + (y * width + x) * channels;
      std::uint8_t* to = target + (y * width + width - 1 - x) * channels;
      for (std::int64_t c = 0; c < channels; ++c) to[c] = from[c];
    }
  }
}

/// target(y, x) = source(y + dy, x + dx), with zeros or mirrored pixels where that lies outside.
void shift(const std::uint8_t* source, std::uint8_t* target, const Shape& shape,
           const detail::PictureShift& by, BorderFill fill) {
  const std::int64_t dy = by.dy, dx = by.dx;
  const std::int64_t height = shape[0], width = shape[1], channels = shape[2];
  const auto bytes = [channels](std::int64_t pixels) {
    return static_cast<std::size_t>(pixels * channels);
  };
  // Columns [first, last) of the target come from inside of the source.
  const std::int64_t first = std::clamp<std::int64_t>(-dx, 0, width);
  const std::int64_t last = std::clamp<std::int64_t>(width - dx, first, width);
  for (std::int64_t y = 0; y < height; ++y, target += width * channels) {
    const bool row_inside = y + dy >= 0 && y + dy < height;
    if (fill == BorderFill::zeros) {
      std::memset(target, 0, bytes(width));
      if (!row_inside) continue;
    }
    const std::uint8_t* row = source + detail::reflect(y + dy, height) * width * channels;
    if (first < last) {
      std::memcpy(target + first * channels, row + (first + dx) * channels, bytes(last - first));
    }
    if (fill == BorderFill::zeros) continue;
    const auto mirror = [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t x = begin; x < end; ++x) {
        std::memcpy(target + x * channels, row + detail::reflect(x + dx, width) * channels,
                    bytes(1));
      }
    };
    mirror(0, first);
    mirror(last, width);
  }
}

}  // namespace

float PictureRandom::uniform() { return stream_.uniform(); }

std::int64_t PictureRandom::below(std::int64_t count) {
  FOVEA_REQUIRE(count >= 1 && count <= std::int64_t{1} << 32, invalid_argument,
                "a random number below ", count, " does not exist; the limit is 1 to 2^32");
  return stream_.below(count);
}

Augmentation& Augmentation::random_flip(double probability) {
  FOVEA_REQUIRE(probability >= 0 && probability <= 1, invalid_argument,
                "random_flip: ", probability, " is not a probability; it must be between 0 and 1");
  return add(detail::concat("random_flip(", probability, ")"),
             [probability](const std::uint8_t* source, std::uint8_t* target, const Shape& shape,
                           PictureRandom& random) {
               if (detail::draw_flip(random, probability)) {
                 mirror_rows(source, target, shape);
               } else {
                 std::memcpy(target, source, static_cast<std::size_t>(shape.numel()));
               }
             });
}

Augmentation& Augmentation::pad_and_crop(std::int64_t pixels, BorderFill fill) {
  FOVEA_REQUIRE(pixels >= 0 && pixels <= 1024, invalid_argument, "pad_and_crop: cannot pad by ",
                pixels, " pixels; give 0 to 1024");
  const bool zeros = fill == BorderFill::zeros;
  add(detail::concat("pad_and_crop(", pixels, zeros ? ", zeros)" : ", reflect)"),
      [pixels, fill](const std::uint8_t* source, std::uint8_t* target, const Shape& shape,
                     PictureRandom& random) {
        shift(source, target, shape, detail::draw_shift(random, pixels), fill);
      });
  // Mirroring reaches at most to the opposite border.
  if (!zeros) steps_.back().min_size = pixels + 1;
  return *this;
}

Augmentation& Augmentation::cutout(std::int64_t size, std::uint8_t fill) {
  FOVEA_REQUIRE(size >= 1, invalid_argument, "cutout: the square must be at least 1 pixel wide, ",
                "not ", size);
  add(detail::concat("cutout(", size, ", ", int{fill}, ")"),
      [size, fill](const std::uint8_t* source, std::uint8_t* target, const Shape& shape,
                   PictureRandom& random) {
        std::memcpy(target, source, static_cast<std::size_t>(shape.numel()));
        const std::int64_t top = random.below(shape[0]) - size / 2;
        const std::int64_t left = random.below(shape[1]) - size / 2;
        const std::int64_t x0 = std::max<std::int64_t>(left, 0);
        const std::int64_t x1 = std::min(left + size, shape[1]);
        for (std::int64_t y = std::max<std::int64_t>(top, 0); y < std::min(top + size, shape[0]);
             ++y) {
          std::memset(target + (y * shape[1] + x0) * shape[2], fill,
                      static_cast<std::size_t>((x1 - x0) * shape[2]));
        }
      });
  steps_.back().min_size = size;
  return *this;
}

Augmentation& Augmentation::add(std::string name, PictureTransform transform) {
  FOVEA_REQUIRE(transform != nullptr, invalid_argument, "augmentation \"", name,
                "\" has no function");
  steps_.push_back({std::move(name), 1, std::move(transform)});
  return *this;
}

std::string Augmentation::str() const {
  std::string text;
  for (const Step& step : steps_) text += (text.empty() ? "" : ", ") + step.name;
  return text.empty() ? "none" : text;
}

void Augmentation::check(const Tensor& pictures) const {
  FOVEA_REQUIRE(pictures.defined() && pictures.shape().rank() == 4, invalid_argument,
                "augmentation works on pictures (N, H, W, C), not on shape ", pictures.shape());
  FOVEA_REQUIRE(pictures.dtype() == DType::u8, invalid_argument,
                "augmentation works on u8 pictures, not on ", dtype_name(pictures.dtype()),
                "; leave pixels as u8 and scale them in the model");
  const std::int64_t size = std::min(pictures.shape().h(), pictures.shape().w());
  for (const Step& step : steps_) {
    FOVEA_REQUIRE(size >= step.min_size, invalid_argument, "augmentation ", step.name,
                  " needs pictures of at least ", step.min_size, "x", step.min_size,
                  " pixels, not ", pictures.shape().h(), "x", pictures.shape().w());
  }
}

void Augmentation::apply(const std::uint8_t* source, std::uint8_t* target, std::uint8_t* scratch,
                         const Shape& shape, std::uint64_t seed, std::int64_t epoch,
                         std::int64_t position) const {
  if (steps_.empty()) {
    std::memcpy(target, source, static_cast<std::size_t>(shape.numel()));
    return;
  }
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    // Results alternate between the two buffers so that the last one lands in `target`.
    std::uint8_t* result = (steps_.size() - i) % 2 == 1 ? target : scratch;
    PictureRandom random(detail::augment_key(seed, epoch, i), static_cast<std::uint64_t>(position));
    steps_[i].transform(source, result, shape, random);
    source = result;
  }
}

}  // namespace fovea
