// The C interface of Fovea, for C99 and everything that can call C.
//
//   fovea_network* network = NULL;
//   fovea_model* model = NULL;
//   fovea_compile_options compile = {.struct_size = sizeof compile, .loss = "mean_squared_error"};
//   fovea_fit_options fit = {.struct_size = sizeof fit, .epochs = 5};
//   if (fovea_network_from_zoo("lenet5", &network) || fovea_model_new(network, NULL, &model) ||
//       fovea_model_compile(model, &compile) ||
//       fovea_model_fit(model, &x, 1, &y, 1, &fit, NULL)) {
//     fprintf(stderr, "%s\n", fovea_last_error());
//   }
//   fovea_model_free(model);
//   fovea_network_free(network);
//
// ERRORS. What can fail returns a status: FOVEA_OK is 0, all others say what kind of mistake it
// was, and fovea_last_error() says in words which, where, and what to do. Functions that only look
// something up return it themselves and, for a handle or an index that is wrong, NULL, 0 or -1
// (NaN for doubles), with the same message. NULL, a handle of another type and, as far as that can
// be seen, one that was freed are FOVEA_ERROR_INVALID_ARGUMENT. Nothing here ends the process,
// throws, or prints unasked. After an error, results (*out) are as they were.
//
// OWNERSHIP. What a function hands out through its last parameter is the caller's, to be freed by
// the function named after its type: fovea_tensor by fovea_tensor_free, a char* by
// fovea_string_free. Freeing NULL does nothing. Const pointers that functions return belong to the
// handle that was asked and live as long as it; those given to callbacks, as long as the call. What
// is given to a function stays the caller's: the library copies it, or shares the memory until it
// needs it no more. So handles can be freed in any order.
//
// OPTIONS are structs whose every member may be zero, which means the default. Set struct_size to
// sizeof, so that programs and libraries of different ages understand each other: members are only
// ever added at the end. Where options are a pointer, NULL means defaults, too.
//
// THREADS. Any number of threads may predict with one model at once, while nothing else is done
// with it. All else with one model is for one thread at a time. Different models are independent
// of each other: they may train in parallel. A tensor may be read by many threads while nobody
// writes to it. Callbacks run in the thread that called fovea_model_fit. The last error is kept for
// each thread by itself.
//
// TEXT is UTF-8 and ends in 0.
#pragma once

#include <stddef.h>  // NOLINT(modernize-deprecated-headers)
#include <stdint.h>  // NOLINT(modernize-deprecated-headers)

#include "fovea/export.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- Status ----

typedef int32_t fovea_status;
enum {
  FOVEA_OK = 0,
  FOVEA_ERROR_INVALID_ARGUMENT = 1,
  FOVEA_ERROR_SHAPE_MISMATCH = 2,
  FOVEA_ERROR_UNSUPPORTED = 3,
  FOVEA_ERROR_OUT_OF_MEMORY = 4,
  FOVEA_ERROR_DEVICE_LOST = 5,
  FOVEA_ERROR_CUDA = 6,
  FOVEA_ERROR_CUDNN = 7,
  FOVEA_ERROR_IO = 8,
  FOVEA_ERROR_PARSE = 9,
  FOVEA_ERROR_NUMERIC = 10,  // a NaN or an infinity where a number was expected
  FOVEA_ERROR_INTERRUPTED = 11,
  FOVEA_ERROR_INTERNAL = 12
};

/// "ok", "invalid_argument" and so on; "unknown" for any other number.
FOVEA_API const char* fovea_status_name(fovea_status status);
/// What went wrong last in this thread; "" if nothing did. Successful calls leave it alone. Valid
/// until the next call in this thread that fails.
FOVEA_API const char* fovea_last_error(void);
/// The library's version, such as "0.1.0".
FOVEA_API const char* fovea_version(void);
FOVEA_API void fovea_string_free(char* text);

// ---- Devices: a device is known by its name, "cpu" or "cuda:0" ----

typedef struct fovea_device_list fovea_device_list;

