// fovea completion: scripts for shells, made from the command's own options.
#include <memory>
#include <sstream>

#include "fovea/models.h"
#include "fovea/optimizer.h"
#include "host/cli/command.h"
#include "host/cli/data_sets.h"
#include "host/cli/download.h"
#include "host/cli/recipes.h"

namespace fovea::cli {
namespace {

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

/// "--epochs --json -q".
std::string options_of(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  }
  return join(words);
}

std::string subcommands_of(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::App* sub : app.get_subcommands({})) words.push_back(sub->get_name());
  return join(words);
}

/// Words for a subcommand's positional arguments: models, data sets; files come besides.
std::string words_of(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_single_name();
    std::vector<std::string> more;
    if (name == "MODEL" || name == "FROM") more = network_names();
    if (name == "DATA" || name == "NAME") more = data_set_names();
    if (name == "NAME" && app.get_name() == "get") more = downloadable_sets();
    if (name == "SHELL") more = {"bash", "fish", "zsh"};
    words.insert(words.end(), more.begin(), more.end());
  }
  return join(words);
}

/// What may follow some options.
struct Values {
  const char* option;
  std::vector<std::string> names;
};
std::vector<Values> option_values() {
  return {
      {"--device", {"auto", "cpu", "cuda"}}, {"--precision", {"f32", "f64", "tf32", "bf16", "f16"}},
      {"--optimizer", optimizer_names()},    {"--schedule", schedule_names()},
      {"--augment", augmentation_names()},   {"--task", {"classify", "regress"}},
      {"--invert", {"auto", "yes", "no"}},   {"--padding", {"same", "valid"}}};
}

/// Every subcommand, by the words that lead to it: "train", "data get".
void visit(const CLI::App& app, const std::string& path,
           const std::function<void(const std::string&, const CLI::App&)>& visitor) {
  for (const CLI::App* sub : app.get_subcommands({})) {
    const std::string inner = path.empty() ? sub->get_name() : path + " " + sub->get_name();
    visitor(inner, *sub);
    visit(*sub, inner, visitor);
  }
}

// ---- bash ----

std::string bash_script(const CLI::App& root) {
  std::ostringstream out;
  out << "# Completion of fovea in bash: source <(fovea completion bash)\n"
         "_fovea() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  local path='' options words='' word\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    case \"$path${path:+ }$word\" in\n";
  std::vector<std::string> paths;
  visit(root, "", [&](const std::string& path, const CLI::App&) { paths.push_back(path); });
  for (const std::string& path : paths) out << "      '" << path << "') path='" << path << "' ;;\n";
  out << "    esac\n"
         "  done\n"
         "  case $previous in\n";
  for (const Values& values : option_values()) {
    out << "    " << values.option << ") COMPREPLY=($(compgen -W '" << join(values.names)
        << "' -- \"$current\")); return ;;\n";
  }
  out << "  esac\n"
         "  case $path in\n"
         "    '') options='--help --version'; words='"
      << subcommands_of(root) << "' ;;\n";
  visit(root, "", [&](const std::string& path, const CLI::App& app) {
    const std::string subs = subcommands_of(app);
    out << "    '" << path << "') options='" << options_of(app) << "'; words='"
        << (subs.empty() ? words_of(app) : subs) << "' ;;\n";
  });
  out << "  esac\n"
         "  case $current in\n"
         "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$current\")) ;;\n"
         "    *)\n"
         "      COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "      local IFS=$'\\n'\n"
         "      [ -z \"$path\" ] || COMPREPLY+=($(compgen -f -- \"$current\"))\n"
         "      ;;\n"
         "  esac\n"
         "}\n"
         "complete -o filenames -F _fovea fovea\n";
  return out.str();
}

// ---- zsh ----

/// zsh runs bash's function, by its own emulation of it.
std::string zsh_script(const CLI::App& root) {
  return "#compdef fovea\n"
         "# Completion of fovea in zsh: source <(fovea completion zsh)\n"
         "autoload -U +X compinit && compinit -u\n"
         "autoload -U +X bashcompinit && bashcompinit\n" +
         bash_script(root);
}

// ---- fish ----

/// In fish's single quotes.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result + "'";
}

/// The condition that these subcommands were given.
std::string seen(const std::string& path) {
  std::string condition;
  std::istringstream words(path);
  for (std::string word; words >> word;) {
    condition += (condition.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + word);
  }
  return condition;
}

std::string fish_script(const CLI::App& root) {
  std::ostringstream out;
  out << "# Completion of fovea in fish: fovea completion fish | source\n";
  for (const CLI::App* sub : root.get_subcommands({})) {
    out << "complete -c fovea -f -n __fish_use_subcommand -a " << sub->get_name() << " -d "
        << quoted(sub->get_description()) << '\n';
  }
  const std::vector<Values> values = option_values();
  visit(root, "", [&](const std::string& path, const CLI::App& app) {
    const std::string subs = subcommands_of(app);
    const std::string words = subs.empty() ? words_of(app) : subs;
    if (!words.empty()) {
      out << "complete -c fovea -n " << quoted(seen(path)) << " -a " << quoted(words) << '\n';
    }
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) {
        out << "complete -c fovea -n " << quoted(seen(path)) << " -l " << name;
        for (const Values& known : values) {
          if ("--" + name == known.option) out << " -x -a " << quoted(join(known.names));
        }
        out << " -d " << quoted(option->get_description()) << '\n';
      }
    }
  });
  return out.str();
}

}  // namespace

Action add_completion(CLI::App& app) {
  const auto shell = std::make_shared<std::string>();
  app.add_option("SHELL", *shell, "bash, zsh or fish")
      ->type_name(" ")
      ->required()
      ->check(one_of("shell", {"bash", "zsh", "fish"}));
  app.footer(
      "Examples:\n"
      "  source <(fovea completion bash)\n"
      "  fovea completion bash > ~/.local/share/bash-completion/completions/fovea\n"
      "  fovea completion zsh > ~/.zfunc/_fovea\n"
      "  fovea completion fish > ~/.config/fish/completions/fovea.fish");
  return [shell, &app](Terminal& terminal) {
    const CLI::App& root = *app.get_parent();
    const std::string script = *shell == "bash"  ? bash_script(root)
                               : *shell == "zsh" ? zsh_script(root)
                                                 : fish_script(root);
    terminal.result() << script;
    terminal.document(Json::object().set("shell", *shell).set("script", script));
    return kSuccess;
  };
}

}  // namespace fovea::cli
