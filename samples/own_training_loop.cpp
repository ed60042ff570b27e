// A training loop of one's own around train_on_batch(): the program shuffles, lets the learning
// rate decay, watches the validation loss, and stops when it no longer gets better. (fit() does all
// of this, too; here is how to do what fit() does not.)
//
// Expected output:
//
//   stopped after .. epochs, the best was epoch ..: yes
//   learning rate from 0.0100 down to 0.00..
//   validation accuracy 0..., above .9: yes
#include <algorithm>
#include <cstdio>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "fovea/fovea.h"

namespace {

using fovea::Tensor;

constexpr std::int64_t kBatchSize = 32;
constexpr int kMostEpochs = 60;
constexpr int kPatience = 3;
constexpr double kDecay = 0.95;

/// The rows of `from` with these indices.
template <class T>
Tensor gather(const Tensor& from, std::span<const std::int64_t> indices) {
  const std::int64_t row = from.shape().drop_front().numel();
  Tensor rows(from.shape().drop_front().prepend(std::ssize(indices)), from.dtype());
  for (std::size_t i = 0; i < indices.size(); ++i) {
    std::copy_n(from.data<T>() + indices[i] * row, row,
                rows.data<T>() + static_cast<std::int64_t>(i) * row);
  }
  return rows;
}

void train_one_epoch(fovea::Model& model, const fovea::Dataset& data, std::mt19937& random) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(data.size()));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  const std::span<const std::int64_t> all(order);
  for (std::size_t first = 0; first < order.size(); first += kBatchSize) {
    const auto batch = all.subspan(first, std::min<std::size_t>(kBatchSize, order.size() - first));
    model.train_on_batch({gather<float>(data.x, batch)}, {gather<std::int32_t>(data.y, batch)});
  }
}

std::map<std::string, Tensor> copy_weights(const fovea::Model& model) {
  std::map<std::string, Tensor> weights;
  for (const std::string& path : model.weight_paths()) weights[path] = model.weight(path);
  return weights;
}

}  // namespace

int main() {
  const fovea::Dataset all =
      fovea::make_classification({.n_samples = 600, .n_informative = 5, .class_sep = 1.5});
  const auto [train, validation] = all.split(0.25);

  fovea::Model model(fovea::Sequential{fovea::Input({20}), fovea::Dense(32, {.activation = "relu"}),
                                       fovea::Dense(2, {.activation = "softmax"})},
                     {.device = "cpu", .threads = 1, .seed = 1});
  model.compile({.optimizer = fovea::Adam(0.01),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});

  std::mt19937 random(1);
  double best_loss = std::numeric_limits<double>::infinity();
  int best_epoch = 0;
  int epoch = 0;
  std::map<std::string, Tensor> best_weights;
  const double first_rate = model.learning_rate();
  while (epoch < kMostEpochs && epoch - best_epoch < kPatience) {
    train_one_epoch(model, train, random);
    ++epoch;
    const double loss = model.evaluate(validation).at("loss");
    if (loss < best_loss) {
      best_loss = loss;
      best_epoch = epoch;
      best_weights = copy_weights(model);
    }
    model.set_learning_rate(kDecay * model.learning_rate());
  }
  for (const auto& [path, weight] : best_weights) model.set_weight(path, weight);

  const fovea::Logs logs = model.evaluate(validation);
  std::printf("stopped after %2d epochs, the best was epoch %2d: %s\n", epoch, best_epoch,
              epoch == best_epoch + kPatience ? "yes" : "no");
  std::printf("learning rate from %.4f down to %.4f\n", first_rate, model.learning_rate());
  std::printf("validation accuracy %.2f, above .9: %s\n", logs.at("accuracy"),
              logs.at("accuracy") > 0.9 ? "yes" : "no");
}