/// Every kind of device that the library knows, and what was found of each.
FOVEA_API fovea_status fovea_device_list_new(fovea_device_list** out);
FOVEA_API void fovea_device_list_free(fovea_device_list* list);
FOVEA_API size_t fovea_device_list_count(const fovea_device_list* list);
FOVEA_API const char* fovea_device_list_name(const fovea_device_list* list, size_t index);
/// What was found, or why it is not used.
FOVEA_API const char* fovea_device_list_detail(const fovea_device_list* list, size_t index);
FOVEA_API int fovea_device_list_available(const fovea_device_list* list, size_t index);

// ---- Tensors: numbers in host memory, row by row without gaps, the first axis the samples ----

typedef int32_t fovea_dtype;
enum {
  FOVEA_F32 = 0,
  FOVEA_F64 = 1,
  FOVEA_F16 = 2,
  FOVEA_BF16 = 3,
  FOVEA_I32 = 4,
  FOVEA_I64 = 5,
  FOVEA_U8 = 6
};

/// The most axes that a tensor has.
enum { FOVEA_MAX_RANK = 8 };

typedef struct fovea_tensor fovea_tensor;

/// Called once, when nobody uses the memory any more: perhaps later than the tensor is freed, and
/// in another thread.
typedef void (*fovea_deleter)(void* user_data);

/// A tensor of zeros in memory of its own, 64-byte aligned. `shape` has `rank` sizes, and may be
/// NULL for rank 0, a single number. Pictures are (N, height, width, channels).
FOVEA_API fovea_status fovea_tensor_zeros(const int64_t* shape, int rank, fovea_dtype dtype,
                                          fovea_tensor** out);
/// The same with a copy of the numbers at `data`.
FOVEA_API fovea_status fovea_tensor_copy(const void* data, const int64_t* shape, int rank,
                                         fovea_dtype dtype, fovea_tensor** out);
/// A tensor over the caller's memory, of which nothing is copied: it must live until `deleter` is
/// called or, where that is NULL, until every tensor over it is freed. After an error `deleter`
/// will not be called. `data` must be aligned as the type of its numbers wants.
FOVEA_API fovea_status fovea_tensor_wrap(void* data, const int64_t* shape, int rank,
                                         fovea_dtype dtype, fovea_deleter deleter, void* user_data,
                                         fovea_tensor** out);
/// The same over memory that must not be written to.
FOVEA_API fovea_status fovea_tensor_wrap_const(const void* data, const int64_t* shape, int rank,
                                               fovea_dtype dtype, fovea_deleter deleter,
                                               void* user_data, fovea_tensor** out);
/// Another type of number; where nothing changes, a second handle to the same memory.
FOVEA_API fovea_status fovea_tensor_convert(const fovea_tensor* tensor, fovea_dtype dtype,
                                            fovea_tensor** out);
FOVEA_API void fovea_tensor_free(fovea_tensor* tensor);

FOVEA_API int fovea_tensor_rank(const fovea_tensor* tensor);
/// As many sizes as the rank.
FOVEA_API const int64_t* fovea_tensor_shape(const fovea_tensor* tensor);
FOVEA_API fovea_dtype fovea_tensor_dtype(const fovea_tensor* tensor);
/// Numbers, not bytes; -1 for a wrong handle.
FOVEA_API int64_t fovea_tensor_count(const fovea_tensor* tensor);
/// To write to; NULL for read-only memory.
FOVEA_API void* fovea_tensor_data(fovea_tensor* tensor);
FOVEA_API const void* fovea_tensor_const_data(const fovea_tensor* tensor);

// DLPack, by which NumPy, PyTorch, JAX and others hand tensors to each other. The structs are those
// of dlpack.h, which this header does not need.

struct DLManagedTensor;
struct DLManagedTensorVersioned;

