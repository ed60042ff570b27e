// Models: made, saved and loaded; asked for predictions and gradients; their weights.
#include "fovea/model.h"

#include <cstring>
#include <limits>

#include "host/c_api/model_handle.h"

using fovea::Model;
using fovea::ModelOptions;
using fovea::ParameterRecord;
using fovea::Tensor;
using fovea::c_api::checked;
using fovea::c_api::element;
using fovea::c_api::give_out;
using fovea::c_api::guarded;
using fovea::c_api::looked_up;
using fovea::c_api::new_tensor;
using fovea::c_api::new_text;
using fovea::c_api::required;
using fovea::c_api::tensors;
using fovea::c_api::text_or;

struct fovea_gradients : fovea::c_api::Handle<fovea_gradients> {
  static constexpr const char* kName = "fovea_gradients";
  static constexpr std::uint64_t kTag = fovea::c_api::handle_tag(6);
  explicit fovea_gradients(Model::Gradients gradients) : value(std::move(gradients)) {}
  Model::Gradients value;
};

namespace {

constexpr std::int64_t kPredictBatch = 256;

ModelOptions options_from(const fovea_model_options* given) {
  const fovea_model_options options = fovea::c_api::options_from(given);
  ModelOptions result;
  result.device = text_or(options.device, result.device.c_str());
  result.precision = text_or(options.precision, result.precision.c_str());
  result.threads = options.threads;
  result.autotune = options.autotune != 0;
  result.seed = options.seed;
  result.class_names = fovea::c_api::texts(options.class_names, options.class_count, "class_names");
  return result;
}

std::vector<Tensor> predict(fovea_model* model, fovea_tensor* const* inputs, size_t input_count,
                            std::int64_t batch_size, size_t output_count) {
  Model& predictor = checked(model).value;
  const std::size_t outputs = predictor.network().outputs().size();
  FOVEA_REQUIRE(output_count == outputs, invalid_argument, "the network has ", outputs,
                " outputs, but there is room for ", output_count);
  return predictor.predict_all(tensors(inputs, input_count, "inputs"),
                               batch_size == 0 ? kPredictBatch : batch_size);
}

bool trainable(const fovea_model& model, const ParameterRecord& record) {
  return record.trainable && !model.value.frozen(record.path);
}

}  // namespace

// ---- Made, saved and loaded ----

fovea_status fovea_model_new(const fovea_network* network, const fovea_model_options* options,
                             fovea_model** out) {
  return guarded([&] {
    give_out(out,
             std::make_unique<fovea_model>(Model(checked(network).value, options_from(options))));
  });
}

fovea_status fovea_model_load(const char* path, const fovea_model_options* options,
                              fovea_model** out) {
  return guarded([&] {
    required(out, "out");
    give_out(out, std::make_unique<fovea_model>(
                      Model::load(&required(path, "path"), options_from(options))));
  });
}

void fovea_model_free(fovea_model* model) {
  guarded([&] {
    FOVEA_REQUIRE(model == nullptr || !checked(model).in_fit, invalid_argument,
                  "a callback cannot free the model that is being trained");
    fovea::c_api::free_handle(model);
  });
}

fovea_status fovea_model_save(const fovea_model* model, const char* path) {
  return guarded([&] { checked(model).value.save(&required(path, "path")); });
}

fovea_status fovea_model_save_weights(const fovea_model* model, const char* path) {
  return guarded([&] { checked(model).value.save_weights(&required(path, "path")); });
}

fovea_status fovea_model_load_weights(fovea_model* model, const char* path) {
  return guarded([&] { checked(model).value.load_weights(&required(path, "path")); });
}

fovea_status fovea_model_resume(fovea_model* model, const char* path, char** report) {
  return guarded([&] {
    const std::string sentence = checked(model).value.resume(&required(path, "path"));
    if (report != nullptr) give_out(report, new_text(sentence));
  });
}

// ---- About it ----

fovea_status fovea_model_summary(const fovea_model* model, char** out) {
  return guarded([&] { give_out(out, new_text(checked(model).value.summary())); });
}

fovea_status fovea_model_network(const fovea_model* model, fovea_network** out) {
  return guarded(
      [&] { give_out(out, std::make_unique<fovea_network>(checked(model).value.network())); });
}

const char* fovea_model_device(const fovea_model* model) {
  return looked_up<const char*>(nullptr, [&] { return checked(model).device.c_str(); });
}

size_t fovea_model_class_count(const fovea_model* model) {
  return looked_up(size_t{0}, [&] { return checked(model).value.options().class_names.size(); });
}

const char* fovea_model_class_name(const fovea_model* model, size_t index) {
  return looked_up<const char*>(
      nullptr, [&] { return element(checked(model).value.options().class_names, index).c_str(); });
}

// ---- Asked ----

fovea_status fovea_model_predict(fovea_model* model, fovea_tensor* const* inputs,
                                 size_t input_count, int64_t batch_size, fovea_tensor** outputs,
                                 size_t output_count) {
  return guarded([&] {
    required(outputs, "outputs");
    std::vector<std::unique_ptr<fovea_tensor>> handles;
    for (Tensor& output : predict(model, inputs, input_count, batch_size, output_count)) {
      handles.push_back(new_tensor(std::move(output)));
    }
    for (std::size_t o = 0; o < handles.size(); ++o) outputs[o] = handles[o].release();
  });
}

