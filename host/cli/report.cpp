// fovea report: a page about a run or a model, and the pictures of it as files.
#include "fovea/report.h"

#include <memory>

#include "fovea/metrics.h"
#include "host/cli/command.h"
#include "host/cli/models.h"
#include "host/cli/report_run.h"
#include "host/cli/train_options.h"

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFooter =
    "MODEL.fov is a run folder, whose best epoch, history and data are taken, or a model\n"
    "file. The page is one file that needs no network: RUN/report.html, or MODEL-report.html\n"
    "in this folder.\n"
    "\n"
    "Examples:\n"
    "  fovea report RUN\n"
    "  fovea report RUN --pictures pictures --format png\n"
    "  fovea report model.keras mnist --data DIR --out model.html";

struct Request {
  std::string model;
  DataChoice data;
  std::string out;
  std::string pictures;
  std::string format = "svg";
  DeviceChoice device;
};

/// The first layer whose kernels can be seen as pictures; empty where there is none.
std::string first_convolution(const Network& network) {
  for (const LayerRecord& layer : network.layers()) {
    if (layer.kind == "Conv2D") return layer.name;
  }
  return {};
}

/// Draws all that there is something to draw of, and gives the files' names.
std::vector<std::string> write_pictures(const Request& request, Model& model,
                                        const HtmlReportOptions& about) {
  std::vector<std::string> files;
  const auto write = [&](const std::string& name, const Picture& picture) {
    files.push_back((fs::path(request.pictures) / (name + "." + request.format)).string());
    write_picture(files.back(), picture);
  };
  make_folder(request.pictures);
  const Network& network = model.network();
  write("architecture", draw_architecture(network));
  write("graph", draw_graph(network));
  if (about.history) write("curves", draw_curves(*about.history));
  const std::string layer = first_convolution(network);
  if (!layer.empty()) write("filters", draw_filters(model, layer));
  if (!about.test) return files;
  const Dataset& test = *about.test;
  const Tensor sample = test.x.slice(0, 1).reshape(test.x.shape().drop_front());
  if (!layer.empty()) write("feature_maps", draw_feature_maps(model, sample, layer));
  if (test.y.dtype() == DType::i32) {
    const Tensor predicted = predicted_labels(model.predict(test.x));
    const Tensor matrix = confusion_matrix(test.y, predicted);
    const bool named = matrix.shape()[0] == static_cast<std::int64_t>(test.class_names.size());
    write("confusion_matrix",
          draw_confusion_matrix(matrix, named ? test.class_names : std::vector<std::string>{}));
  }
  return files;
}

std::string default_out(const std::string& model, const ModelChoice& choice) {
  std::error_code ignored;
  if (fs::is_directory(model, ignored)) return (fs::path(model) / "report.html").string();
  return choice.name + "-report.html";
}

int report(Terminal& terminal, const Request& request) {
  const ModelChoice choice = find_model(request.model);
  Model model = load_any(choice, {.device = request.device.device,
                                  .precision = request.device.precision,
                                  .threads = request.device.threads});
  HtmlReportOptions about = describe_for_report(request.model, choice.name);
  about.test = data_to_show("fovea report", request.model, request.data, model);
  Json document = Json::object().set("model", request.model);
  if (request.pictures.empty()) {
    const std::string out = request.out.empty() ? default_out(request.model, choice) : request.out;
    write_report(out, model, about);
    const auto bytes = static_cast<std::int64_t>(fs::file_size(out));
    terminal.result() << out << ": " << format_bytes(static_cast<double>(bytes)) << '\n';
    document.set("report", out).set("bytes", bytes);
  } else {
    const std::vector<std::string> files = write_pictures(request, model, about);
    for (const std::string& file : files) terminal.result() << file << '\n';
    document.set("pictures", fovea::to_json(files));
  }
  terminal.document(document);
  return kSuccess;
}

}  // namespace

HtmlReportOptions describe_for_report(const std::string& model, const std::string& title) {
  HtmlReportOptions about;
  about.title = title;
  std::error_code ignored;
  if (!fs::is_directory(model, ignored)) return about;
  const RunFolder run = RunFolder::open(model);
  about.title = title + " on " + run.config().at("data_name").as_string();
  if (run.has("history.json")) about.history = read_history(run);
  about.settings = settings_of(run.config().at("options"));
  return about;
}

std::optional<Dataset> data_to_show(const std::string& who, const std::string& model,
                                    const DataChoice& given, const Model& loaded) {
  const std::optional<DataChoice> data = data_of(model, given);
  if (!data) return {};
  Dataset test;
  try {
    test = load_data(*data, picture_shape(loaded.network())).test;
  } catch (const Error& error) {
    const bool chosen = !given.name.empty() || !given.folder.empty();
    if (chosen || error.code() != ErrorCode::io) throw;
    Terminal::error(who, "it is made without the run's data: " + std::string(error.what()));
    return {};
  }
  match_classes(test, loaded.options().class_names);
  check_fit(loaded.network(), model, test, short_name(*data));
  return test;
}

Action add_report(CLI::App& app) {
  const auto request = std::make_shared<Request>();
  app.add_option("MODEL.fov", request->model, "A run folder, or a model file")
      ->type_name(" ")
      ->required();
  app.add_option("DATA", request->data.name, "A data set, or a path (default: the run's)")
      ->type_name(" ");
  app.add_option("--data", request->data.folder, "Folder of a named data set")->type_name("DIR");
  app.add_option("--test-samples", request->data.test_samples, "Test on the first N only")
      ->type_name("N")
      ->check(in_range(1));
  app.add_option("--out", request->out, "The page to write")->type_name("FILE.html");
  app.add_option("--pictures", request->pictures, "Write pictures to this folder, and no page")
      ->type_name("DIR");
  app.add_option("--format", request->format, "Of the pictures: svg or png (default: svg)")
      ->type_name("NAME")
      ->check(one_of("format", {"svg", "png"}));
  add_device_options(app, request->device);
  app.footer(kFooter);
  return [request](Terminal& terminal) { return report(terminal, *request); };
}

}  // namespace fovea::cli