/// A DLPack tensor over the same memory, to be freed by its own deleter. The plain one cannot say
/// that memory is read-only, and is FOVEA_ERROR_UNSUPPORTED for such; the versioned one can.
FOVEA_API fovea_status fovea_tensor_to_dlpack(const fovea_tensor* tensor,
                                              struct DLManagedTensor** out);
FOVEA_API fovea_status fovea_tensor_to_dlpack_versioned(const fovea_tensor* tensor,
                                                        struct DLManagedTensorVersioned** out);
/// A tensor over the memory of a DLPack tensor of the CPU, whose deleter is called when it is no
/// more needed. Numbers with gaps between them (strides) are copied, and the deleter is called at
/// once. After an error the DLPack tensor is still the caller's.
FOVEA_API fovea_status fovea_tensor_from_dlpack(struct DLManagedTensor* managed,
                                                fovea_tensor** out);
FOVEA_API fovea_status fovea_tensor_from_dlpack_versioned(struct DLManagedTensorVersioned* managed,
                                                          fovea_tensor** out);

// ---- Data sets ----

/// Four tensors, the caller's. Pictures are (N, height, width, channels) u8, labels (N,) i32.
typedef struct fovea_dataset {
  fovea_tensor* train_x;
  fovea_tensor* train_y;
  fovea_tensor* test_x;
  fovea_tensor* test_y;
} fovea_dataset;

/// CIFAR-10's binary version: data_batch_1.bin and so on, in one folder.
FOVEA_API fovea_status fovea_load_cifar10(const char* folder, fovea_dataset* out);
/// MNIST's four idx files (or Fashion-MNIST's), plain or with .gz, in one folder.
FOVEA_API fovea_status fovea_load_mnist(const char* folder, fovea_dataset* out);
/// Ten kinds of shapes and patterns, drawn as pictures (32, 32, 3), the same for the same seed.
FOVEA_API fovea_status fovea_make_synthetic(uint64_t seed, int64_t train_count, int64_t test_count,
                                            fovea_dataset* out);
/// Frees the four tensors and sets them to NULL.
FOVEA_API void fovea_dataset_free(fovea_dataset* dataset);

// ---- Networks: layers without weights ----

typedef struct fovea_network fovea_network;

/// The names that fovea_network_from_zoo knows: "cifar10_cnn", "lenet5", "resnet20", "vgg16", ...
FOVEA_API size_t fovea_zoo_count(void);
FOVEA_API const char* fovea_zoo_name(size_t index);
/// A well-known network. Those for pictures take pixels from 0 to 255 and scale them themselves.
FOVEA_API fovea_status fovea_network_from_zoo(const char* name, fovea_network** out);

/// From what fovea_network_to_json wrote.
FOVEA_API fovea_status fovea_network_from_json(const char* json, fovea_network** out);
/// The network as a list of operations, as saved models hold it.
FOVEA_API fovea_status fovea_network_to_json(const fovea_network* network, char** out);
/// From what Keras's model.to_json() gives, and the same for Keras.
FOVEA_API fovea_status fovea_network_from_keras_json(const char* json, fovea_network** out);
FOVEA_API fovea_status fovea_network_to_keras_json(const fovea_network* network, char** out);

/// A network that is written down layer by layer, with Keras's layers, settings and defaults:
///
///   fovea_symbol x, y;
///   fovea_network_builder_input(builder, (int64_t[]){28, 28, 1}, 3, FOVEA_F32, NULL, &x);
///   fovea_network_builder_layer(builder, "Flatten", NULL, &x, 1, &y);
///   fovea_network_builder_layer(builder, "Dense", "{\"units\": 10}", &y, 1, &y);
///   fovea_network_builder_finish(builder, &x, 1, &y, 1, &network);
typedef struct fovea_network_builder fovea_network_builder;
/// What an input or a layer gives, counted from 0 within one builder.
typedef int32_t fovea_symbol;

FOVEA_API fovea_status fovea_network_builder_new(fovea_network_builder** out);
FOVEA_API void fovea_network_builder_free(fovea_network_builder* builder);
/// `shape` is one sample's, without the axis of the samples. A `name` of NULL chooses one.
FOVEA_API fovea_status fovea_network_builder_input(fovea_network_builder* builder,
                                                   const int64_t* shape, int rank,
                                                   fovea_dtype dtype, const char* name,
                                                   fovea_symbol* out);
