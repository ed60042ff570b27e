// Augmentation: random changes of u8 pictures, each a function from picture to picture.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "fovea/data.h"

namespace fovea {
namespace {

using detail::PictureChange;
using Kind = PictureStep::Kind;

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

void mirror_columns(const std::uint8_t* source, std::uint8_t* target, const Shape& shape) {
  const std::int64_t height = shape[0], row = shape[1] * shape[2];
  for (std::int64_t y = 0; y < height; ++y) {
    std::memcpy(target + y * row, source + (height - 1 - y) * row, static_cast<std::size_t>(row));
  }
}

/// target(y, x) = source(y + dy, x + dx), filled where that lies outside.
void shift(const std::uint8_t* source, std::uint8_t* target, const Shape& shape,
           const PictureChange& change) {
  const std::int64_t dy = change.y, dx = change.x;
  const bool zeros = change.fill == 0;
  const std::int64_t height = shape[0], width = shape[1], channels = shape[2];
  const auto bytes = [channels](std::int64_t pixels) {
    return static_cast<std::size_t>(pixels * channels);
  };
  // Columns [first, last) of the target come from inside of the source.
  const std::int64_t first = std::clamp<std::int64_t>(-dx, 0, width);
  const std::int64_t last = std::clamp<std::int64_t>(width - dx, first, width);
  for (std::int64_t y = 0; y < height; ++y, target += width * channels) {
    const bool row_inside = y + dy >= 0 && y + dy < height;
    if (zeros) {
      std::memset(target, 0, bytes(width));
      if (!row_inside) continue;
    }
    const std::uint8_t* row =
        source + detail::border_place(y + dy, height, change.fill) * width * channels;
    if (first < last) {
      std::memcpy(target + first * channels, row + (first + dx) * channels, bytes(last - first));
    }
    if (zeros) continue;
    const auto mirror = [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t x = begin; x < end; ++x) {
        std::memcpy(target + x * channels,
                    row + detail::border_place(x + dx, width, change.fill) * channels, bytes(1));
      }
    };
    mirror(0, first);
    mirror(last, width);
  }
}

/// Of a picture that is already in `target`.
void cut_out(std::uint8_t* target, const Shape& shape, const PictureChange& change) {
  const std::int64_t x0 = std::max<std::int64_t>(change.x, 0);
  const std::int64_t x1 = std::min<std::int64_t>(change.x + change.size, shape[1]);
  const std::int64_t y1 = std::min<std::int64_t>(change.y + change.size, shape[0]);
  for (std::int64_t y = std::max<std::int64_t>(change.y, 0); y < y1; ++y) {
    std::memset(target + (y * shape[1] + x0) * shape[2], change.fill,
                static_cast<std::size_t>((x1 - x0) * shape[2]));
  }
}

void change_contrast(const std::uint8_t* source, std::uint8_t* target, const Shape& shape,
                     std::int32_t factor) {
  const std::int64_t channels = shape[2];
  for (std::int64_t c = 0; c < channels; ++c) {
    std::int64_t sum = 0;
    for (std::int64_t i = c; i < shape.numel(); i += channels) sum += source[i];
    const std::int32_t mean = detail::rounded_mean(sum, shape[0] * shape[1]);
    for (std::int64_t i = c; i < shape.numel(); i += channels) {
      target[i] = detail::stretched(mean, source[i], factor);
    }
  }
}

void change_saturation(const std::uint8_t* source, std::uint8_t* target, const Shape& shape,
                       std::int32_t factor) {
  for (std::int64_t i = 0; i < shape.numel(); i += 3) {
    const std::int32_t grey = detail::grey(source + i);
    for (std::int64_t c = 0; c < 3; ++c) {
      target[i + c] = detail::stretched(grey, source[i + c], factor);
    }
  }
}

/// Each pixel from between four of the source.
void resample(const std::uint8_t* source, std::uint8_t* target, const Shape& shape,
              const PictureChange& change) {
  const auto height = static_cast<std::int32_t>(shape[0]);
  const auto width = static_cast<std::int32_t>(shape[1]);
  const auto channels = static_cast<std::int32_t>(shape[2]);
  for (std::int32_t y = 0; y < height; ++y) {
    for (std::int32_t x = 0; x < width; ++x) {
      const detail::PicturePlace place = detail::place_of(change.map, y, x, height, width);
      for (std::int32_t c = 0; c < channels; ++c) {
        *target++ = detail::between(source + c, place, height, width, channels, change.fill);
      }
    }
  }
}

void apply_change(const PictureChange& change, const std::uint8_t* source, std::uint8_t* target,
                  const Shape& shape) {
  const auto copy = [&] { std::memcpy(target, source, static_cast<std::size_t>(shape.numel())); };
  if (!change.applies) return copy();
  switch (change.kind) {
    case Kind::flip:
      return mirror_rows(source, target, shape);
    case Kind::flip_vertical:
      return mirror_columns(source, target, shape);
    case Kind::shift:
      return shift(source, target, shape, change);
    case Kind::cutout:
      copy();
      return cut_out(target, shape, change);
    case Kind::brightness:
      for (std::int64_t i = 0; i < shape.numel(); ++i) {
        target[i] = detail::clamp_to_byte(source[i] + change.factor);
      }
      return;
    case Kind::contrast:
      return change_contrast(source, target, shape, change.factor);
    case Kind::saturation:
    case Kind::grayscale:
      return change_saturation(source, target, shape, change.factor);
    case Kind::rotation:
    case Kind::zoom:
    case Kind::translation:
    case Kind::crop_and_resize:
      return resample(source, target, shape, change);
  }
}

std::string fill_name(std::int32_t fill) {
  constexpr std::array<const char*, 3> kNames = {"zeros", "reflect", "nearest"};
  FOVEA_REQUIRE(fill >= 0 && fill < 3, invalid_argument, "there is no border fill of number ",
                fill);
  return kNames[static_cast<std::size_t>(fill)];
}

/// As the methods that make them are called.
std::string name_of(const PictureStep& step) {
  const std::string amount = detail::concat(step.amount);
  switch (step.kind) {
    case Kind::flip:
      return "random_flip(" + amount + ")";
    case Kind::flip_vertical:
      return "random_vertical_flip(" + amount + ")";
    case Kind::shift:
      return "pad_and_crop(" + amount + ", " + fill_name(step.fill) + ")";
    case Kind::cutout:
      return "cutout(" + amount + ", " + std::to_string(step.fill) + ")";
    case Kind::brightness:
      return "random_brightness(" + amount + ")";
    case Kind::contrast:
      return "random_contrast(" + amount + ")";
    case Kind::saturation:
      return "random_saturation(" + amount + ")";
    case Kind::grayscale:
      return "random_grayscale(" + amount + ")";
    case Kind::rotation:
      return "random_rotation(" + amount + ", " + fill_name(step.fill) + ")";
    case Kind::zoom:
      return "random_zoom(" + amount + ", " + fill_name(step.fill) + ")";
    case Kind::translation:
      return detail::concat("random_translation(", amount, ", ", step.second, ", ",
                            fill_name(step.fill), ")");
    case Kind::crop_and_resize:
      return detail::concat("random_crop_and_resize(", amount, ", ", step.second, ")");
  }
  fail(ErrorCode::invalid_argument, "there is no augmentation of this kind");
}

void check_step(const PictureStep& step, const std::string& name) {
  const bool whole = step.amount == std::floor(step.amount);
  switch (step.kind) {
    case Kind::shift:
      FOVEA_REQUIRE(whole && step.amount >= 0 && step.amount <= 1024, invalid_argument, name,
                    ": cannot pad by ", step.amount, " pixels; give 0 to 1024");
      break;
    case Kind::cutout:
      FOVEA_REQUIRE(whole && step.amount >= 1 && step.amount <= 65536, invalid_argument, name,
                    ": the square must be at least 1 pixel wide, not ", step.amount);
      FOVEA_REQUIRE(step.fill >= 0 && step.fill <= 255, invalid_argument, name,
                    ": it is filled with a byte, 0 to 255, not ", step.fill);
      break;
    case Kind::flip:
    case Kind::flip_vertical:
    case Kind::grayscale:
      FOVEA_REQUIRE(step.amount >= 0 && step.amount <= 1, invalid_argument, name, ": ", step.amount,
                    " is not a probability; it must be between 0 and 1");
      break;
    case Kind::brightness:
    case Kind::contrast:
    case Kind::saturation:
      FOVEA_REQUIRE(step.amount >= 0 && step.amount <= 1, invalid_argument, name,
                    ": the largest change must be between 0 and 1, not ", step.amount);
      break;
    case Kind::rotation:
      FOVEA_REQUIRE(step.amount >= 0 && step.amount <= 1, invalid_argument, name, ": ", step.amount,
                    " turns; give 0 to 1, 0.5 being 180 degrees to either side");
      break;
    case Kind::zoom:
      FOVEA_REQUIRE(step.amount >= 0 && step.amount <= 0.95, invalid_argument, name,
                    ": the largest change of size must be between 0 and 0.95, not ", step.amount);
      break;
    case Kind::translation:
      FOVEA_REQUIRE(step.amount >= 0 && step.amount <= 1 && step.second >= 0 && step.second <= 1,
                    invalid_argument, name,
                    ": pictures move by a part of their height and of their width, each between 0 "
                    "and 1");
      break;
    case Kind::crop_and_resize:
      FOVEA_REQUIRE(step.amount >= 0.01 && step.amount <= 1, invalid_argument, name,
                    ": the smallest part of the area must be between 0.01 and 1, not ",
                    step.amount);
      FOVEA_REQUIRE(step.second >= 1 && step.second <= 10, invalid_argument, name,
                    ": the stretch must be between 1 and 10, not ", step.second);
      break;
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
  return add({Kind::flip, probability});
}

Augmentation& Augmentation::random_vertical_flip(double probability) {
  return add({Kind::flip_vertical, probability});
}

Augmentation& Augmentation::pad_and_crop(std::int64_t pixels, BorderFill fill) {
  return add({Kind::shift, static_cast<double>(pixels), static_cast<std::int32_t>(fill)});
}

Augmentation& Augmentation::cutout(std::int64_t size, std::uint8_t fill) {
  return add({Kind::cutout, static_cast<double>(size), fill});
}

Augmentation& Augmentation::random_brightness(double amount) {
  return add({Kind::brightness, amount});
}

Augmentation& Augmentation::random_contrast(double amount) { return add({Kind::contrast, amount}); }

Augmentation& Augmentation::random_saturation(double amount) {
  return add({Kind::saturation, amount});
}

Augmentation& Augmentation::random_grayscale(double probability) {
  return add({Kind::grayscale, probability});
}

Augmentation& Augmentation::random_rotation(double turns, BorderFill fill) {
  return add({Kind::rotation, turns, static_cast<std::int32_t>(fill)});
}

Augmentation& Augmentation::random_zoom(double amount, BorderFill fill) {
  return add({Kind::zoom, amount, static_cast<std::int32_t>(fill)});
}

Augmentation& Augmentation::random_translation(double height, double width, BorderFill fill) {
  return add({Kind::translation, height, static_cast<std::int32_t>(fill), width});
}

Augmentation& Augmentation::random_crop_and_resize(double smallest_area, double stretch) {
  return add({Kind::crop_and_resize, smallest_area, static_cast<std::int32_t>(BorderFill::nearest),
              stretch});
}

Augmentation& Augmentation::add(const PictureStep& step) {
  const std::string name = name_of(step);
  check_step(step, name);
  add(name, [step](const std::uint8_t* source, std::uint8_t* target, const Shape& shape,
                   PictureRandom& random) {
    apply_change(detail::draw_change(step, random, shape[0], shape[1]), source, target, shape);
  });
  Step& added = steps_.back();
  added.built_in = step;
  // Mirroring reaches at most to the opposite border.
  if (step.kind == Kind::shift && step.fill == 1) {
    added.min_size = static_cast<std::int64_t>(step.amount) + 1;
  }
  if (step.kind == Kind::cutout) added.min_size = static_cast<std::int64_t>(step.amount);
  added.three_channels = step.kind == Kind::saturation || step.kind == Kind::grayscale;
  return *this;
}

Augmentation& Augmentation::add(std::string name, PictureTransform transform) {
  FOVEA_REQUIRE(transform != nullptr, invalid_argument, "augmentation \"", name,
                "\" has no function");
  Step step;
  step.name = std::move(name);
  step.transform = std::move(transform);
  steps_.push_back(std::move(step));
  return *this;
}

std::optional<std::vector<PictureStep>> Augmentation::built_in_steps() const {
  std::vector<PictureStep> list;
  for (const Step& step : steps_) {
    if (!step.built_in) return std::nullopt;
    list.push_back(*step.built_in);
  }
  return list;
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
    FOVEA_REQUIRE(!step.three_channels || pictures.shape().c() == 3, invalid_argument,
                  "augmentation ", step.name,
                  " needs pictures of 3 channels, red, green and blue, ", "not ",
                  pictures.shape().c());
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
