// fovea convert: a model in another format.
#include <filesystem>
#include <memory>

#include "fovea/layer_config.h"
#include "host/cli/command.h"
#include "host/cli/models.h"
#include "host/cli/run_folder.h"

namespace fovea::cli {
namespace {

constexpr const char* kFooter =
    "FROM is a model file of any format (told by its contents), a run folder, a description\n"
    "in JSON or a model of the zoo, which has initial weights. The name of TO says the\n"
    "format:\n"
    "  .keras, .h5     Keras's model        .weights.h5     Keras's weights\n"
    "  .onnx           ONNX, opset 13       .json           the network alone, as Keras's JSON\n"
    "  all others, such as .fov and .safetensors: this library's own\n"
    "\n"
    "Examples:\n"
    "  fovea convert RUN/best.fov model.onnx\n"
    "  fovea convert model.keras model.fov\n"
    "  fovea convert lenet5 lenet5.json";

struct Request {
  std::string from;
  std::string to;
  bool force = false;
};

/// Keras's JSON, or this library's own for what Keras does not have.
std::string description_of(const Network& network, Terminal& terminal) {
  try {
    return network_to_keras(network).to_string(2) + "\n";
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported) throw;
    terminal.info() << "Keras cannot express it, so it is written as this library's own JSON: "
                    << error.what() << '\n';
    return network.to_json().to_string(1) + "\n";
  }
}

int convert(Terminal& terminal, const Request& request) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  FOVEA_REQUIRE(request.force || !fs::exists(request.to, ignored), invalid_argument, request.to,
                " exists already; say --force to replace it");
  const ModelChoice choice = find_model(request.from);
  if (request.to.ends_with(".json")) {
    const Network network = choice.kind == ModelChoice::Kind::file
                                ? load_any(choice, {.device = "cpu"}).network()
                                : make_network(choice, 0);
    write_file_atomically(request.to, description_of(network, terminal));
  } else {
    const Model model = load_any(choice, {.device = "cpu"});
    if (choice.kind != ModelChoice::Kind::file) {
      terminal.info() << request.from << " has no weights: they are the initial ones\n";
    }
    if (request.to.ends_with(".weights.h5")) {
      model.save_weights(request.to);
    } else {
      model.save(request.to);
    }
  }
  const auto bytes = static_cast<std::int64_t>(fs::file_size(request.to));
  terminal.result() << request.to << ": " << format_bytes(static_cast<double>(bytes)) << '\n';
  terminal.document(
      Json::object().set("from", request.from).set("to", request.to).set("bytes", bytes));
  return kSuccess;
}

}  // namespace

Action add_convert(CLI::App& app) {
  const auto request = std::make_shared<Request>();
  app.add_option("FROM", request->from, "A model")->type_name(" ")->required();
  app.add_option("TO", request->to, "The file to write")->type_name(" ")->required();
  app.add_flag("--force", request->force, "Replace a file that exists");
  app.footer(kFooter);
  return [request](Terminal& terminal) { return convert(terminal, *request); };
}

}  // namespace fovea::cli