/// A layer on what others gave, such as "Conv2D" with {"filters": 32, "kernel_size": [3, 3]}, or
/// "Add" on two. `config` is a JSON object; NULL, where all may have its default. Shapes that do
/// not fit are found here.
FOVEA_API fovea_status fovea_network_builder_layer(fovea_network_builder* builder,
                                                   const char* class_name, const char* config,
                                                   const fovea_symbol* inputs, size_t input_count,
                                                   fovea_symbol* out);
/// The network between these inputs and outputs. The builder may go on being used.
FOVEA_API fovea_status fovea_network_builder_finish(fovea_network_builder* builder,
                                                    const fovea_symbol* inputs, size_t input_count,
                                                    const fovea_symbol* outputs,
                                                    size_t output_count, fovea_network** out);

FOVEA_API void fovea_network_free(fovea_network* network);

FOVEA_API int64_t fovea_network_parameter_count(const fovea_network* network);
FOVEA_API size_t fovea_network_input_count(const fovea_network* network);
FOVEA_API size_t fovea_network_output_count(const fovea_network* network);
FOVEA_API const char* fovea_network_input_name(const fovea_network* network, size_t index);
FOVEA_API const char* fovea_network_output_name(const fovea_network* network, size_t index);
/// Writes the shape of one sample, without the axis of the samples, and returns its rank; -1 for a
/// wrong handle or index.
FOVEA_API int fovea_network_input_shape(const fovea_network* network, size_t index,
                                        int64_t shape[FOVEA_MAX_RANK]);
FOVEA_API int fovea_network_output_shape(const fovea_network* network, size_t index,
                                         int64_t shape[FOVEA_MAX_RANK]);

// ---- Models: networks with weights ----

typedef struct fovea_model fovea_model;

typedef struct fovea_model_options {
  size_t struct_size;
  const char* device;     // "auto" (the default: a GPU where there is one), "cpu", "cuda:0"
  const char* precision;  // "f32" (the default), "f64" on the CPU, "tf32", "bf16", "f16" on CUDA
  int32_t threads;        // of the CPU, for one step; 0: all that the machine has
  int32_t autotune;       // 1: measures the kernels that can compute a layer, and takes the fastest
  uint64_t seed;          // of initial weights, shuffling and dropout
  const char* const* class_names;  // saved with the model
  size_t class_count;
} fovea_model_options;

/// A model with new random weights.
FOVEA_API fovea_status fovea_model_new(const fovea_network* network,
                                       const fovea_model_options* options, fovea_model** out);
/// The model of a file, in any format that the library reads: its own, .keras, .h5, .onnx.
FOVEA_API fovea_status fovea_model_load(const char* path, const fovea_model_options* options,
                                        fovea_model** out);
FOVEA_API void fovea_model_free(fovea_model* model);

/// Writes network, weights, optimizer with its state, and class names, in the format that the
/// path's ending names, else the library's own (safetensors). A file that exists is replaced only
/// by a whole one.
FOVEA_API fovea_status fovea_model_save(const fovea_model* model, const char* path);
/// Weights alone, likewise.
FOVEA_API fovea_status fovea_model_save_weights(const fovea_model* model, const char* path);
/// Into a model of the same architecture; otherwise FOVEA_ERROR_SHAPE_MISMATCH, and nothing
/// changes.
FOVEA_API fovea_status fovea_model_load_weights(fovea_model* model, const char* path);
/// Takes up training where a checkpoint of fovea_fit_options was written: the next fit with the
/// same data and options goes on from there. `report`, if not NULL, gets a sentence for people.
FOVEA_API fovea_status fovea_model_resume(fovea_model* model, const char* path, char** report);

