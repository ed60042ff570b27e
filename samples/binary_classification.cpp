// Yes or no: one output with sigmoid, training that stops when it no longer helps, and what an
// accuracy hides: precision, recall, F1, the area under the ROC curve, the confusion matrix.
//
// Expected output:
//
//   700 samples to train on, 150 to validate, 150 to test
//   stopped after .. epochs; the best one's weights are back
//   accuracy 0..., precision 0..., recall 0..., F1 0..., AUC 0...
//   confusion matrix (rows: actual, columns: predicted)
//      ..   ..
//      ..   ..
#include <cstdio>

#include "fovea/fovea.h"

int main() {
  const fovea::Dataset data = fovea::make_classification(
      {.n_samples = 1000, .n_features = 20, .n_informative = 15, .n_redundant = 5, .seed = 42});
  const auto [train, validation, test] = fovea::train_validation_test_split(data, {.seed = 42});
  std::printf("%lld samples to train on, %lld to validate, %lld to test\n",
              static_cast<long long>(train.size()), static_cast<long long>(validation.size()),
              static_cast<long long>(test.size()));

  fovea::Model model(fovea::make_network("binary_dropout"), {.threads = 1, .seed = 1});
  model.compile({.optimizer = "adam",
                 .loss = "binary_crossentropy",
                 .metrics = {"accuracy", "precision", "recall", "f1", "auc"}});
  const fovea::History history = model.fit(
      train, {.epochs = 50,
              .validation_data = validation,
              .verbose = 0,
              .callbacks = {fovea::EarlyStopping({.patience = 5, .restore_best_weights = true})}});
  std::printf("stopped after %zu epochs; the best one's weights are back\n", history.epochs.size());

  const fovea::Logs result = model.evaluate(test);
  std::printf("accuracy %.2f, precision %.2f, recall %.2f, F1 %.2f, AUC %.2f\n",
              result.at("accuracy"), result.at("precision"), result.at("recall"), result.at("f1"),
              result.at("auc"));
  const fovea::Tensor matrix =
      fovea::confusion_matrix(test.y, fovea::predicted_labels(model.predict(test.x)));
  std::printf("confusion matrix (rows: actual, columns: predicted)\n%5.0f%5.0f\n%5.0f%5.0f\n",
              matrix.item(0), matrix.item(1), matrix.item(2), matrix.item(3));
}
