// What one does with networks from day to day: gradients of layers, steps of an epoch, predictions
// from stored weights, pictures in files, reports.
#include <cmath>
#include <filesystem>
#include <functional>

#include "samples/digits.h"
#include "tests/examples/examples.h"

namespace fovea::examples {
namespace {

namespace fs = std::filesystem;

/// A folder of this test's own, gone after it.
class Folder {
 public:
  Folder() { fs::create_directories(path_); }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_ = fs::path(FOVEA_BINARY_DIR) / "examples_test" /
                   ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

// ---- Gradients of layers ----

Tensor transposed(const Tensor& a) {
  const std::int64_t rows = a.shape()[0], columns = a.shape()[1];
  Tensor result({columns, rows}, DType::f64);
  for (std::int64_t i = 0; i < a.numel(); ++i) {
    result.data<double>()[i % columns * rows + i / columns] = a.item(i);
  }
  return result;
}

Tensor product(const Tensor& a, const Tensor& b) {
  const std::int64_t inner = a.shape()[1], columns = b.shape()[1];
  Tensor result = Tensor::zeros({a.shape()[0], columns}, DType::f64);
  for (std::int64_t i = 0; i < result.numel(); ++i) {
    for (std::int64_t k = 0; k < inner; ++k) {
      result.data<double>()[i] +=
          a.item(i / columns * inner + k) * b.item(k * columns + i % columns);
    }
  }
  return result;
}

TEST(LayerGradients, OfDenseAreProducts) {
  Model model = exact(Sequential{Input({3}), Dense(2)});
  model.compile({.loss = "half_squared_error"});
  const Tensor x = matrix({{1, -2, 3}, {0.5, 0, -1}}), t = matrix({{1, 0}, {0, 2}});
  const Tensor y = model.predict(x), w = model.weight("dense.weight");
  Tensor dy({2, 2}, DType::f64);  // of the mean over two samples
  for (std::int64_t i = 0; i < 4; ++i) dy.data<double>()[i] = (y.item(i) - t.item(i)) / 2;
  const Model::Gradients found = model.gradients({x}, {t});
  expect_values(found.inputs[0], product(dy, transposed(w)), 1e-12);
  expect_values(found.parameters.at("dense.weight"), product(transposed(x), dy), 1e-12);
  expect_values(found.parameters.at("dense.bias"),
                vector({dy.item(0) + dy.item(2), dy.item(1) + dy.item(3)}), 1e-12);
}

TEST(LayerGradients, OfSoftmaxWithItsLossAreDifferences) {
  Model model = exact(Sequential{Input({3}), Softmax()});
  model.compile({.loss = "categorical_crossentropy"});
  const Tensor x = matrix({{.3, 2.9, 4}, {1, 0, -1}}), t = matrix({{0, 1, 0}, {1, 0, 0}});
  const Tensor y = model.predict(x), found = model.gradients({x}, {t}).inputs[0];
  for (std::int64_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(found.item(i), (y.item(i) - t.item(i)) / 2, 1e-12) << i;
  }
}

// ---- Steps and predictions ----

/// What fit() or evaluate() writes with a progress bar.
std::string written_by(const std::function<void(Model&)>& action) {
  Model model(Sequential{Input({1}), Dense(1)}, {.device = "cpu", .threads = 1});
  model.compile({.loss = "mse"});
  ::testing::internal::CaptureStdout();
  action(model);
  return ::testing::internal::GetCapturedStdout();
}

TEST(Steps, AreTheBatchesOfAnEpoch) {
  const auto numbers = [](std::int64_t count) {
    return Arrays{{Tensor::full({count, 1}, 0.5)}, {Tensor::full({count, 1}, 0.25)}};
  };
  const auto steps_of = [&](std::int64_t count, const FitOptions& options) {
    return written_by([&](Model& model) { model.fit(numbers(count), options); });
  };
  EXPECT_NE(steps_of(60000, {}).find("\n1875/1875 "), std::string::npos);
  EXPECT_NE(steps_of(50000, {}).find("\n1563/1563 "), std::string::npos);
  EXPECT_NE(steps_of(60000, {.validation_split = 0.2}).find("\n1500/1500 "), std::string::npos);
  EXPECT_NE(steps_of(1000, {.batch_size = 500}).find("\n2/2 "), std::string::npos);
  const std::string evaluation =
      written_by([&](Model& model) { model.evaluate(numbers(10000), {.verbose = 1}); });
  EXPECT_EQ(evaluation.find("313/313 "), 0u) << evaluation;
}

TEST(Prediction, NeedsNoCompile) {
  Model model = exact(Sequential{Input({2}), Dense(1, {.kernel_initializer = ones()})});
  EXPECT_FALSE(model.compiled());
  EXPECT_EQ(model.predict(matrix({{2, 3}})).item(), 5);
}

TEST(Prediction, OfThreeLayersInBatchesFromStoredWeights) {
  const Network network = Sequential{Input({28, 28, 1}),
                                     Rescaling(1.0 / 255),
                                     Flatten(),
                                     Dense(50, {.activation = "sigmoid"}),
                                     Dense(100, {.activation = "sigmoid"}),
                                     Dense(10, {.activation = "softmax"})};
  const Folder folder;
  const Dataset train = make_digits(2000, 1), test = make_digits(250, 2);
  Model trained(network, {.device = "cpu", .threads = 1, .seed = 1});
  trained.compile({.optimizer = Adam(0.01), .loss = "sparse_categorical_crossentropy"});
  trained.fit(train, {.epochs = 6, .verbose = 0});
  trained.save_weights(folder.file("digits.safetensors"));

  Model model(network, {.device = "cpu", .threads = 1, .seed = 2});
  model.load_weights(folder.file("digits.safetensors"));
  const Tensor predictions = model.predict(test.x, 100);  // batches of 100, 100 and 50
  expect_values(predictions, trained.predict(test.x, 250), 1e-6);
  EXPECT_GT(accuracy_score(test.y, predicted_labels(predictions)), 0.8);
}

// ---- Pictures in files ----

/// Answers with the number of the picture among `known` that is most like what it sees.
Model model_that_knows(const std::vector<Tensor>& known) {
  const auto classes = static_cast<std::int64_t>(known.size());
  Model model(Sequential{Input({28, 28, 1}), Rescaling(1.0 / 255), Flatten(), Dense(classes)},
              {.device = "cpu"});
  Tensor weight({784, classes}, DType::f32), bias({classes}, DType::f32);
  for (std::int64_t c = 0; c < classes; ++c) {  // |x - p|^2 is least where 2 x p - |p|^2 is largest
    double square = 0;
    for (std::int64_t i = 0; i < 784; ++i) {
      const double pixel = known[static_cast<std::size_t>(c)].item(i) / 255;
      weight.data<float>()[i * classes + c] = static_cast<float>(2 * pixel);
      square += pixel * pixel;
    }
    bias.data<float>()[c] = static_cast<float>(-square);
  }
  model.set_weight("dense.weight", weight);
  model.set_weight("dense.bias", bias);
  return model;
}

TEST(PictureFile, ShowsTheDigitThatWasWritten) {
  if (!FOVEA_HAS_PNG || !FOVEA_HAS_JPEG) {
    GTEST_SKIP() << "the library was built without libpng or libjpeg";
  }
  const Dataset digits = make_digits(200, 3);
  std::vector<Tensor> one_of_each(10);
  for (std::int64_t n = 0; n < digits.size(); ++n) {
    one_of_each[static_cast<std::size_t>(digits.y.item(n))] = digits.x.slice(n, n + 1);
  }
  Model model = model_that_knows(one_of_each);
  const Folder folder;
  for (const char* name : {"seven.png", "seven.jpg"}) {
    write_image(folder.file(name), one_of_each[7].reshape({28, 28, 1}));
    const Tensor read = read_image(folder.file(name), ImageColor::grayscale);
    ASSERT_EQ(read.shape(), (Shape{28, 28, 1}));
    EXPECT_EQ(argmax(model.predict(add_batch_axis(read))), 7) << name;
    // A larger picture in colours is brought into the same form.
    const Tensor large = resize_image(read_image(folder.file(name)), 56);
    write_image(folder.file(name), large);
    const Tensor small = resize_image(read_image(folder.file(name), ImageColor::grayscale), 28);
    EXPECT_EQ(argmax(model.predict(add_batch_axis(small))), 7) << name;
  }
}

// ---- Reports ----

TEST(Report, CountsTheDigitsOfEachClass) {
  const std::vector<std::int64_t> supports = {980, 1135, 1032, 1010, 982,
                                              892, 958,  1028, 974,  1009};
  std::vector<std::int32_t> labels;
  for (std::size_t digit = 0; digit < supports.size(); ++digit) {
    labels.insert(labels.end(), static_cast<std::size_t>(supports[digit]),
                  static_cast<std::int32_t>(digit));
  }
  const Tensor truth = Tensor::from<std::int32_t>({10000}, labels);
  labels[0] = 7;
  const Tensor said = Tensor::from<std::int32_t>({10000}, labels);
  EXPECT_EQ(precision_recall_fscore_support(truth, said).support, supports);
  const std::string report = classification_report(truth, said);
  EXPECT_NE(report.find("           1       1.00      1.00      1.00      1135\n"),
            std::string::npos)
      << report;
  EXPECT_NE(report.find("weighted avg       1.00      1.00      1.00     10000\n"),
            std::string::npos)
      << report;
}

// F1 is 2 P R / (P + R); with P R below the line it would be 2 whatever the scores.
TEST(Report, F1IsTheHarmonicMean) {
  const auto labels = [](const std::vector<std::int32_t>& values) {
    return Tensor::from<std::int32_t>({static_cast<std::int64_t>(values.size())}, values);
  };
  const Tensor truth = labels({1, 1, 1, 1, 0, 0}), said = labels({1, 0, 0, 0, 1, 0});
  const double precision = precision_score(truth, said), recall = recall_score(truth, said);
  EXPECT_DOUBLE_EQ(precision, 0.5);
  EXPECT_DOUBLE_EQ(recall, 0.25);
  EXPECT_DOUBLE_EQ(f1_score(truth, said), 2 * precision * recall / (precision + recall));
}

}  // namespace
}  // namespace fovea::examples
