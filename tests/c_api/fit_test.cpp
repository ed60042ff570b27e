// Training by the C interface: compile, fit with callbacks, single batches, evaluation.
#include <array>
#include <cmath>

#include "tests/c_api/c_api_test_support.h"

namespace fovea::c_api {
namespace {

class CFit : public testing::Test {
 protected:
  CFit() {
    compile_.struct_size = sizeof compile_;
    compile_.loss = "sparse_categorical_crossentropy";
    fit_.struct_size = sizeof fit_;
    callbacks_.struct_size = sizeof callbacks_;
  }

  fovea_status fit(fovea_model* model, fovea_history** history = nullptr) {
    return fovea_model_fit(model, data_.x.list(), 1, data_.y.list(), 1, &fit_, history);
  }
  fovea_status train(fovea_model* model, fovea_logs** logs = nullptr) {
    return fovea_model_train_on_batch(model, data_.x.list(), 1, data_.y.list(), 1, nullptr, logs);
  }
  fovea_status evaluate(fovea_model* model, fovea_logs** logs) {
    return fovea_model_evaluate(model, data_.x.list(), 1, data_.y.list(), 1, 0, nullptr, logs);
  }

  TrainingData data_;
  fovea_compile_options compile_{};
  fovea_fit_options fit_{};
  fovea_callbacks callbacks_{};
};

// ---- compile ----

TEST_F(CFit, CompilesOptimizersByNameRateAndSettings) {
  const ModelHandle model = make_model("iris_small");
  double rate = 0;
  ASSERT_OK(fovea_model_compile(model, &compile_));  // adam
  ASSERT_OK(fovea_model_get_learning_rate(model, &rate));
  EXPECT_EQ(rate, 0.001);
  compile_.optimizer = "sgd";
  compile_.learning_rate = 0.25;
  compile_.optimizer_json = R"({"momentum": 0.5, "nesterov": true, "clip_value": 1})";
  ASSERT_OK(fovea_model_compile(model, &compile_));
  ASSERT_OK(fovea_model_get_learning_rate(model, &rate));
  EXPECT_EQ(rate, 0.25);
  compile_.optimizer_json = R"({"learning_rate": 0.125})";
  ASSERT_OK(fovea_model_compile(model, &compile_));
  ASSERT_OK(fovea_model_get_learning_rate(model, &rate));
  EXPECT_EQ(rate, 0.125);
  ASSERT_OK(fovea_model_set_learning_rate(model, 0.5));
  ASSERT_OK(fovea_model_get_learning_rate(model, &rate));
  EXPECT_EQ(rate, 0.5);

  expect_invalid(fovea_model_set_learning_rate(model, -1), "-1");
  expect_invalid(fovea_model_set_learning_rate(nullptr, 1), "a fovea_model is NULL");
  expect_invalid(fovea_model_get_learning_rate(model, nullptr), "'out' is NULL");
  expect_invalid(fovea_model_get_learning_rate(nullptr, &rate), "a fovea_model is NULL");
}

TEST_F(CFit, AnOptimizersSettingsReachIt) {
  const ModelHandle plain = make_model("iris_small");
  const ModelHandle decaying = make_model("iris_small");
  compile_.optimizer = "sgd";
  ASSERT_OK(fovea_model_compile(plain, &compile_));
  compile_.optimizer_json = R"({"weight_decay": 0.5})";
  ASSERT_OK(fovea_model_compile(decaying, &compile_));
  ASSERT_OK(train(plain));
  ASSERT_OK(train(decaying));
  EXPECT_NE(weights_of(plain), weights_of(decaying));
}

TEST_F(CFit, RefusesToCompileWhatDoesNotExist) {
  const ModelHandle model = make_model("iris_small");
  compile_.optimizer = "adma";
  expect_invalid(fovea_model_compile(model, &compile_), "adam");
  compile_.optimizer = "adam";
  compile_.optimizer_json = R"({"momentum": 0.5})";
  expect_invalid(fovea_model_compile(model, &compile_), "beta1");
  compile_.optimizer_json = "[1]";
  expect_invalid(fovea_model_compile(model, &compile_), "optimizer_json is an object");
  compile_.optimizer_json = "{";
  expect_failure(fovea_model_compile(model, &compile_), FOVEA_ERROR_PARSE, "optimizer_json");
  compile_.optimizer_json = nullptr;
  compile_.loss = "anger";
  expect_invalid(fovea_model_compile(model, &compile_), "anger");
  compile_.loss = nullptr;
  expect_invalid(fovea_model_compile(model, &compile_), "has no loss");
  compile_.loss = "sparse_categorical_crossentropy";
  compile_.metric_count = 1;
  expect_invalid(fovea_model_compile(model, &compile_), "'metrics' is NULL");
  const std::array<const char*, 1> no_text = {nullptr};
  compile_.metrics = no_text.data();
  expect_invalid(fovea_model_compile(model, &compile_), "'metrics' is NULL");
  compile_.struct_size = 0;
  expect_invalid(fovea_model_compile(model, &compile_), "struct_size");
  expect_invalid(fovea_model_compile(nullptr, nullptr), "a fovea_model is NULL");
}

TEST_F(CFit, EachOutputMayHaveALossOfItsOwn) {
  NetworkHandle network = make_network("iris_small");
  const std::string name = fovea_network_output_name(network, 0);
  const ModelHandle model = make_model("iris_small");
  const std::array<const char*, 1> metrics = {"accuracy"};
  fovea_output_loss output{};
  output.struct_size = sizeof output;
  output.output = name.c_str();
  output.loss = "sparse_categorical_crossentropy";
  output.weight = 2;
  output.metrics = metrics.data();
  output.metric_count = 1;
  compile_.loss = nullptr;
  compile_.outputs = &output;
  compile_.output_count = 1;
  ASSERT_OK(fovea_model_compile(model, &compile_));
  LogsHandle logs;
  ASSERT_OK(evaluate(model, logs.out()));
  LogsHandle plain;
  ASSERT_OK(evaluate(make_classifier(), plain.out()));
  EXPECT_NEAR(fovea_logs_get(logs, "loss"), 2 * fovea_logs_get(plain, "loss"), 1e-6);

  output.output = "no_output";
  expect_invalid(fovea_model_compile(model, &compile_), "no output 'no_output'");
  output.output = nullptr;
  expect_invalid(fovea_model_compile(model, &compile_), "'output' is NULL");
  compile_.outputs = nullptr;
  expect_invalid(fovea_model_compile(model, &compile_), "'outputs' is NULL");
}

// ---- fit ----

TEST_F(CFit, GivesAHistory) {
  const ModelHandle model = make_classifier();
  fit_.epochs = 3;
  fit_.validation_split = 0.25;
  HistoryHandle history;
  testing::internal::CaptureStdout();
  ASSERT_OK(fit(model, history.out()));
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  ASSERT_EQ(fovea_history_count(history), 3U);
  EXPECT_EQ(fovea_history_stopped(history), 0);
  EXPECT_EQ(fovea_history_samples_per_second(history), 0);  // of less than eleven steps
  const fovea_logs* logs = fovea_history_logs(history, 2);
  ASSERT_EQ(fovea_logs_count(logs), 4U);
  EXPECT_STREQ(fovea_logs_name(logs, 0), "loss");
  EXPECT_STREQ(fovea_logs_name(logs, 3), "val_accuracy");
  EXPECT_EQ(fovea_logs_value(logs, 0), fovea_logs_get(logs, "loss"));
  EXPECT_LT(fovea_logs_get(logs, "loss"), fovea_logs_get(fovea_history_logs(history, 0), "loss"));

  EXPECT_TRUE(std::isnan(fovea_logs_get(logs, "los")));
  expect_error("val_loss");
  EXPECT_TRUE(std::isnan(fovea_logs_get(logs, nullptr)));
  EXPECT_TRUE(std::isnan(fovea_logs_value(logs, 4)));
  EXPECT_EQ(fovea_logs_name(logs, 4), nullptr);
  EXPECT_EQ(fovea_logs_count(nullptr), 0U);
  EXPECT_EQ(fovea_history_logs(history, 3), nullptr);
  EXPECT_EQ(fovea_history_count(nullptr), 0U);
  EXPECT_EQ(fovea_history_stopped(nullptr), 0);
  EXPECT_TRUE(std::isnan(fovea_history_samples_per_second(nullptr)));
}

TEST_F(CFit, VerboseOnesAreHeard) {
  fit_.verbose = 2;
  testing::internal::CaptureStdout();
  ASSERT_OK(fit(make_classifier()));
  EXPECT_NE(testing::internal::GetCapturedStdout().find("loss"), std::string::npos);
  fit_.verbose = 3;
  expect_invalid(fit(make_classifier()), "verbose");
}

TEST_F(CFit, OptionsReachTheTraining) {
  const auto weights_with = [&] {
    const ModelHandle model = make_classifier();
    EXPECT_OK(fit(model));
    return weights_of(model);
  };
  const std::vector<float> plain = weights_with();
  EXPECT_EQ(weights_with(), plain);
  fit_.keep_order = 1;
  EXPECT_NE(weights_with(), plain);
  fit_.keep_order = 0;
  fit_.batch_size = 16;
  EXPECT_NE(weights_with(), plain);
  fit_.batch_size = 0;
  fit_.accumulate_steps = 2;
  EXPECT_NE(weights_with(), plain);
  fit_.accumulate_steps = 0;
  const TensorHandle weights = make_tensor({60}, noise(60, 7));
  fit_.sample_weight = weights;
  EXPECT_NE(weights_with(), plain);
}

TEST_F(CFit, ValidatesOnDataOfItsOwn) {
  const ModelHandle model = make_classifier();
  const TensorHandle x = make_tensor({9, 4}, noise(36, 3));
  const TensorHandle y = make_tensor({9}, labels(9, 3));
  const TensorHandle weight = make_tensor({9}, std::vector<float>(9, 2));
  fit_.validation_x = x;
  fit_.validation_y = y;
  fit_.validation_sample_weight = weight;
  HistoryHandle history;
  ASSERT_OK(fit(model, history.out()));
  LogsHandle logs;
  ASSERT_OK(fovea_model_evaluate(model, x.list(), 1, y.list(), 1, 0, weight, logs.out()));
  EXPECT_EQ(fovea_logs_get(fovea_history_logs(history, 0), "val_loss"),
            fovea_logs_get(logs, "loss"));
  fit_.validation_y = nullptr;
  expect_invalid(fit(model), "both of validation_x and validation_y");
}

TEST_F(CFit, RefusesWhatDoesNotFit) {
  const ModelHandle model = make_classifier();
  fit_.epochs = -1;
  expect_invalid(fit(model), "epochs");
  fit_.epochs = 1;
  expect_invalid(fovea_model_fit(model, data_.x.list(), 1, nullptr, 0, &fit_, nullptr),
                 "0 targets were given");
  const TensorHandle few = make_tensor({5}, labels(5, 3));
  expect_failure(fovea_model_fit(model, data_.x.list(), 1, few.list(), 1, &fit_, nullptr),
                 FOVEA_ERROR_SHAPE_MISMATCH, "5 samples");
  expect_invalid(fit(make_model("iris_small")), "compile()");
  EXPECT_OK(fit(model));  // no failure leaves anything behind
  expect_invalid(fit(nullptr), "a fovea_model is NULL");
  std::vector<float> not_finite(240, NAN);
  const TensorHandle nan = make_tensor({60, 4}, not_finite);
  expect_failure(fovea_model_fit(model, nan.list(), 1, data_.y.list(), 1, nullptr, nullptr),
                 FOVEA_ERROR_NUMERIC, "dense");
}

// ---- Callbacks ----

/// What was called, and what to answer.
struct Recorder {
  std::string events;
  std::vector<double> losses;
  fovea_model* model = nullptr;
  int stop_at_epoch_begin = -1;
  int stop_at_batch = -1;
  int stop_at_epoch_end = -1;
  bool stop_by_call = false;
};

int note_epoch_begin(void* user_data, fovea_model* model, int epoch) {
  auto& recorder = *static_cast<Recorder*>(user_data);
  recorder.model = model;
  recorder.events += "begin" + std::to_string(epoch) + " ";
  return epoch == recorder.stop_at_epoch_begin ? 1 : 0;
}

int note_batch_end(void* user_data, fovea_model* model, int epoch, std::int64_t batch,
                   const fovea_logs* logs) {
  auto& recorder = *static_cast<Recorder*>(user_data);
  recorder.events += std::to_string(epoch) + "." + std::to_string(batch) + " ";
  recorder.losses.push_back(fovea_logs_get(logs, "loss"));
  if (recorder.stop_by_call && batch == 1) {
    EXPECT_OK(fovea_model_stop_training(model));
  }
  return batch == recorder.stop_at_batch ? 1 : 0;
}

int note_epoch_end(void* user_data, fovea_model* /*model*/, int epoch, const fovea_logs* logs) {
  auto& recorder = *static_cast<Recorder*>(user_data);
  recorder.events +=
      "end" + std::to_string(epoch) + ":" + std::to_string(fovea_logs_count(logs)) + " ";
  return epoch == recorder.stop_at_epoch_end ? -7 : 0;
}

class CCallbacks : public CFit {
 protected:
  CCallbacks() {
    callbacks_.user_data = &recorder_;
    callbacks_.on_epoch_begin = note_epoch_begin;
    callbacks_.on_batch_end = note_batch_end;
    callbacks_.on_epoch_end = note_epoch_end;
    fit_.callbacks = &callbacks_;
    fit_.epochs = 2;
  }
  bool fit_stopped() {
    HistoryHandle history;
    EXPECT_OK(fit(model_, history.out()));
    return fovea_history_stopped(history) == 1;
  }

