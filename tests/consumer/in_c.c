/* A program of somebody else's in C99: a network of the zoo, trained, saved, loaded, asked. */
#include <fovea/c_api.h>
#include <stdio.h>
#include <stdlib.h>

static void check(fovea_status status) {
  if (status == FOVEA_OK) return;
  fprintf(stderr, "%s\n", fovea_last_error());
  exit(1);
}

int main(void) {
  enum { kCount = 60, kClasses = 3 };
  static float columns[kCount][4];
  static int32_t labels[kCount];
  float answers[kCount][kClasses];
  float again[kCount][kClasses];
  const int64_t x_shape[] = {kCount, 4};
  const int64_t y_shape[] = {kCount};
  const int64_t answer_shape[] = {kCount, kClasses};
  const fovea_compile_options compile = {.struct_size = sizeof compile,
                                         .optimizer = "adam",
                                         .learning_rate = 0.05,
                                         .loss = "sparse_categorical_crossentropy"};
  const fovea_fit_options fit = {.struct_size = sizeof fit, .epochs = 60, .batch_size = 20};
  const fovea_model_options options = {.struct_size = sizeof options, .device = "cpu"};
  fovea_network* network = NULL;
  fovea_model* model = NULL;
  fovea_model* loaded = NULL;
  fovea_tensor* x = NULL;
  fovea_tensor* y = NULL;
  fovea_tensor* out = NULL;
  int right = 0;

  for (int i = 0; i < kCount; ++i) {
    labels[i] = i % kClasses;
    for (int c = 0; c < 4; ++c)
      columns[i][c] = (c == labels[i] ? 1.0F : 0.0F) + 0.01F * (float)(i % 7);
  }
  check(fovea_tensor_wrap(columns, x_shape, 2, FOVEA_F32, NULL, NULL, &x));
  check(fovea_tensor_wrap(labels, y_shape, 1, FOVEA_I32, NULL, NULL, &y));

  check(fovea_network_from_zoo("iris_small", &network));
  check(fovea_model_new(network, &options, &model));
  check(fovea_model_compile(model, &compile));
  check(fovea_model_fit(model, &x, 1, &y, 1, &fit, NULL));
  check(fovea_tensor_wrap(answers, answer_shape, 2, FOVEA_F32, NULL, NULL, &out));
  check(fovea_model_predict_into(model, &x, 1, 0, &out, 1));
  fovea_tensor_free(out);

  check(fovea_model_save(model, "in_c.safetensors"));
  check(fovea_model_load("in_c.safetensors", &options, &loaded));
  check(fovea_tensor_wrap(again, answer_shape, 2, FOVEA_F32, NULL, NULL, &out));
  check(fovea_model_predict_into(loaded, &x, 1, 0, &out, 1));
  fovea_tensor_free(out);

  for (int i = 0; i < kCount; ++i) {
    int best = 0;
    for (int c = 0; c < kClasses; ++c) {
      if (answers[i][c] != again[i][c]) return 1;
      if (answers[i][c] > answers[i][best]) best = c;
    }
    right += best == labels[i];
  }
  printf("Fovea %s: %d of %d right\n", fovea_version(), right, kCount);

  fovea_tensor_free(x);
  fovea_tensor_free(y);
  fovea_model_free(loaded);
  fovea_model_free(model);
  fovea_network_free(network);
  return right > kCount * 9 / 10 ? 0 : 1;
}
