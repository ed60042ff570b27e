// A training batch out of a data set in device memory: the order of the epoch, the augmentation and
// the conversion of pixels in one pass. The choices are those of the CPU's BatchLoader with the
// same seed, byte for byte (fovea/detail/batch_choices.h, picture_steps.h).
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "fovea/detail/picture_steps.h"
#include "fovea/dtype.h"

namespace fovea::kernels {

/// (samples, height, width, channels) pictures with a label each; a picture has fewer than 2^24
/// bytes. There may be no labels.
struct PictureSet {
  const std::uint8_t* pictures = nullptr;
  const std::int32_t* labels = nullptr;
  std::int64_t samples = 0, height = 0, width = 0, channels = 0;

  std::int64_t picture_bytes() const { return height * width * channels; }
};

/// Which batch of which epoch: scalars in device memory, so that a captured launch can be replayed
/// for the following batch, number *counter - *start of its epoch. It begins batch_size positions
/// behind the one before; beyond the last position, the order begins again.
struct BatchPlace {
  const std::int64_t* seed = nullptr;
  const std::int64_t* epoch = nullptr;
  const std::int64_t* counter = nullptr;
  const std::int64_t* start = nullptr;
  std::int64_t batch_size = 0;
  bool shuffle = false;
};

/// What is done to each picture, in this order.
struct PictureSteps {
  static constexpr int kMost = 8;
  int count = 0;
  PictureStep at[kMost];
};

/// What a pixel p of channel c becomes: p scale + offset of at[c].
struct PictureRescale {
  struct Channel {
    float scale, offset;
  };
  static constexpr int kMaxChannels = 4;
  Channel at[kMaxChannels];
};

/// Pictures that are augmented have this many bytes at most: two of them lie in shared memory.
inline constexpr std::int64_t kMostAugmentedBytes = 23 * 1024;

/// x (count, height, width, channels) and y (count,) = the batch; y may be null. `dtype` is u8, for
/// the pixels as they are, or f32, f16 or bf16, for pixels rescaled, of up to kMaxChannels
/// channels. x is aligned to 16 bytes.
cudaError_t picture_batch(cudaStream_t stream, const PictureSet& set, const BatchPlace& place,
                          const PictureSteps& steps, const PictureRescale& rescale, DType dtype,
                          std::int64_t count, void* x, std::int32_t* y);

}  // namespace fovea::kernels
