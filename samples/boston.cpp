// House prices: a number, not a class, from thirteen others; and whether the result holds for other
// parts of the data (cross-validation).
//
//   boston [housing.csv or StatLib's text]
//
// Without the table it takes one of the same size that is made up.
//
// Expected output:
//
//   404 houses to train on, 102 to test
//   mean absolute error of prices around ....: ....
//   in four folds: .... .... .... ....
//   all below 3: yes
#include <algorithm>
#include <cstdio>
#include <random>

#include "fovea/fovea.h"
#include "sample.h"

namespace {

/// Prices that rise and fall with some of the features, bent and noisy.
fovea::Dataset made_up_houses() {
  constexpr std::int64_t kHouses = 506, kFeatures = 13;
  std::mt19937 random(7);
  const auto unit = [&] { return static_cast<float>(random() % 1000) / 1000; };
  fovea::Dataset houses;
  houses.name = "made-up houses";
  houses.x = fovea::Tensor({kHouses, kFeatures}, fovea::DType::f32);
  houses.y = fovea::Tensor({kHouses, 1}, fovea::DType::f32);
  for (std::int64_t n = 0; n < kHouses; ++n) {
    float* x = houses.x.data<float>() + n * kFeatures;
    for (std::int64_t i = 0; i < kFeatures; ++i) x[i] = unit() * static_cast<float>(1 + i * i);
    houses.y.data<float>()[n] = 20 + 15 * x[0] - 5 * x[1] + x[2] * x[0] - 0.5F * x[3] + 2 * unit();
  }
  return houses;
}

/// Trains on one part; the mean absolute error on the other.
double error_after_training(fovea::Dataset train, fovea::Dataset test, int epochs) {
  fovea::StandardScaler scaler;
  train.x = scaler.fit_transform(train.x);
  test.x = scaler.transform(test.x);
  fovea::Model model(fovea::make_network("boston"), {.threads = 1, .seed = 1});
  model.compile({.optimizer = "adam", .loss = "mse", .metrics = {"mae"}});
  model.fit(train, {.epochs = epochs, .batch_size = 16, .verbose = 0});
  return model.evaluate(test).at("mae");
}

void estimate(const std::vector<std::string>& paths) {
  const fovea::Dataset houses =
      paths.empty() ? made_up_houses() : fovea::load_boston_housing(paths.front());
  const fovea::TrainTest parts = fovea::keras_split(houses);
  std::printf("%lld houses to train on, %lld to test\n", static_cast<long long>(parts.train.size()),
              static_cast<long long>(parts.test.size()));
  double mean = 0;
  for (std::int64_t n = 0; n < parts.test.size(); ++n) {
    mean += parts.test.y.item(n) / static_cast<double>(parts.test.size());
  }
  double worst = error_after_training(parts.train, parts.test, 60);
  std::printf("mean absolute error of prices around %.1f: %.2f\n", mean, worst);

  std::printf("in four folds:");
  for (const fovea::SplitIndices& fold :
       fovea::k_fold(houses.size(), {.folds = 4, .shuffle = true, .seed = 1})) {
    const double error = error_after_training(fovea::take_rows(houses, fold.train),
                                              fovea::take_rows(houses, fold.test), 30);
    std::printf(" %.2f", error);
    worst = std::max(worst, error);
  }
  std::printf("\nall below 3: %s\n", worst < 3 ? "yes" : "no");
}

}  // namespace

int main(int argc, char** argv) { return run_sample(argc, argv, estimate); }
