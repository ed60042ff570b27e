// Iris: three species told apart by four measures of their flowers.
//
//   iris [iris.csv]
//
// Without the table it takes one of the same size that is made up.
//
// Expected output:
//
//   150 samples of 4 features: 120 to train on, 30 to test
//   test accuracy 0..
//                 precision    recall  f1-score   support
//
//              0       ....      ....      ....        ..
//              1       ....      ....      ....        ..
//              2       ....      ....      ....        ..
//
//       accuracy                           ....        30
//      macro avg       ....      ....      ....        30
//   weighted avg       ....      ....      ....        30
#include <cstdio>

#include "fovea/fovea.h"
#include "sample.h"

namespace {

fovea::Dataset flowers(const std::vector<std::string>& paths) {
  if (!paths.empty()) return fovea::load_iris(paths.front());
  return fovea::make_classification({.n_samples = 150,
                                     .n_features = 4,
                                     .n_informative = 3,
                                     .n_redundant = 0,
                                     .n_classes = 3,
                                     .n_clusters_per_class = 1,
                                     .class_sep = 2,
                                     .seed = 1});
}

void classify(const std::vector<std::string>& paths) {
  const fovea::Dataset data = flowers(paths);
  auto [train, test] = fovea::train_test_split(data, {.test_fraction = 0.2, .seed = 42});
  std::printf("%lld samples of %lld features: %lld to train on, %lld to test\n",
              static_cast<long long>(data.size()), static_cast<long long>(data.x.shape()[1]),
              static_cast<long long>(train.size()), static_cast<long long>(test.size()));

  // Scales are learned from the training data alone; the test data is measured by them.
  fovea::StandardScaler scaler;
  train.x = scaler.fit_transform(train.x);
  test.x = scaler.transform(test.x);

  fovea::Model model(fovea::make_network("iris_dense"), {.threads = 1, .seed = 42});
  model.compile(
      {.optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  model.fit(train, {.epochs = 50, .batch_size = 10, .validation_split = 0.2, .verbose = 0});

  std::printf("test accuracy %.1f\n", model.evaluate(test).at("accuracy"));
  const fovea::Tensor predicted = fovea::predicted_labels(model.predict(test.x));
  std::printf(
      "%s",
      fovea::classification_report(test.y, predicted, {.target_names = test.class_names}).c_str());
}

}  // namespace

int main(int argc, char** argv) { return run_sample(argc, argv, classify); }
