// Batches out of a data set in device memory on CUDA.
#include "cuda/bind.h"
#include "fovea/ops/data.h"
#include "kernels/picture_batch.h"

namespace fovea::cuda {
namespace {

kernels::PictureSteps steps_of(const ops::PictureBatch& op) {
  kernels::PictureSteps steps;
  for (const PictureStep& step : op.steps) steps.at[steps.count++] = step;
  return steps;
}

kernels::PictureRescale rescale_of(const ops::PictureBatch& op, std::int64_t channels) {
  kernels::PictureRescale rescale{};
  for (std::int64_t c = 0; c < channels && !op.scale.empty(); ++c) {
    const std::size_t factor = op.scale.size() == 1 ? 0 : static_cast<std::size_t>(c);
    rescale.at[c] = {static_cast<float>(op.scale[factor]), static_cast<float>(op.offset[factor])};
  }
  return rescale;
}

cudaError_t picture_batch(const ops::PictureBatch& op, const KernelContext& context) {
  const Shape& shape = context.input_shape(0);
  kernels::PictureSet set;
  set.pictures = context.input<std::uint8_t>(0);
  set.labels = context.input<std::int32_t>(1);
  set.samples = shape.n();
  set.height = shape.h();
  set.width = shape.w();
  set.channels = shape.c();
  kernels::BatchPlace place;
  place.seed = context.input<std::int64_t>(2);
  place.epoch = context.input<std::int64_t>(3);
  place.counter = context.input<std::int64_t>(4);
  place.start = context.input<std::int64_t>(5);
  place.batch_size = op.batch_size;
  place.shuffle = op.shuffle;
  return kernels::picture_batch(stream_of(context), set, place, steps_of(op),
                                rescale_of(op, set.channels), op.dtype, op.count, context.output(0),
                                context.output<std::int32_t>(1));
}

std::string declines(const ops::PictureBatch& op, const LowerRequest& request) {
  const Shape& shape = request.inputs[0].shape;
  if (op.dtype == DType::f64) return declines_by_type({{}, request.outputs, {}, {}, {}, 1});
  if (shape.drop_front().numel() >= std::int64_t{1} << 24) return "a picture has 16 MiB or more";
  const bool few_channels = shape.c() <= kernels::PictureRescale::kMaxChannels;
  if (op.dtype != DType::u8 && !few_channels) return "it rescales up to four channels";
  if (op.steps.empty()) return {};
  if (!few_channels) return "it augments pictures of up to four channels";
  if (op.steps.size() > kernels::PictureSteps::kMost) return "it does up to eight augmentations";
  if (shape.drop_front().numel() > kernels::kMostAugmentedBytes) {
    return "pictures to augment have 23 KiB at most";
  }
  return {};
}

}  // namespace

void bind_data(KernelTable& table) {
  table.add<ops::PictureBatch>("cuda",
                               bind<ops::PictureBatch>(picture_batch, {{}, nullptr, declines}));
}

}  // namespace fovea::cuda
