// The C interface to Predictor.
#include "fovea/predictor.h"

#include "host/c_api/model_handle.h"

struct fovea_predictor : fovea::c_api::Handle<fovea_predictor> {
  static constexpr const char* kName = "fovea_predictor";
  static constexpr std::uint64_t kTag = fovea::c_api::handle_tag(9);
  explicit fovea_predictor(fovea::Predictor predictor) : value(std::move(predictor)) {}
  fovea::Predictor value;
};

namespace fovea::c_api {
namespace {

PredictorOptions predictor_options(const fovea_predictor_options* given) {
  const auto options = options_from(given);
  PredictorOptions result;
  if (options.batch_sizes != nullptr) {
    result.batch_sizes.assign(options.batch_sizes, options.batch_sizes + options.batch_size_count);
  }
  result.device = text_or(options.device, "");
  result.precision = text_or(options.precision, "");
  result.threads = options.threads;
  return result;
}

/// The handles' tensors, in a list whose memory is kept for the next call.
std::vector<Tensor>& gather(fovea_tensor* const* handles, std::size_t count, const char* what,
                            std::vector<Tensor>& list) {
  list.clear();
  if (count > 0) required(handles, what);
  for (std::size_t i = 0; i < count; ++i) list.push_back(checked(handles[i]).value);
  return list;
}

}  // namespace
}  // namespace fovea::c_api

using fovea::c_api::checked;
using fovea::c_api::free_handle;
using fovea::c_api::gather;
using fovea::c_api::give_out;
using fovea::c_api::guarded;
using fovea::c_api::predictor_options;
using fovea::c_api::required;

fovea_status fovea_predictor_new(const fovea_model* model, const fovea_predictor_options* options,
                                 fovea_predictor** out) {
  return guarded([&] {
    required(out, "out");
    give_out(out, std::make_unique<fovea_predictor>(
                      fovea::Predictor(checked(model).value, predictor_options(options))));
  });
}

fovea_status fovea_predictor_load(const char* path, const fovea_predictor_options* options,
                                  fovea_predictor** out) {
  return guarded([&] {
    required(out, "out");
    give_out(out, std::make_unique<fovea_predictor>(fovea::Predictor(
                      std::string(&required(path, "path")), predictor_options(options))));
  });
}

void fovea_predictor_free(fovea_predictor* predictor) { free_handle(predictor); }

fovea_status fovea_predictor_run(const fovea_predictor* predictor, fovea_tensor* const* inputs,
                                 size_t input_count, fovea_tensor* const* outputs,
                                 size_t output_count) {
  return guarded([&] {
    static thread_local std::vector<fovea::Tensor> from;
    static thread_local std::vector<fovea::Tensor> to;
    struct Release {  // the tensors' memory is not kept alive between calls
      ~Release() {
        from.clear();
        to.clear();
      }
    } release;
    checked(predictor).value.run(gather(inputs, input_count, "inputs", from),
                                 gather(outputs, output_count, "outputs", to));
  });
}
