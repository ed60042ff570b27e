// fovea selfcheck: whether the library computes a model rightly on this machine.
#include "fovea/selfcheck.h"

#include <algorithm>
#include <memory>

#include "host/cli/command.h"
#include "host/cli/models.h"

namespace fovea::cli {
namespace {

constexpr const char* kFooter =
    "Every kernel that could serve the model is compared with the CPU's reference at the\n"
    "model's own shapes, and gradients with differences. It takes as long as some hundred\n"
    "steps of the reference, which is slow: seconds for a small network, minutes for a large\n"
    "one. Exit code 1 where something is wrong.\n"
    "\n"
    "Examples:\n"
    "  fovea selfcheck lenet5\n"
    "  fovea selfcheck RUN/best.fov --device cuda";

struct Request {
  std::string model;
  std::string device;
  std::int64_t batch_size = 2;
};

int check(Terminal& terminal, const Request& request) {
  Model model = load_any(find_model(request.model), {});
  if (!model.compiled()) model.compile(settings_for(model.network(), true));
  SelfCheckOptions options;
  options.batch_size = request.batch_size;
  const SelfCheckReport report = selfcheck(model, request.device, options);
  terminal.result() << report.str();
  Json failures = Json::array();
  for (const KernelCheck& kernel : report.kernels) {
    if (kernel.passed()) continue;
    Json json = Json::object();
    json.set("path", kernel.path);
    json.set("op", kernel.op);
    json.set("candidate", kernel.candidate);
    json.set("error", finite_or_null(kernel.error));
    json.set("tolerance", kernel.tolerance);
    json.set("problem", kernel.problem);
    failures.push(json);
  }
  Json document = Json::object();
  document.set("model", request.model);
  document.set("device", report.device);
  document.set("passed", report.passed());
  document.set("kernels", static_cast<std::int64_t>(report.kernels.size()));
  document.set("gradients", static_cast<std::int64_t>(report.gradients.size()));
  document.set("prediction_error", finite_or_null(report.prediction_error));
  document.set("failed_kernels", failures);
  terminal.document(document);
  return report.passed() ? kSuccess : kFailure;
}

}  // namespace

Action add_selfcheck(CLI::App& app) {
  const auto request = std::make_shared<Request>();
  app.add_option("MODEL", request->model, "Of the zoo, a file, or a run folder")
      ->type_name(" ")
      ->required();
  app.add_option("--device", request->device, "What to check (default: auto)")->type_name("NAME");
  app.add_option("--batch-size", request->batch_size, "Of random data (default: 2)")
      ->type_name("N")
      ->check(in_range(1));
  app.footer(kFooter);
  return [request](Terminal& terminal) { return check(terminal, *request); };
}

}  // namespace fovea::cli
