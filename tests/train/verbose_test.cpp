// What fit(), evaluate() and predict() write with each verbosity, in the words of Keras.
#include <gtest/gtest.h>

#include <functional>
#include <regex>

#include "tests/support/expect_error.h"
#include "tests/train/small_data.h"

namespace fovea {
namespace {

using test::bright_channel;
using test::compiled_model;
using test::expect_error;
using test::small_cnn;

/// What `action` writes to standard output, its times as T and numbers of metrics as M.
std::string written_by(const std::function<void()>& action) {
  ::testing::internal::CaptureStdout();
  action();
  std::string text = ::testing::internal::GetCapturedStdout();
  text = std::regex_replace(text, std::regex("[0-9]+(s|ms|us)(/step)?"), "T$2");
  return std::regex_replace(text, std::regex(": [0-9.]+(e-[0-9]+)?"), ": M");
}

const std::string kBar = "━━━━━━━━━━━━━━━━━━━━";

TEST(Verbose, FitShowsAnEpochsAggregateInItsLastLine) {
  const auto fit = [](int verbose) {
    return written_by([=] {
      FitOptions options;
      options.epochs = 2;
      options.batch_size = 8;
      options.validation_split = 0.25;
      options.verbose = verbose;
      compiled_model(small_cnn()).fit(bright_channel(96), options);
    });
  };
  const std::string metrics = " - loss: M - accuracy: M - val_loss: M - val_accuracy: M\n";
  EXPECT_EQ(fit(0), "");
  EXPECT_EQ(fit(1), "Epoch 1/2\n9/9 " + kBar + " T T/step" + metrics +  //
                        "Epoch 2/2\n9/9 " + kBar + " T T/step" + metrics);
  EXPECT_EQ(fit(2), "Epoch 1/2\n9/9 - T - T/step" + metrics +  //
                        "Epoch 2/2\n9/9 - T - T/step" + metrics);
}

TEST(Verbose, EvaluateAndPredictShowABarToo) {
  Model model = compiled_model(small_cnn());
  const Dataset data = bright_channel(50);
  const auto evaluate = [&](int verbose) {
    return written_by([&] { model.evaluate(data, {.batch_size = 16, .verbose = verbose}); });
  };
  EXPECT_EQ(evaluate(0), "");
  EXPECT_EQ(evaluate(1), "4/4 " + kBar + " T T/step - loss: M - accuracy: M\n");
  EXPECT_EQ(evaluate(2), "4/4 - T - T/step - loss: M - accuracy: M\n");
  const auto predict = [&](int verbose) {
    return written_by([&] { model.predict(data.x, 16, verbose); });
  };
  EXPECT_EQ(predict(0), "");
  EXPECT_EQ(predict(1), "4/4 " + kBar + " T T/step\n");
  EXPECT_EQ(predict(2), "4/4 - T - T/step\n");
  expect_error(ErrorCode::invalid_argument, "verbose is 0",
               [&] { model.evaluate(data, {.verbose = 3}); });
}

}  // namespace
}  // namespace fovea
