// Fovea inside a program in C: XOR and a small convolutional network, written down layer by layer,
// trained, saved, loaded and asked.
//
// Expected output:
//
//   x1 x2   xor
//    0  0   0.0
//    0  1   1.0
//    1  0   1.0
//    1  1   0.0
//   epoch 1: loss .....
//   epoch 2: loss .....
//   test accuracy 0...
//   loaded from embed_in_c.safetensors, it says the same: yes
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fovea/c_api.h"

// The program's own way to handle errors; the library leaves that to it.
static void check(fovea_status status) {
  if (status == FOVEA_OK) return;
  fprintf(stderr, "%s: %s\n", fovea_status_name(status), fovea_last_error());
  exit(1);
}

typedef struct Layer {
  const char* class_name;
  const char* config;
} Layer;

// A model of one layer after another, on one thread.
static fovea_model* make_chain(const int64_t* shape, int rank, const Layer* layers, size_t count) {
  const fovea_model_options options = {.struct_size = sizeof options, .threads = 1, .seed = 1};
  fovea_network_builder* builder = NULL;
  fovea_network* network = NULL;
  fovea_model* model = NULL;
  fovea_symbol first;
  fovea_symbol last;
  check(fovea_network_builder_new(&builder));
  check(fovea_network_builder_input(builder, shape, rank, FOVEA_F32, NULL, &first));
  last = first;
  for (size_t i = 0; i < count; ++i) {
    check(fovea_network_builder_layer(builder, layers[i].class_name, layers[i].config, &last, 1,
                                      &last));
  }
  check(fovea_network_builder_finish(builder, &first, 1, &last, 1, &network));
  check(fovea_model_new(network, &options, &model));
  fovea_network_free(network);
  fovea_network_builder_free(builder);
  return model;
}

static void learn_xor(void) {
  const Layer layers[] = {{"Dense", "{\"units\": 8, \"activation\": \"tanh\"}"},
                          {"Dense", "{\"units\": 1, \"activation\": \"sigmoid\"}"}};
  const int64_t x_shape[] = {4, 2};
  const int64_t y_shape[] = {4, 1};
  float inputs[] = {0, 0, 0, 1, 1, 0, 1, 1};
  float wanted[] = {0, 1, 1, 0};
  float answers[4];
  const fovea_compile_options compile = {.struct_size = sizeof compile,
                                         .optimizer = "adam",
                                         .learning_rate = 0.05,
                                         .loss = "binary_crossentropy"};
  const fovea_fit_options fit = {.struct_size = sizeof fit, .epochs = 200, .batch_size = 4};
  fovea_model* model = make_chain(&x_shape[1], 1, layers, 2);

  // Tensors over the program's own arrays: nothing is copied.
  fovea_tensor* x = NULL;
  fovea_tensor* y = NULL;
  fovea_tensor* out = NULL;
  check(fovea_tensor_wrap(inputs, x_shape, 2, FOVEA_F32, NULL, NULL, &x));
  check(fovea_tensor_wrap(wanted, y_shape, 2, FOVEA_F32, NULL, NULL, &y));
  check(fovea_tensor_wrap(answers, y_shape, 2, FOVEA_F32, NULL, NULL, &out));

  check(fovea_model_compile(model, &compile));
  check(fovea_model_fit(model, &x, 1, &y, 1, &fit, NULL));
  check(fovea_model_predict_into(model, &x, 1, 0, &out, 1));
  printf("x1 x2   xor\n");
  for (int i = 0; i < 4; ++i) {
    printf("%2.0f %2.0f %5.1f\n", inputs[2 * i], inputs[2 * i + 1], answers[i]);
  }

  fovea_tensor_free(out);
  fovea_tensor_free(y);
  fovea_tensor_free(x);
  fovea_model_free(model);
}

// A callback: shows the loss and, by its result, lets the training go on.
static int show_epoch(void* user_data, fovea_model* model, int epoch, const fovea_logs* logs) {
  (void)user_data;
  (void)model;
  printf("epoch %d: loss %.3f\n", epoch + 1, fovea_logs_get(logs, "loss"));
  return 0;
}

static void learn_pictures(const char* path) {
  const Layer layers[] = {
      {"Rescaling", "{\"scale\": 0.00392156862745098}"},
      {"Conv2D", "{\"filters\": 8, \"kernel_size\": 3, \"activation\": \"relu\"}"},
      {"MaxPooling2D", "{\"pool_size\": 2}"},
      {"Conv2D", "{\"filters\": 16, \"kernel_size\": 3, \"activation\": \"relu\"}"},
      {"GlobalMaxPooling2D", NULL},
      {"Dense", "{\"units\": 10, \"activation\": \"softmax\"}"},
  };
  const int64_t picture[] = {32, 32, 3};
  const char* metrics[] = {"accuracy"};
  const fovea_compile_options compile = {.struct_size = sizeof compile,
                                         .optimizer = "adam",
                                         .learning_rate = 0.01,
                                         .loss = "sparse_categorical_crossentropy",
                                         .metrics = metrics,
                                         .metric_count = 1};
  const fovea_callbacks callbacks = {.struct_size = sizeof callbacks, .on_epoch_end = show_epoch};
  const fovea_fit_options fit = {.struct_size = sizeof fit, .epochs = 2, .callbacks = &callbacks};
  fovea_dataset data;
  fovea_model* model = make_chain(picture, 3, layers, sizeof layers / sizeof layers[0]);
  fovea_model* loaded = NULL;
  fovea_logs* logs = NULL;
  fovea_tensor* before = NULL;
  fovea_tensor* after = NULL;

  check(fovea_make_synthetic(0, 2000, 300, &data));
  check(fovea_model_compile(model, &compile));
  check(fovea_model_fit(model, &data.train_x, 1, &data.train_y, 1, &fit, NULL));
  check(fovea_model_evaluate(model, &data.test_x, 1, &data.test_y, 1, 0, NULL, &logs));
  printf("test accuracy %.2f\n", fovea_logs_get(logs, "accuracy"));

  check(fovea_model_save(model, path));
  check(fovea_model_load(path, NULL, &loaded));
  check(fovea_model_predict(model, &data.test_x, 1, 0, &before, 1));
  check(fovea_model_predict(loaded, &data.test_x, 1, 0, &after, 1));
  const size_t bytes = (size_t)fovea_tensor_count(before) * sizeof(float);
  const int same =
      memcmp(fovea_tensor_const_data(before), fovea_tensor_const_data(after), bytes) == 0;
  printf("loaded from %s, it says the same: %s\n", path, same ? "yes" : "no");

  fovea_tensor_free(after);
  fovea_tensor_free(before);
  fovea_logs_free(logs);
  fovea_model_free(loaded);
  fovea_model_free(model);
  fovea_dataset_free(&data);
}

int main(void) {
  learn_xor();
  learn_pictures("embed_in_c.safetensors");
  remove("embed_in_c.safetensors");
  return 0;
}
