// Transfer learning: what a network learned about the digits 0 to 4 helps it with 5 to 9, of which
// it sees only ten. Its base is frozen, a new head is trained; beside it, the same network from
// scratch with the same ten pictures and epochs; the means of three trainings.
//
//   transfer_learning [folder with MNIST's four idx files]
//
// Without the folder it takes digits that are made up.
//
// Expected output:
//
//   base: test accuracy of 0 to 4 ....
//   head: 645 parameters to train, 14048 frozen
//   5 to 9 from .. pictures: .... with the frozen base, .... from scratch
//   the base helps: yes
#include <cstdio>

#include "digits.h"
#include "fovea/fovea.h"
#include "sample.h"

namespace {

constexpr int kFewPictures = 10;

/// The samples of the five classes from `first` on, relabelled from 0; at most `most` of them.
fovea::Dataset five_classes(const fovea::Dataset& digits, std::int32_t first, std::size_t most) {
  std::vector<std::int64_t> chosen;
  for (std::int64_t n = 0; n < digits.size() && chosen.size() < most; ++n) {
    const std::int32_t label = digits.y.data<std::int32_t>()[n];
    if (label >= first && label < first + 5) chosen.push_back(n);
  }
  fovea::Dataset result = fovea::take_rows(digits, chosen);
  for (std::int64_t n = 0; n < result.size(); ++n) result.y.data<std::int32_t>()[n] -= first;
  result.class_names.clear();
  return result;
}

/// The base's layers have names of their own, the head's name is given.
fovea::Network network(const std::string& head) {
  return fovea::Sequential{
      fovea::Input({28, 28, 1}),
      fovea::Rescaling(1.0 / 255),
      fovea::Conv2D(16, 3, {.strides = 2, .activation = "relu", .name = "base_conv1"}),
      fovea::Conv2D(32, 3, {.strides = 2, .activation = "relu", .name = "base_conv2"}),
      fovea::Conv2D(32, 3, {.strides = 2, .activation = "relu", .name = "base_conv3"}),
      fovea::Flatten(),
      fovea::Dense(5, {.activation = "softmax", .name = head}),
  };
}

fovea::Model compiled(const std::string& head, std::uint64_t seed) {
  fovea::Model model(network(head), {.threads = 1, .seed = seed});
  model.compile({.optimizer = fovea::Adam(0.003),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});
  return model;
}

std::int64_t count(const fovea::Model& model, bool frozen) {
  std::int64_t sum = 0;
  for (const std::string& path : model.weight_paths()) {
    if (model.frozen(path) == frozen) sum += model.weight(path).numel();
  }
  return sum;
}

void transfer(const std::vector<std::string>& paths) {
  const fovea::TrainTest digits = paths.empty()
                                      ? fovea::TrainTest{make_digits(4000, 1), make_digits(1000, 2)}
                                      : fovea::load_mnist(paths.front());

  const fovea::Dataset few = five_classes(digits.train, 5, kFewPictures);
  const fovea::Dataset test = five_classes(digits.test, 5, 10'000);
  const fovea::FitOptions budget = {.epochs = 30, .batch_size = kFewPictures, .verbose = 0};
  double with_base = 0, from_scratch = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    fovea::Model base = compiled("head_0_to_4", seed);
    base.fit(five_classes(digits.train, 0, 20'000), {.epochs = 3, .verbose = 0});

    fovea::Model tuned = compiled("head_5_to_9", seed);
    for (const std::string& path : base.weight_paths()) {
      if (path.rfind("base_", 0) == 0) tuned.set_weight(path, base.weight(path));
    }
    for (const char* layer : {"base_conv1", "base_conv2", "base_conv3"}) tuned.freeze(layer);
    tuned.fit(few, budget);
    with_base += tuned.evaluate(test).at("accuracy") / 3;

    fovea::Model scratch = compiled("head_5_to_9", seed);
    scratch.fit(few, budget);
    from_scratch += scratch.evaluate(test).at("accuracy") / 3;

    if (seed > 1) continue;
    std::printf("base: test accuracy of 0 to 4 %.2f\n",
                base.evaluate(five_classes(digits.test, 0, 10'000)).at("accuracy"));
    std::printf("head: %lld parameters to train, %lld frozen\n",
                static_cast<long long>(count(tuned, false)),
                static_cast<long long>(count(tuned, true)));
  }
  std::printf("5 to 9 from %d pictures: %.2f with the frozen base, %.2f from scratch\n",
              kFewPictures, with_base, from_scratch);
  std::printf("the base helps: %s\n", with_base > from_scratch ? "yes" : "no");
}

}  // namespace

int main(int argc, char** argv) { return run_sample(argc, argv, transfer); }
