/* A program in C99 that uses the header alone: it trains, is stopped by its callback, saves, loads
   and predicts into memory of its own. Compiled with -pedantic -Werror. */
#include "fovea/c_api.h"

#include <stdio.h>

static int stop_after_second(void* user_data, fovea_model* model, int epoch,
                             const fovea_logs* logs) {
  (void)model;
  *(double*)user_data = fovea_logs_get(logs, "loss");
  return epoch == 1;
}

static fovea_status train(fovea_model* model, fovea_tensor* x, fovea_tensor* y, size_t* epochs) {
  const char* metrics[] = {"binary_accuracy"};
  double loss = -1;
  fovea_history* history = NULL;
  fovea_status status;
  const fovea_compile_options compile = {.struct_size = sizeof compile,
                                         .optimizer = "sgd",
                                         .learning_rate = 0.5,
                                         .loss = "binary_crossentropy",
                                         .metrics = metrics,
                                         .metric_count = 1};
  const fovea_callbacks callbacks = {
      .struct_size = sizeof callbacks, .user_data = &loss, .on_epoch_end = stop_after_second};
  const fovea_fit_options fit = {
      .struct_size = sizeof fit, .epochs = 10, .batch_size = 4, .callbacks = &callbacks};
  status = fovea_model_compile(model, &compile);
  if (status == FOVEA_OK) status = fovea_model_fit(model, &x, 1, &y, 1, &fit, &history);
  *epochs = fovea_history_count(history);
  fovea_history_free(history);
  if (status == FOVEA_OK && loss <= 0) status = FOVEA_ERROR_INTERNAL;
  return status;
}

/* Returns 0, or the number of the step that failed. */
int use_header_in_c99(const char* path);

int use_header_in_c99(const char* path) {
  static float pixels[4 * 20] = {0};
  float answers[4] = {-1, -1, -1, -1};
  const float wanted[4] = {0, 1, 1, 0};
  const int64_t x_shape[] = {4, 20};
  const int64_t y_shape[] = {4, 1};
  fovea_network* network = NULL;
  fovea_model* model = NULL;
  fovea_model* loaded = NULL;
  fovea_tensor* x = NULL;
  fovea_tensor* y = NULL;
  fovea_tensor* out = NULL;
  size_t epochs = 0;
  int failed = 0;
  int i;
  for (i = 0; i < 4; ++i) pixels[20 * i + i] = 1;

  if (fovea_network_from_zoo("binary_small", &network)) failed = 1;
  if (!failed && fovea_model_new(network, NULL, &model)) failed = 2;
  if (!failed && fovea_tensor_wrap(pixels, x_shape, 2, FOVEA_F32, NULL, NULL, &x)) failed = 3;
  if (!failed && fovea_tensor_copy(wanted, y_shape, 2, FOVEA_F32, &y)) failed = 4;
  if (!failed && (train(model, x, y, &epochs) || epochs != 2)) failed = 5;
  if (!failed && fovea_model_save(model, path)) failed = 6;
  if (!failed && fovea_model_load(path, NULL, &loaded)) failed = 7;
  if (!failed && fovea_tensor_wrap(answers, y_shape, 2, FOVEA_F32, NULL, NULL, &out)) failed = 8;
  if (!failed && fovea_model_predict_into(loaded, &x, 1, 0, &out, 1)) failed = 9;
  for (i = 0; i < 4; ++i) {
    if (!failed && !(answers[i] > 0 && answers[i] < 1)) failed = 10;
  }
  if (!failed && fovea_model_predict(loaded, &y, 1, 0, &out, 1) == FOVEA_OK) failed = 11;

  fovea_tensor_free(out);
  fovea_tensor_free(y);
  fovea_tensor_free(x);
  fovea_model_free(loaded);
  fovea_model_free(model);
  fovea_network_free(network);
  return failed;
}
