// Batches out of a data set as plain loops: what BatchLoader does, in an op.
#include "fovea/ops/data.h"

#include <algorithm>

#include "fovea/data.h"
#include "host/cpu/reference/kernels.h"

namespace fovea::cpu {
namespace {

/// One picture's bytes on their way, and the augmentation's scratch.
constexpr std::int64_t kPicturesOfWorkspace = 2;

template <class Y>
void write_picture(const ops::PictureBatch& op, const std::uint8_t* bytes, std::int64_t count,
                   Y* to) {
  const std::size_t channels = op.scale.size();
  for (std::int64_t i = 0; i < count; ++i) {
    const std::size_t c = static_cast<std::size_t>(i) % channels;
    to[i] = static_cast<Y>(bytes[i] * op.scale[c] + op.offset[c]);
  }
}

class PictureBatchKernel final : public Kernel {
 public:
  explicit PictureBatchKernel(const ops::PictureBatch& op) : op_(op) {
    for (const PictureStep& step : op.steps) augmentation_.add(step);
  }

  void run(const KernelContext& context) override {
    const Shape picture = context.input_shape(0).drop_front();
    const std::int64_t samples = context.input_shape(0).n(), bytes = picture.numel();
    const auto seed = static_cast<std::uint64_t>(*context.input<std::int64_t>(2));
    const std::int64_t epoch = *context.input<std::int64_t>(3);
    const std::int64_t batch = *context.input<std::int64_t>(4) - *context.input<std::int64_t>(5);
    const std::uint64_t key = fovea::detail::order_key(seed, epoch);
    auto* made = static_cast<std::uint8_t*>(context.workspace());
    for (std::int64_t i = 0; i < op_.count; ++i) {
      const std::int64_t position = (batch * op_.batch_size + i) % samples;
      const std::int64_t sample =
          op_.shuffle ? fovea::detail::sample_at(position, samples, key) : position;
      augmentation_.apply(context.input<std::uint8_t>(0) + sample * bytes, made, made + bytes,
                          picture, seed, epoch, position);
      write(context, i * bytes, made, bytes);
      context.output<std::int32_t>(1)[i] = context.input<std::int32_t>(1)[sample];
    }
  }

 private:
  void write(const KernelContext& context, std::int64_t offset, const std::uint8_t* made,
             std::int64_t bytes) const {
    switch (op_.dtype) {
      case DType::f32:
        return write_picture(op_, made, bytes, context.output<float>(0) + offset);
      case DType::f64:
        return write_picture(op_, made, bytes, context.output<double>(0) + offset);
      default:
        std::copy_n(made, bytes, context.output<std::uint8_t>(0) + offset);
    }
  }

  ops::PictureBatch op_;
  Augmentation augmentation_;
};

LowerResult lower_picture_batch(const ops::PictureBatch& op, const LowerRequest& request) {
  if (dtype_size(op.dtype) == 2) return Decline{detail::decline_reason(op.dtype)};
  Lowering lowering;
  lowering.kernel = std::make_unique<PictureBatchKernel>(op);
  lowering.workspace_bytes = kPicturesOfWorkspace * request.inputs[0].shape.drop_front().numel();
  return lowering;
}

}  // namespace

void add_reference_data(KernelTable& table) {
  table.add<ops::PictureBatch>("reference", lower_picture_batch);
}

}  // namespace fovea::cpu