/// The table of layers, shapes and parameters.
FOVEA_API fovea_status fovea_model_summary(const fovea_model* model, char** out);
FOVEA_API fovea_status fovea_model_network(const fovea_model* model, fovea_network** out);
/// The name of the device in use.
FOVEA_API const char* fovea_model_device(const fovea_model* model);
FOVEA_API size_t fovea_model_class_count(const fovea_model* model);
FOVEA_API const char* fovea_model_class_name(const fovea_model* model, size_t index);

// ---- Training ----

/// The loss of one of several outputs.
typedef struct fovea_output_loss {
  size_t struct_size;
  const char* output;   // the name of the output
  const char* loss;     // as in fovea_compile_options
  double weight;        // in the sum of the losses; 0: 1
  int32_t from_logits;  // as in fovea_compile_options, as are those that follow
  int32_t reserved;     // 0
  double label_smoothing;
  double huber_delta;
  const char* const* metrics;
  size_t metric_count;
} fovea_output_loss;

typedef struct fovea_compile_options {
  size_t struct_size;
  const char* optimizer;       // "sgd", "momentum", "nesterov", "adam" (the default), "adamw",
                               // "adagrad", "rmsprop", "adamax", "nadam"
  double learning_rate;        // 0: the optimizer's own default
  const char* optimizer_json;  // what shall not be the default, such as {"momentum": 0.5}
  const char* loss;     // "sparse_categorical_crossentropy" (labels i32), "mean_squared_error", ...
  int32_t from_logits;  // 1: the output is logits, not probabilities
  int32_t reserved;     // 0
  double label_smoothing;      // of the cross-entropies
  double huber_delta;          // where huber turns from quadratic to linear; 0: 1
  const char* const* metrics;  // "accuracy", "mean_absolute_error", ...
  size_t metric_count;
  const fovea_output_loss* outputs;  // of a network with several outputs, instead of `loss`
  size_t output_count;
} fovea_compile_options;

/// Sets optimizer, loss and metrics; keeps the weights. Needed by all that trains or evaluates.
FOVEA_API fovea_status fovea_model_compile(fovea_model* model,
                                           const fovea_compile_options* options);

/// Loss and metrics by name, the loss first. Callbacks are shown them; elsewhere they are the
/// caller's, to be freed.
typedef struct fovea_logs fovea_logs;

FOVEA_API size_t fovea_logs_count(const fovea_logs* logs);
FOVEA_API const char* fovea_logs_name(const fovea_logs* logs, size_t index);
FOVEA_API double fovea_logs_value(const fovea_logs* logs, size_t index);
/// The value of that name, such as "val_accuracy"; NaN, and a last error that lists the names,
/// where there is none.
FOVEA_API double fovea_logs_get(const fovea_logs* logs, const char* name);
FOVEA_API void fovea_logs_free(fovea_logs* logs);

/// What is called between the steps of fovea_model_fit; any may be NULL. Epochs and batches count
/// from 0. To return anything but 0 stops the training after the current step, as
/// fovea_model_stop_training does. They may use the model, but neither fit nor free it, and must
/// not throw C++ exceptions.
typedef struct fovea_callbacks {
  size_t struct_size;
  void* user_data;  // handed to each of them
  int (*on_epoch_begin)(void* user_data, fovea_model* model, int epoch);
  /// `logs` are the epoch's averages so far. Where there is one, a GPU is waited for in every step.
  int (*on_batch_end)(void* user_data, fovea_model* model, int epoch, int64_t batch,
                      const fovea_logs* logs);
  /// `logs` have the validation's values, too, beginning with "val_".
  int (*on_epoch_end)(void* user_data, fovea_model* model, int epoch, const fovea_logs* logs);
} fovea_callbacks;