  Recorder recorder_;
  ModelHandle model_ = make_classifier();
};

TEST_F(CCallbacks, AreCalledInOrder) {
  EXPECT_FALSE(fit_stopped());
  EXPECT_EQ(recorder_.events, "begin0 0.0 0.1 end0:2 begin1 1.0 1.1 end1:2 ");
  EXPECT_EQ(recorder_.model, static_cast<fovea_model*>(model_));
  EXPECT_GT(recorder_.losses.at(0), 0);
}

TEST_F(CCallbacks, MayAllBeMissing) {
  callbacks_ = {};
  callbacks_.struct_size = sizeof callbacks_;
  EXPECT_FALSE(fit_stopped());
  callbacks_.struct_size = 0;
  expect_invalid(fit(model_), "struct_size");
}

TEST_F(CCallbacks, StopWhereAnEpochBegins) {
  recorder_.stop_at_epoch_begin = 1;
  EXPECT_TRUE(fit_stopped());
  EXPECT_EQ(recorder_.events, "begin0 0.0 0.1 end0:2 begin1 1.0 ");
}

TEST_F(CCallbacks, StopAfterABatch) {
  recorder_.stop_at_batch = 0;
  EXPECT_TRUE(fit_stopped());
  EXPECT_EQ(recorder_.events, "begin0 0.0 ");
}

TEST_F(CCallbacks, StopByTheFunction) {
  recorder_.stop_by_call = true;
  EXPECT_TRUE(fit_stopped());
  EXPECT_EQ(recorder_.events, "begin0 0.0 0.1 ");
  expect_invalid(fovea_model_stop_training(nullptr), "a fovea_model is NULL");
}

TEST_F(CCallbacks, StopAfterAnEpoch) {
  recorder_.stop_at_epoch_end = 0;
  EXPECT_TRUE(fit_stopped());
  EXPECT_EQ(recorder_.events, "begin0 0.0 0.1 end0:2 ");
}

int halve_rate(void* /*user_data*/, fovea_model* model, int epoch) {
  double rate = 0;
  EXPECT_OK(fovea_model_get_learning_rate(model, &rate));
  EXPECT_OK(fovea_model_set_learning_rate(model, epoch > 0 ? rate / 2 : rate));
  return 0;
}

TEST_F(CCallbacks, MaySetTheLearningRate) {
  callbacks_ = {};
  callbacks_.struct_size = sizeof callbacks_;
  callbacks_.on_epoch_begin = halve_rate;
  fit_.epochs = 3;
  EXPECT_FALSE(fit_stopped());
  double rate = 0;
  ASSERT_OK(fovea_model_get_learning_rate(model_, &rate));
  EXPECT_EQ(rate, 0.01 / 4);
}

/// All that a program might do in the middle of a training.
int meddle(void* user_data, fovea_model* model, int /*epoch*/, std::int64_t batch,
           const fovea_logs* /*logs*/) {
  auto& data = *static_cast<TrainingData*>(user_data);
  const auto* x = data.x.list();
  const auto* y = data.y.list();
  LogsHandle logs;
  TensorHandle output;
  EXPECT_OK(fovea_model_evaluate(model, x, 1, y, 1, 0, nullptr, logs.out()));
  EXPECT_OK(fovea_model_predict(model, x, 1, 0, output.out(), 1));
  EXPECT_OK(fovea_model_train_on_batch(model, x, 1, y, 1, nullptr, nullptr));
  EXPECT_OK((batch % 2 == 0 ? fovea_model_freeze : fovea_model_unfreeze)(model, "dense"));
  expect_invalid(fovea_model_fit(model, x, 1, y, 1, nullptr, nullptr), "a callback cannot call");
  fovea_model_free(model);
  expect_error("a callback cannot free");
  return 0;
}

TEST_F(CCallbacks, MayUseTheModelButNotFreeIt) {
  callbacks_ = {};
  callbacks_.struct_size = sizeof callbacks_;
  callbacks_.on_batch_end = meddle;
  callbacks_.user_data = &data_;
  EXPECT_FALSE(fit_stopped());
  EXPECT_OK(fit(model_));  // it is as usable as before
}

// ---- Single batches and evaluation ----

TEST_F(CFit, TrainsOnSingleBatches) {
  const ModelHandle model = make_classifier();
  LogsHandle first;
  ASSERT_OK(train(model, first.out()));
  for (int step = 0; step < 50; ++step) ASSERT_OK(train(model));
  LogsHandle last;
  ASSERT_OK(train(model, last.out()));
  EXPECT_LT(fovea_logs_get(last, "loss"), fovea_logs_get(first, "loss"));
  const TensorHandle none_counts = make_tensor({60}, std::vector<float>(60, 0));
  LogsHandle weighted;
  ASSERT_OK(fovea_model_train_on_batch(model, data_.x.list(), 1, data_.y.list(), 1, none_counts,
                                       weighted.out()));
  EXPECT_EQ(fovea_logs_get(weighted, "loss"), 0);

  expect_invalid(train(make_model("iris_small")), "compile()");
  expect_invalid(train(nullptr), "a fovea_model is NULL");
}

TEST_F(CFit, EvaluatesInBatchesOfAnySize) {
  const ModelHandle model = make_classifier();
  LogsHandle logs;
  ASSERT_OK(evaluate(model, logs.out()));
  LogsHandle small;
  ASSERT_OK(
      fovea_model_evaluate(model, data_.x.list(), 1, data_.y.list(), 1, 7, nullptr, small.out()));
  EXPECT_NEAR(fovea_logs_get(logs, "loss"), fovea_logs_get(small, "loss"), 1e-6);
  EXPECT_EQ(fovea_logs_get(logs, "accuracy"), fovea_logs_get(small, "accuracy"));

  expect_invalid(
      fovea_model_evaluate(model, data_.x.list(), 1, data_.y.list(), 1, -1, nullptr, logs.out()),
      "batch size");
  expect_invalid(evaluate(model, nullptr), "'out' is NULL");
  expect_invalid(evaluate(nullptr, logs.out()), "a fovea_model is NULL");
}

}  // namespace
}  // namespace fovea::c_api
