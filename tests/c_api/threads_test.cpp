// The thread rules of the C interface.
#include <functional>
#include <thread>

#include "tests/c_api/c_api_test_support.h"

namespace fovea::c_api {
namespace {

void in_threads(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < count; ++t) threads.emplace_back(work, t);
  for (std::thread& thread : threads) thread.join();
}

TEST(CThreads, OneModelPredictsInManyWithTheSameBits) {
  constexpr std::size_t kThreads = 8;
  const ModelHandle model = make_model("cifar10_cnn");
  const auto predict = [&](std::size_t t) {
    const auto rows = static_cast<std::int64_t>(1 + t % 3);  // several plans at once
    std::vector<float> pixels =
        noise(static_cast<std::size_t>(rows) * 3072, static_cast<std::uint32_t>(t + 1));
    const TensorHandle x = make_tensor({rows, 32, 32, 3}, pixels);
    TensorHandle output;
    EXPECT_OK(fovea_model_predict(model, x.list(), 1, 0, output.out(), 1));
    return values_of(output);
  };
  // Nothing was predicted before: the plans are made by whoever comes first, too.
  std::vector<std::vector<std::vector<float>>> seen(kThreads);
  in_threads(kThreads, [&](std::size_t t) {
    for (int call = 0; call < 10; ++call) seen[t].push_back(predict(t));
  });
  for (std::size_t t = 0; t < kThreads; ++t) {
    const std::vector<float> alone = predict(t);
    for (const std::vector<float>& outputs : seen[t]) EXPECT_EQ(outputs, alone);
  }
}

TEST(CThreads, DifferentModelsTrainAtOnceAsAlone) {
  constexpr std::size_t kModels = 4;
  const auto train = [](std::size_t m) {
    const ModelHandle model = make_classifier(m + 1, "mnist_mlp128_dropout");
    const TensorHandle x = make_tensor({64, 28, 28, 1}, noise(64 * 784));
    const TensorHandle y = make_tensor({64}, labels(64, 10));
    fovea_fit_options options{};
    options.struct_size = sizeof options;
    options.epochs = 3;
    EXPECT_OK(fovea_model_fit(model, x.list(), 1, y.list(), 1, &options, nullptr));
    return weights_of(model);
  };
  std::vector<std::vector<float>> together(kModels);
  in_threads(kModels, [&](std::size_t m) { together[m] = train(m); });
  for (std::size_t m = 0; m < kModels; ++m) EXPECT_EQ(together[m], train(m));
}

TEST(CThreads, EachHasItsOwnLastError) {
  std::vector<std::string> messages(4);
  in_threads(messages.size(), [&](std::size_t t) {
    const std::string name = "network" + std::to_string(t);
    fovea_network* network = nullptr;
    for (int i = 0; i < 50; ++i) fovea_network_from_zoo(name.c_str(), &network);
    messages[t] = fovea_last_error();
  });
  for (std::size_t t = 0; t < messages.size(); ++t) {
    EXPECT_NE(messages[t].find("'network" + std::to_string(t) + "'"), std::string::npos)
        << messages[t];
  }
}

}  // namespace
}  // namespace fovea::c_api