fovea_status fovea_model_predict_into(fovea_model* model, fovea_tensor* const* inputs,
                                      size_t input_count, int64_t batch_size,
                                      fovea_tensor* const* outputs, size_t output_count) {
  return guarded([&] {
    std::vector<Tensor> targets = tensors(outputs, output_count, "outputs");
    const std::vector<Tensor> results =
        predict(model, inputs, input_count, batch_size, output_count);
    for (std::size_t o = 0; o < results.size(); ++o) {
      FOVEA_REQUIRE(
          targets[o].shape() == results[o].shape() && targets[o].dtype() == results[o].dtype(),
          shape_mismatch, "output ", o, " is ", results[o].shape(), " ",
          dtype_name(results[o].dtype()), ", but the tensor for it is ", targets[o].shape(), " ",
          dtype_name(targets[o].dtype()));
      targets[o].mutable_raw();  // throws where it is read-only
    }
    for (std::size_t o = 0; o < results.size(); ++o) {
      std::memcpy(targets[o].mutable_raw(), results[o].raw(), results[o].bytes());
    }
  });
}

fovea_status fovea_model_gradients(fovea_model* model, fovea_tensor* const* inputs,
                                   size_t input_count, fovea_tensor* const* targets,
                                   size_t target_count, fovea_gradients** out) {
  return guarded([&] {
    give_out(out, std::make_unique<fovea_gradients>(
                      checked(model).value.gradients(tensors(inputs, input_count, "inputs"),
                                                     tensors(targets, target_count, "targets"))));
  });
}

double fovea_gradients_loss(const fovea_gradients* gradients) {
  return looked_up(std::numeric_limits<double>::quiet_NaN(),
                   [&] { return checked(gradients).value.loss; });
}

fovea_status fovea_gradients_input(const fovea_gradients* gradients, size_t index,
                                   fovea_tensor** out) {
  return guarded([&] {
    const Tensor& gradient = element(checked(gradients).value.inputs, index);
    FOVEA_REQUIRE(gradient.defined(), invalid_argument, "input ", index,
                  " has no gradient, since its numbers are integers");
    give_out(out, new_tensor(gradient));
  });
}

fovea_status fovea_gradients_weight(const fovea_gradients* gradients, const char* path,
                                    fovea_tensor** out) {
  return guarded([&] {
    const auto& all = checked(gradients).value.parameters;
    const auto found = all.find(&required(path, "path"));
    FOVEA_REQUIRE(found != all.end(), invalid_argument, "there is no gradient of '", path,
                  "'; those of trainable weights are there, by the paths of "
                  "fovea_model_weight_path");
    give_out(out, new_tensor(found->second));
  });
}

void fovea_gradients_free(fovea_gradients* gradients) { fovea::c_api::free_handle(gradients); }

// ---- Weights ----

size_t fovea_model_weight_count(const fovea_model* model) {
  return looked_up(size_t{0}, [&] { return checked(model).weights.size(); });
}

const char* fovea_model_weight_path(const fovea_model* model, size_t index) {
  return looked_up<const char*>(
      nullptr, [&] { return element(checked(model).weights, index).path.c_str(); });
}

int fovea_model_weight_shape(const fovea_model* model, size_t index,
                             int64_t shape[FOVEA_MAX_RANK]) {
  return looked_up(-1, [&] {
    return fovea::c_api::write_shape(element(checked(model).weights, index).shape, shape);
  });
}

int fovea_model_weight_trainable(const fovea_model* model, size_t index) {
  return looked_up(
      0, [&] { return trainable(*model, element(checked(model).weights, index)) ? 1 : 0; });
}

fovea_status fovea_model_get_weight(const fovea_model* model, const char* path,
                                    fovea_tensor** out) {
  return guarded(
      [&] { give_out(out, new_tensor(checked(model).value.weight(&required(path, "path")))); });
}

fovea_status fovea_model_set_weight(fovea_model* model, const char* path,
                                    const fovea_tensor* values) {
  return guarded(
      [&] { checked(model).value.set_weight(&required(path, "path"), checked(values).value); });
}

int64_t fovea_model_parameter_count(const fovea_model* model) {
  return looked_up<int64_t>(-1, [&] { return checked(model).value.network().parameter_count(); });
}

int64_t fovea_model_trainable_parameter_count(const fovea_model* model) {
  return looked_up<int64_t>(-1, [&] {
    int64_t count = 0;
    for (const ParameterRecord& record : checked(model).weights) {
      if (trainable(*model, record)) count += record.shape.numel();
    }
    return count;
  });
}

fovea_status fovea_model_freeze(fovea_model* model, const char* layer) {
  return guarded([&] { checked(model).value.freeze(&required(layer, "layer")); });
}

fovea_status fovea_model_unfreeze(fovea_model* model, const char* layer) {
  return guarded([&] { checked(model).value.unfreeze(&required(layer, "layer")); });
}
