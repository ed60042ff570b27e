// The command fovea: reads the command line, starts a subcommand, and turns what went wrong into
// one line and an exit code.
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <vector>

#include "fovea/error.h"
#include "fovea/names.h"
#include "fovea/version.h"
#include "host/cli/command.h"
#include "host/cli/interrupt.h"

namespace fovea::cli {
namespace {

constexpr Command kCommands[] = {
    {"train", "Train a model; everything about it is kept in a run folder", add_train},
    {"evaluate", "Measure a model on the test part of a data set", add_evaluate},
    {"predict", "Tell what pictures show", add_predict},
    {"summary", "Show a model's layers, and what training it takes", add_summary},
    {"report", "Write a page, or pictures, of a run or a model", add_report},
    {"view", "Write a 3-D page of a model to walk around in", add_view},
    {"convert", "Write a model in another format", add_convert},
    {"bench", "Measure the speed of training or of a convolution", add_bench},
    {"data", "List, fetch and write data sets", add_data},
    {"devices", "List what the library can compute on", add_devices},
    {"selfcheck", "Check that a model is computed rightly here", add_selfcheck},
    {"completion", "Print a script that completes the command in a shell", add_completion},
};

constexpr const char* kFooter =
    "Examples:\n"
    "  fovea train lenet5 mnist --data DIR --epochs 3 --out RUN\n"
    "  fovea report RUN\n"
    "  fovea predict RUN/best.fov digit.png\n"
    "  fovea summary resnet20 --batch-size 128\n"
    "  fovea data list\n"
    "\n"
    "Exit codes: 0 done; 1 it failed, and a line on standard error says why; 2 the command\n"
    "line was not understood; 130 stopped by Ctrl-C; 143 stopped by SIGTERM. With --json,\n"
    "standard output is one JSON document; all else goes to standard error. NO_COLOR=1 leaves\n"
    "out colours and bold type.";

/// What to say of a word of the command line that `app` does not know.
std::string unknown_word(const CLI::App& app, std::string word) {
  word = word.substr(0, word.find('='));
  std::vector<std::string> names;
  if (word.starts_with("-")) {
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  } else {
    for (const CLI::App* sub : app.get_subcommands({})) names.push_back(sub->get_name());
  }
  const std::string closest = closest_name(word, names);
  const std::string kind = word.starts_with("-") ? "option" : names.empty() ? "word" : "command";
  return "unknown " + kind + " '" + word + "'" +
         (closest.empty() ? "" : "; did you mean '" + closest + "'?");
}

/// The innermost subcommand that the command line reached.
const CLI::App& innermost(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? app : innermost(*parsed.back());
}

/// "fovea data get".
std::string full_name(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name()
                                     : full_name(*app.get_parent()) + " " + app.get_name();
}

int report_usage(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& reached = innermost(app);
  const std::vector<std::string> unknown = reached.remaining(true);
  const std::string message =
      unknown.empty() ? error.what() : unknown_word(reached, unknown.back());
  Terminal::error(full_name(reached), message + "; see " + full_name(reached) + " --help");
  return kUsage;
}

/// For people one line, for programs a document.
int report_failure(Terminal& terminal, const std::string& who, const char* code,
                   const std::string& message, int exit_code) {
  Terminal::error(who, message);
  Json error = Json::object();
  error.set("code", code);
  error.set("message", message);
  try {
    terminal.document(Json::object().set("error", error));
  } catch (const Error&) {  // nobody reads standard output: the line above must do
  }
  return exit_code;
}

int run(const Action& action, Terminal& terminal, const std::string& who) {
  try {
    const int code = action(terminal);
    if (!(std::cout << std::flush)) {
      Terminal::error(who, "cannot write to standard output");
      return kFailure;
    }
    return code;
  } catch (const UsageError& error) {
    return report_failure(terminal, who, "usage",
                          std::string(error.what()) + "; see " + who + " --help", kUsage);
  } catch (const Error& error) {
    const bool interrupted = error.code() == ErrorCode::interrupted;
    return report_failure(terminal, who, error_code_name(error.code()), error.what(),
                          interrupted ? interrupted_exit_code() : kFailure);
  } catch (const std::bad_alloc&) {
    return report_failure(terminal, who, "out_of_memory", "there is not enough memory", kFailure);
  } catch (const std::exception& error) {
    return report_failure(terminal, who, "internal", error.what(), kFailure);
  }
}

int start(int argc, char** argv) {
  CLI::App app("Trains, evaluates and shows convolutional neural networks.", "fovea");
  app.set_version_flag("--version", "fovea " + version(), "Print the version and stop");
  app.set_help_flag("-h,--help", "Print this and stop");
  app.get_formatter()->column_width(34);
  app.footer(kFooter);
  app.require_subcommand(1);

  bool json = false;
  bool quiet = false;
  std::vector<Action> actions;
  for (const Command& command : kCommands) {
    CLI::App* sub = app.add_subcommand(command.name, command.summary);
    actions.push_back(command.add(*sub));
    std::vector<CLI::App*> leaves = sub->get_subcommands({});
    if (leaves.empty()) leaves.push_back(sub);
    for (CLI::App* leaf : leaves) {
      leaf->add_flag("--json", json, "Write one JSON document to standard output")->group("Output");
      leaf->add_flag("-q,--quiet", quiet, "Say only the result and errors")->group("Output");
    }
  }

  if (argc == 1) {
    std::cerr << app.help();
    return kUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return report_usage(app, error);
  }
  Terminal terminal;
  terminal.set_up(json, quiet);
  for (std::size_t i = 0; i < actions.size(); ++i) {
    if (app.got_subcommand(kCommands[i].name)) {
      return run(actions[i], terminal, full_name(innermost(app)));
    }
  }
  return kUsage;
}

}  // namespace

}  // namespace fovea::cli

int main(int argc, char** argv) {
  // A file that grows too large is then an error like any other, instead of the end.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return fovea::cli::start(argc, argv);
  } catch (const std::exception& error) {  // before there is a subcommand, such as std::bad_alloc
    std::fprintf(stderr, "fovea: %s\n", error.what());
    return fovea::cli::kFailure;
  }
}
