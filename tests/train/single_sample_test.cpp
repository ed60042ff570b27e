// A single picture given where a batch is wanted: the error says what to do, wherever it comes in.
#include "fovea/image.h"
#include "fovea/layers.h"
#include "fovea/model.h"
#include "tests/support/expect_error.h"

namespace fovea::test {
namespace {

TEST(SingleSample, IsAClearError) {
  Model model(Sequential{Input({28, 28, 1}), Flatten(), Dense(10, {.activation = "softmax"})});
  model.compile({.loss = "sparse_categorical_crossentropy"});
  const Tensor picture = Tensor::zeros({28, 28, 1});
  for (const Tensor& sample : {picture, picture.reshape({28, 28})}) {
    Dataset data;
    data.x = sample;
    data.y = Tensor::zeros({28}, DType::i32);
    for (const std::function<void()>& use : std::vector<std::function<void()>>{
             [&] { model.predict(sample); }, [&] { model.evaluate(data); },
             [&] { model.fit(data); }, [&] { model.train_on_batch({sample}, {data.y}); }}) {
      expect_error(ErrorCode::shape_mismatch,
                   "has shape " + sample.shape().str() +
                       ", one sample without a batch axis; the network wants (N, 28, 28, 1): "
                       "reshape it to (1, 28, 28, 1) (and scale it",
                   use);
    }
  }
  EXPECT_EQ(model.predict(add_batch_axis(picture)).shape(), (Shape{1, 10}));
}

}  // namespace
}  // namespace fovea::test
