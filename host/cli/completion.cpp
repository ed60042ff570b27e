// fovea completion: scripts for shells, made from the command's own options.
#include <memory>
#include <sstream>

#include "fovea/models.h"
#include "fovea/optimizer.h"
#include "host/cli/command.h"
#include "host/cli/data_sets.h"
#include "host/cli/download.h"
#include "host/cli/recipes.h"
#include "host/cli/train_options.h"

namespace fovea::cli {
namespace {

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

/// "--epochs --json".
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
      {"--events", event_choices()},         {"--invert", {"auto", "yes", "no"}},
      {"--padding", {"same", "valid"}}};
}

/// A subcommand, by the words that lead to it: "train", "data get"; "" is the command itself.
struct Place {
  std::string path;
  std::string options;
  std::string words;
  const CLI::App* app;
};

void add_places(std::vector<Place>& places, const CLI::App& app, const std::string& path) {
  const std::string subs = subcommands_of(app);
  places.push_back({path, options_of(app), subs.empty() ? words_of(app) : subs, &app});
  for (const CLI::App* sub : app.get_subcommands({})) {
    add_places(places, *sub, path.empty() ? sub->get_name() : path + " " + sub->get_name());
  }
}

std::vector<Place> places_of(const CLI::App& root) {
  std::vector<Place> places;
  add_places(places, root, "");
  return places;
}

// ---- bash and zsh, which agree on much ----

/// The cases of a loop over the words so far, which ends with the place in `place`.
std::string place_cases(const std::vector<Place>& places) {
  std::string text = "    case \"$place${place:+ }$word\" in\n";
  for (const Place& place : places) {
    if (place.path.empty()) continue;
    text += "      '" + place.path + "') place='" + place.path + "' ;;\n";
  }
  return text + "    esac\n";
}

/// The case that sets `options` and `names` by the place.
std::string offer_cases(const std::vector<Place>& places) {
  std::string text = "  case $place in\n";
  for (const Place& place : places) {
    text += "    '" + place.path + "') options='" + place.options + "'; names='" + place.words +
            "' ;;\n";
  }
  return text + "  esac\n";
}

std::string bash_script(const std::vector<Place>& places) {
  std::ostringstream out;
  out << "# Completion of fovea in bash: source <(fovea completion bash)\n"
         "_fovea() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  local place='' options='' names='' word\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      << place_cases(places)
      << "  done\n"
         "  case $previous in\n";
  for (const Values& values : option_values()) {
    out << "    " << values.option << ") COMPREPLY=($(compgen -W '" << join(values.names)
        << "' -- \"$current\")); return ;;\n";
  }
  out << "  esac\n"
      << offer_cases(places)
      << "  case $current in\n"
         "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$current\")) ;;\n"
         "    *)\n"
         "      COMPREPLY=($(compgen -W \"$names\" -- \"$current\"))\n"
         "      local IFS=$'\\n'\n"
         "      [ -z \"$place\" ] || COMPREPLY+=($(compgen -f -- \"$current\"))\n"
         "      ;;\n"
         "  esac\n"
         "}\n"
         "complete -o filenames -F _fovea fovea\n";
  return out.str();
}

std::string zsh_script(const std::vector<Place>& places) {
  std::ostringstream out;
  out << "#compdef fovea\n"
         "# Completion of fovea in zsh: source <(fovea completion zsh)\n"
         "_fovea() {\n"
         "  local place='' options='' names='' word\n"
         "  for word in \"${(@)words[2,CURRENT-1]}\"; do\n"
      << place_cases(places)
      << "  done\n"
         "  case ${words[CURRENT-1]} in\n";
  for (const Values& values : option_values()) {
    out << "    " << values.option << ") compadd -- " << join(values.names) << "; return ;;\n";
  }
  out << "  esac\n"
      << offer_cases(places)
      << "  case ${words[CURRENT]} in\n"
         "    -*) compadd -- ${=options} ;;\n"
         "    *)\n"
         "      compadd -- ${=names}\n"
         "      [ -z \"$place\" ] || _files\n"
         "      ;;\n"
         "  esac\n"
         "}\n"
         "# Loaded by zsh itself it is called at once; sourced, it is made known.\n"
         "if [ \"${funcstack[1]}\" = _fovea ]; then _fovea \"$@\"; else compdef _fovea fovea; fi\n";
  return out.str();
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

std::string fish_script(const std::vector<Place>& places) {
  std::ostringstream out;
  out << "# Completion of fovea in fish: fovea completion fish | source\n";
  const std::vector<Values> values = option_values();
  for (const Place& place : places) {
    for (const CLI::App* sub : place.app->get_subcommands({})) {
      const std::string where =
          place.path.empty() ? "__fish_use_subcommand" : quoted(seen(place.path));
      out << "complete -c fovea -f -n " << where << " -a " << sub->get_name() << " -d "
          << quoted(sub->get_description()) << '\n';
    }
    if (place.path.empty()) continue;
    const std::string where = quoted(seen(place.path));
    if (place.app->get_subcommands({}).empty() && !place.words.empty()) {
      out << "complete -c fovea -n " << where << " -a " << quoted(place.words) << '\n';
    }
    for (const CLI::Option* option : place.app->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        out << "complete -c fovea -n " << where << " -l " << name;
        for (const Values& known : values) {
          if ("--" + name == known.option) out << " -x -a " << quoted(join(known.names));
        }
        out << " -d " << quoted(option->get_description()) << '\n';
      }
    }
  }
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
    const std::vector<Place> places = places_of(*app.get_parent());
    const std::string script = *shell == "bash"  ? bash_script(places)
                               : *shell == "zsh" ? zsh_script(places)
                                                 : fish_script(places);
    terminal.result() << script;
    terminal.document(Json::object().set("shell", *shell).set("script", script));
    return kSuccess;
  };
}

}  // namespace fovea::cli