typedef struct fovea_fit_options {
  size_t struct_size;
  int32_t epochs;                    // 0: 1
  int32_t keep_order;                // 1: the samples are not shuffled
  int64_t batch_size;                // 0: 32
  double validation_split;           // the last fraction of the data, set apart before shuffling
  const fovea_tensor* validation_x;  // instead of a split, for networks with one input and output
  const fovea_tensor* validation_y;
  const fovea_tensor* sample_weight;             // (N,), >= 0: how much each sample's loss counts
  const fovea_tensor* validation_sample_weight;  // of validation_x
  int32_t accumulate_steps;  // batches whose gradients are averaged for one update; 0: 1
  int32_t verbose;           // 0: silent; on standard output, 1: a bar, 2: a line per epoch
  const fovea_callbacks* callbacks;
  const char* checkpoint_path;     // a file for fovea_model_resume, written after each epoch
  int64_t checkpoint_every_steps;  // as well as after each epoch; 0: not
} fovea_fit_options;

/// The logs of each epoch.
typedef struct fovea_history fovea_history;

/// Trains. Each tensor has the samples as its first axis; several belong to the network's inputs
/// and outputs in their order. With one of each: fovea_model_fit(model, &x, 1, &y, 1, ...). Labels
/// are i32 (N,), pictures may be u8. FOVEA_ERROR_NUMERIC where the loss or a gradient is not
/// finite, naming the layer; the weights are then those before that step. `out` may be NULL.
FOVEA_API fovea_status fovea_model_fit(fovea_model* model, fovea_tensor* const* inputs,
                                       size_t input_count, fovea_tensor* const* targets,
                                       size_t target_count, const fovea_fit_options* options,
                                       fovea_history** out);
/// For callbacks: ends fovea_model_fit after the current step.
FOVEA_API fovea_status fovea_model_stop_training(fovea_model* model);

/// Epochs that were finished.
FOVEA_API size_t fovea_history_count(const fovea_history* history);
FOVEA_API const fovea_logs* fovea_history_logs(const fovea_history* history, size_t epoch);
/// Whether a callback stopped it.
FOVEA_API int fovea_history_stopped(const fovea_history* history);
/// The median over the steps, from the eleventh on; 0 if there were fewer.
FOVEA_API double fovea_history_samples_per_second(const fovea_history* history);
FOVEA_API void fovea_history_free(fovea_history* history);

/// One update on one batch. `sample_weight` may be NULL; so may `out`, which gets the batch's loss
/// and metrics from before the update.
FOVEA_API fovea_status fovea_model_train_on_batch(fovea_model* model, fovea_tensor* const* inputs,
                                                  size_t input_count, fovea_tensor* const* targets,
                                                  size_t target_count,
                                                  const fovea_tensor* sample_weight,
                                                  fovea_logs** out);
/// Loss and metrics over all samples. `batch_size` 0 means 32; `sample_weight` may be NULL.
FOVEA_API fovea_status fovea_model_evaluate(fovea_model* model, fovea_tensor* const* inputs,
                                            size_t input_count, fovea_tensor* const* targets,
                                            size_t target_count, int64_t batch_size,
                                            const fovea_tensor* sample_weight, fovea_logs** out);

/// The rate of the next update.
FOVEA_API fovea_status fovea_model_get_learning_rate(const fovea_model* model, double* out);
/// Holds it there until the model is compiled again.
FOVEA_API fovea_status fovea_model_set_learning_rate(fovea_model* model, double rate);

// ---- Prediction ----

/// New tensors, one for each output, for any number of samples; `outputs` has room for
/// `output_count`, which is the network's. `batch_size` 0 means 256.
FOVEA_API fovea_status fovea_model_predict(fovea_model* model, fovea_tensor* const* inputs,
                                           size_t input_count, int64_t batch_size,
                                           fovea_tensor** outputs, size_t output_count);
/// The same into tensors that exist, such as those over the caller's own memory. Shapes, (N, ...),
/// and types (that of the weights, f32 unless the precision is f64) must agree.
FOVEA_API fovea_status fovea_model_predict_into(fovea_model* model, fovea_tensor* const* inputs,
                                                size_t input_count, int64_t batch_size,
                                                fovea_tensor* const* outputs, size_t output_count);

