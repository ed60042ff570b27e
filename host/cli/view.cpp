// fovea view: a 3-D page of a network.
#include "fovea/view.h"

#include <memory>

#include "host/cli/command.h"
#include "host/cli/models.h"
#include "host/cli/report_run.h"

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFooter =
    "The page is one file that needs no network: RUN/view.html, or MODEL-view.html in this\n"
    "folder. Layers can be turned, zoomed and opened; networks for digits have a pad to draw\n"
    "on.\n"
    "\n"
    "Examples:\n"
    "  fovea view RUN\n"
    "  fovea view model.keras mnist --data DIR\n"
    "  fovea view resnet20 --out resnet20.html";

struct Request {
  std::string model;
  DataChoice data;
  std::string out;
};

/// A few samples of each class, as they come.
constexpr std::int64_t kSamples = 12;

int view(Terminal& terminal, const Request& request) {
  const ModelChoice choice = find_model(request.model);
  Model model = load_any(choice, {});
  ViewOptions options;
  options.title = choice.name;
  if (const auto test = data_to_show("fovea view", request.model, request.data, model)) {
    options.samples = test->slice(0, std::min(kSamples, test->size()));
  }
  std::string out = request.out;
  if (out.empty()) {
    std::error_code ignored;
    out = fs::is_directory(request.model, ignored)
              ? (fs::path(request.model) / "view.html").string()
              : choice.name + "-view.html";
  }
  write_view(out, model, options);
  const auto bytes = static_cast<std::int64_t>(fs::file_size(out));
  terminal.result() << out << ": " << format_bytes(static_cast<double>(bytes)) << '\n';
  terminal.document(
      Json::object().set("model", request.model).set("view", out).set("bytes", bytes));
  return kSuccess;
}

}  // namespace

Action add_view(CLI::App& app) {
  const auto request = std::make_shared<Request>();
  app.add_option("MODEL", request->model, "Of the zoo, a file, or a run folder")
      ->type_name(" ")
      ->required();
  app.add_option("DATA", request->data.name, "Samples to show (default: the run's)")
      ->type_name(" ");
  app.add_option("--data", request->data.folder, "Folder of a named data set")->type_name("DIR");
  app.add_option("--out", request->out, "The page to write")->type_name("FILE.html");
  app.footer(kFooter);
  return [request](Terminal& terminal) { return view(terminal, *request); };
}

}  // namespace fovea::cli
