// A training batch out of a data set in device memory: the order of the epoch, the augmentation and
// the conversion of pixels in one pass. The choices are those of the CPU's BatchLoader with the
// same seed, byte for byte (fovea/detail/batch_choices.h).
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "fovea/dtype.h"

namespace fovea::kernels {

/// (samples, height, width, channels) pictures with a label each; a picture has fewer than 2^24
/// bytes. There may be no labels.
struct PictureSet {
  const std::uint8_t* pictures = nullptr;
  const std::int32_t* labels = nullptr;
  std::int64_t samples = 0, height = 0, width = 0, channels = 0;
};

/// Which batch of which epoch: scalars in device memory, so that a captured launch can be replayed
/// for the following batch. `first` is the batch's first position in the epoch's order; beyond the
/// last position, the order begins again.
struct BatchPlace {
  const std::int64_t* seed = nullptr;
  const std::int64_t* epoch = nullptr;
  const std::int64_t* first = nullptr;
};

/// Mirroring left and right, and a shift by up to `shift_pixels` as padding and cropping give it:
/// zeros come in, or with `reflect` (then shift_pixels < height, width) the picture mirrored about
/// its border. Each has its place in the list of augmentations, which keys its random numbers and
/// says which comes first; a place below 0: it is not done.
struct PictureAugmentation {
  int flip_step = -1;
  double flip_probability = 0.5;
  int shift_step = -1;
  std::int64_t shift_pixels = 0;
  bool reflect = false;
};

/// What a pixel p of channel c becomes: p scale + offset of at[c].
struct PictureRescale {
  struct Channel {
    float scale, offset;
  };
  static constexpr int kMaxChannels = 4;
  Channel at[kMaxChannels];
};

/// x (count, height, width, channels) and y (count,) = the batch; y may be null. `dtype` is u8, for
/// the pixels as they are, or f32, f16 or bf16, for pixels rescaled, of up to kMaxChannels
/// channels. x is aligned to 16 bytes.
cudaError_t picture_batch(cudaStream_t stream, const PictureSet& set, const BatchPlace& place,
                          bool shuffle, const PictureAugmentation& augmentation,
                          const PictureRescale& rescale, DType dtype, std::int64_t count, void* x,
                          std::int32_t* y);

}  // namespace fovea::kernels
