// fovea evaluate: how good a model is on the test part of a data set.
#include <memory>

#include "fovea/metrics.h"
#include "host/cli/command.h"
#include "host/cli/data_sets.h"
#include "host/cli/models.h"
#include "host/cli/train_options.h"

namespace fovea::cli {
namespace {

constexpr const char* kFooter =
    "MODEL.fov is a model file of any format, or a run folder, whose best epoch is taken and\n"
    "whose data need not be named again.\n"
    "\n"
    "Examples:\n"
    "  fovea evaluate runs/lenet5-mnist-20260131-120000\n"
    "  fovea evaluate best.fov mnist --data DIR\n"
    "  fovea evaluate model.keras pictures/ --json";

/// Above this many classes, the table of all of them is left to --json.
constexpr std::size_t kMostRows = 25;

struct Request {
  std::string model;
  DataChoice data;
  DeviceChoice device;
  std::int64_t batch_size = 256;
};

Json matrix_to_json(const Tensor& matrix) {
  Json rows = Json::array();
  const std::int64_t size = matrix.shape()[0];
  for (std::int64_t r = 0; r < size; ++r) {
    Json row = Json::array();
    for (std::int64_t c = 0; c < size; ++c) {
      row.push(static_cast<std::int64_t>(matrix.item(r * size + c)));
    }
    rows.push(row);
  }
  return rows;
}

Json scores_to_json(const ClassScores& scores, const std::vector<std::string>& names) {
  Json list = Json::array();
  for (std::size_t i = 0; i < scores.labels.size(); ++i) {
    const auto label = static_cast<std::size_t>(scores.labels[i]);
    Json json = Json::object();
    json.set("label", scores.labels[i]);
    if (label < names.size()) json.set("name", names[label]);
    json.set("precision", scores.precision[i]);
    json.set("recall", scores.recall[i]);
    json.set("f1", scores.f1[i]);
    json.set("support", scores.support[i]);
    list.push(json);
  }
  return list;
}

/// What of each class was recognized: a table, and for programs all numbers.
void report_classes(Terminal& terminal, Json& document, const Dataset& test,
                    const Tensor& predicted, const std::vector<std::string>& names) {
  const ClassScores scores = precision_recall_fscore_support(test.y, predicted);
  document.set("classes", scores_to_json(scores, names));
  document.set("confusion_matrix", matrix_to_json(confusion_matrix(test.y, predicted)));
  if (scores.labels.size() > kMostRows) return;
  ReportOptions options;
  options.labels = scores.labels;
  for (const std::int32_t label : scores.labels) {
    // The model may have more classes than the data, and so predict one without a name.
    const auto index = static_cast<std::size_t>(label);
    options.target_names.push_back(index < names.size() ? names[index] : std::to_string(label));
  }
  terminal.result() << '\n' << classification_report(test.y, predicted, options);
}

int evaluate(Terminal& terminal, const Request& request) {
  const std::optional<DataChoice> found = data_of(request.model, request.data);
  if (!found) {
    throw UsageError("DATA is needed with a model file, such as: fovea evaluate " +
                     shell_word(request.model) + " mnist");
  }
  const DataChoice& choice = *found;
  Model model = load_trained(request.model, {.device = request.device.device,
                                             .precision = request.device.precision,
                                             .threads = request.device.threads});
  Dataset test = load_data(choice, picture_shape(model.network())).test;
  match_classes(test, model.options().class_names);
  check_fit(model.network(), request.model, test, short_name(choice));
  const bool labels = test.y.dtype() == DType::i32;
  if (!model.compiled()) model.compile(settings_for(model.network(), labels));

  const int verbose = terminal.interactive() && !terminal.quiet() ? 1 : 0;
  const Logs logs = model.evaluate(test, {.batch_size = request.batch_size, .verbose = verbose});
  Json document = Json::object();
  document.set("model", request.model);
  document.set("data", short_name(choice));
  document.set("samples", test.size());
  std::string line = "Test of " + format_count(test.size()) + " samples of " + short_name(choice);
  for (const auto& [name, value] : logs) {
    line += " - " + name + ": " + format_number(value);
    document.set(name, finite_or_null(value));
  }
  terminal.result() << terminal.bold(line) << '\n';
  if (labels) {
    const auto& names = test.class_names.empty() ? model.options().class_names : test.class_names;
    report_classes(terminal, document, test,
                   predicted_labels(model.predict(test.x, request.batch_size)), names);
  }
  terminal.document(document);
  return kSuccess;
}

}  // namespace

Action add_evaluate(CLI::App& app) {
  const auto request = std::make_shared<Request>();
  app.add_option("MODEL.fov", request->model, "A model file, or a run folder")
      ->type_name(" ")
      ->required();
  app.add_option("DATA", request->data.name, "A data set, or a path")->type_name(" ");
  app.add_option("--data", request->data.folder, "Folder of a named data set")->type_name("DIR");
  app.add_option("--target", request->data.target, "Column of a CSV file to predict")
      ->type_name("COLUMN");
  app.add_option("--task", request->data.task, "classify or regress (default: as the target looks)")
      ->type_name("TASK")
      ->check(one_of("task", {"classify", "regress"}));
  app.add_option("--test-samples", request->data.test_samples, "Test on the first N only")
      ->type_name("N")
      ->check(in_range(1));
  app.add_option("--batch-size", request->batch_size, "Default: 256")
      ->type_name("N")
      ->check(in_range(1));
  add_device_options(app, request->device);
  app.footer(kFooter);
  return [request](Terminal& terminal) { return evaluate(terminal, *request); };
}

}  // namespace fovea::cli