/// A model made ready to predict quickly: batch norm folded into the weights, the weights copied
/// into the kernels' formats, all memory set aside. Later training of the model does not reach it.
typedef struct fovea_predictor fovea_predictor;

typedef struct fovea_predictor_options {
  size_t struct_size;
  const int64_t* batch_sizes;  // the numbers of samples to prepare for; NULL: 1 alone
  size_t batch_size_count;
  const char* device;     // NULL: the model's; of a file, "auto"
  const char* precision;  // NULL: the model's; of a file, "f32"
  int threads;            // of the CPU, per call; 0: the model's
} fovea_predictor_options;

FOVEA_API fovea_status fovea_predictor_new(const fovea_model* model,
                                           const fovea_predictor_options* options,
                                           fovea_predictor** out);
/// From a file of any format that fovea_model_load reads.
FOVEA_API fovea_status fovea_predictor_load(const char* path,
                                            const fovea_predictor_options* options,
                                            fovea_predictor** out);
FOVEA_API void fovea_predictor_free(fovea_predictor* predictor);
/// Any number of samples, into tensors that exist; nothing is allocated once a thread has called it
/// before. Inputs must have the network's types (or be u8 pictures, where it takes them), outputs
/// the weights' type. Any number of threads at once.
FOVEA_API fovea_status fovea_predictor_run(const fovea_predictor* predictor,
                                           fovea_tensor* const* inputs, size_t input_count,
                                           fovea_tensor* const* outputs, size_t output_count);

/// The loss's gradients with respect to inputs and trainable weights. Nothing is updated.
typedef struct fovea_gradients fovea_gradients;

FOVEA_API fovea_status fovea_model_gradients(fovea_model* model, fovea_tensor* const* inputs,
                                             size_t input_count, fovea_tensor* const* targets,
                                             size_t target_count, fovea_gradients** out);
FOVEA_API double fovea_gradients_loss(const fovea_gradients* gradients);
/// FOVEA_ERROR_INVALID_ARGUMENT for an input of integers.
FOVEA_API fovea_status fovea_gradients_input(const fovea_gradients* gradients, size_t index,
                                             fovea_tensor** out);
FOVEA_API fovea_status fovea_gradients_weight(const fovea_gradients* gradients, const char* path,
                                              fovea_tensor** out);
FOVEA_API void fovea_gradients_free(fovea_gradients* gradients);

// ---- Weights: parameters and running statistics, by a path such as "conv2d.weight" ----

FOVEA_API size_t fovea_model_weight_count(const fovea_model* model);
FOVEA_API const char* fovea_model_weight_path(const fovea_model* model, size_t index);
/// Writes the shape and returns its rank; -1 for a wrong handle or index.
FOVEA_API int fovea_model_weight_shape(const fovea_model* model, size_t index,
                                       int64_t shape[FOVEA_MAX_RANK]);
/// Whether training changes it by its gradient: 0 for running statistics and in frozen layers.
FOVEA_API int fovea_model_weight_trainable(const fovea_model* model, size_t index);
/// A copy.
FOVEA_API fovea_status fovea_model_get_weight(const fovea_model* model, const char* path,
                                              fovea_tensor** out);
/// FOVEA_ERROR_SHAPE_MISMATCH unless shape and type agree.
FOVEA_API fovea_status fovea_model_set_weight(fovea_model* model, const char* path,
                                              const fovea_tensor* values);
/// Numbers in all weights; and in those that are trainable. -1 for a wrong handle.
FOVEA_API int64_t fovea_model_parameter_count(const fovea_model* model);
FOVEA_API int64_t fovea_model_trainable_parameter_count(const fovea_model* model);

/// A frozen layer keeps its weights, and its batch norms work as in prediction. By the layer's name
/// or the first parts of a path.
FOVEA_API fovea_status fovea_model_freeze(fovea_model* model, const char* layer);
FOVEA_API fovea_status fovea_model_unfreeze(fovea_model* model, const char* layer);

#ifdef __cplusplus
}  // extern "C"
#endif
