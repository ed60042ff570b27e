// Wine: from a table with a column of text to a file of predictions. The quality of wines, graded 3
// to 9, from what a laboratory measures.
//
//   wine [winequality-red.csv winequality-white.csv]
//
// Without the tables it takes one of the same kind that is made up.
//
// Expected output:
//
//   1500 wines; type: red is 0, white is 1
//   test accuracy 0...; more than half are right: yes
//   predictions of 300 wines are in wine_submission.csv
#include <cstdio>

#include "fovea/fovea.h"
#include "sample.h"

namespace {

/// Eleven columns of numbers, one of text, and a quality from 3 to 9.
fovea::Table made_up_wines() {
  const fovea::Dataset made = fovea::make_classification({.n_samples = 1500,
                                                          .n_features = 12,
                                                          .n_informative = 8,
                                                          .n_classes = 7,
                                                          .n_clusters_per_class = 1,
                                                          .class_sep = 2,
                                                          .seed = 3});
  fovea::Table wines;
  std::vector<double> column(static_cast<std::size_t>(made.size()));
  for (std::int64_t feature = 0; feature < 11; ++feature) {
    for (std::int64_t n = 0; n < made.size(); ++n) {
      column[static_cast<std::size_t>(n)] = made.x.item(n * 12 + feature);
    }
    wines.set_column("measure " + std::to_string(feature + 1), column);
  }
  std::vector<std::string> types;
  for (std::int64_t n = 0; n < made.size(); ++n) {
    types.emplace_back(made.x.item(n * 12 + 11) < 0 ? "red" : "white");
    column[static_cast<std::size_t>(n)] = made.y.item(n) + 3;
  }
  wines.set_column("type", types);
  wines.set_column("quality", column);
  return wines;
}

void grade(const std::vector<std::string>& paths) {
  fovea::Table wines =
      paths.size() < 2 ? made_up_wines() : fovea::load_wine_quality(paths[0], paths[1]);
  const fovea::LabelEncoder types = fovea::encode_column(wines, "type");
  std::printf("%lld wines; type: %s is 0, %s is 1\n", static_cast<long long>(wines.rows()),
              types.classes()[0].c_str(), types.classes()[1].c_str());

  fovea::Dataset data = fovea::regression_data(wines, "quality", "wine");
  fovea::Tensor grades({data.size()}, fovea::DType::i32);  // label = quality - 3
  for (std::int64_t n = 0; n < data.size(); ++n) {
    grades.data<std::int32_t>()[n] = static_cast<std::int32_t>(data.y.item(n)) - 3;
  }
  data.y = fovea::one_hot(grades, 7);
  auto [train, test] = fovea::train_test_split(data, {.test_fraction = 0.2, .seed = 42});
  fovea::MinMaxScaler scaler;
  train.x = scaler.fit_transform(train.x);
  test.x = scaler.transform(test.x);

  fovea::Model model(fovea::make_network("wine"), {.threads = 1, .seed = 1});
  model.compile({.optimizer = "adam", .loss = "categorical_crossentropy", .metrics = {"accuracy"}});
  model.fit(train, {.epochs = 30, .validation_split = 0.2, .verbose = 0});
  const double accuracy = model.evaluate(test).at("accuracy");
  std::printf("test accuracy %.2f; more than half are right: %s\n", accuracy,
              accuracy > 0.5 ? "yes" : "no");

  const fovea::Tensor best = fovea::argmax(model.predict(test.x), 1);
  std::vector<double> index, quality;
  for (std::int64_t n = 0; n < best.numel(); ++n) {
    index.push_back(static_cast<double>(n));
    quality.push_back(best.item(n) + 3);
  }
  fovea::Table submission;
  submission.set_column("index", index);
  submission.set_column("quality", quality);
  fovea::write_csv(submission, "wine_submission.csv");
  std::printf("predictions of %lld wines are in wine_submission.csv\n",
              static_cast<long long>(submission.rows()));
}

}  // namespace

int main(int argc, char** argv) { return run_sample(argc, argv, grade); }
