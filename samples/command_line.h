// Options of a program: "--name VALUE", "--name=VALUE", and flags, "--name" alone.
//
//   CommandLine line("train", "Trains a network.");
//   line.add_number("--epochs", "N", "how often every picture is seen", epochs, 1);
//   line.parse(argc, argv);  // throws UsageError
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "fovea/names.h"

/// What is wrong with a command line, in one sentence.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class CommandLine {
 public:
  CommandLine(std::string program, std::string description)
      : program_(std::move(program)), description_(std::move(description)) {}

  void add_flag(const std::string& name, const std::string& help, bool& target) {
    options_.push_back({name, "", help, [&target](const std::string&) { target = true; }});
  }

  void add_text(const std::string& name, const std::string& placeholder, const std::string& help,
                std::string& target) {
    options_.push_back({name, placeholder, help, [name, &target](const std::string& text) {
                          if (text.empty()) throw UsageError(name + " needs a value");
                          target = text;
                        }});
  }

  /// One of a few words.
  void add_choice(const std::string& name, const std::vector<std::string>& words,
                  const std::string& help, std::string& target) {
    options_.push_back({name, join(words, "|"), help, [=, &target](const std::string& text) {
                          if (std::find(words.begin(), words.end(), text) == words.end()) {
                            throw UsageError(name + " does not know '" + text + "'" +
                                             suggest(text, words) + "; valid are " +
                                             join(words, ", "));
                          }
                          target = text;
                        }});
  }

  /// A number from `least` on.
  template <class Number>
  void add_number(const std::string& name, const std::string& placeholder, const std::string& help,
                  Number& target, std::type_identity_t<Number> least) {
    options_.push_back({name, placeholder, help, [=, &target](const std::string& text) {
                          Number value{};
                          const char* end = text.data() + text.size();
                          const auto [stop, error] = std::from_chars(text.data(), end, value);
                          if (error != std::errc() || stop != end || !std::isfinite(value)) {
                            throw UsageError(name + " takes a number, not '" + text + "'");
                          }
                          if (value < least) {
                            std::ostringstream message;
                            message << name << " is at least " << least << ", not " << text;
                            throw UsageError(message.str());
                          }
                          target = value;
                        }});
  }

  void parse(int argc, char** argv) const {
    for (int i = 1; i < argc; ++i) {
      const std::string argument = argv[i];
      const std::size_t equals = argument.find('=');
      const std::string name = argument.substr(0, equals);
      const Option& option = find(name);
      if (option.placeholder.empty()) {
        if (equals != std::string::npos) throw UsageError(name + " takes no value");
        option.set("");
      } else if (equals != std::string::npos) {
        option.set(argument.substr(equals + 1));
      } else {
        if (i + 1 == argc) throw UsageError(name + " needs a value: " + option.placeholder);
        option.set(argv[++i]);
      }
    }
  }

  /// What --help prints.
  std::string help() const {
    std::string text = description_ + "\n\nUsage: " + program_ + " [OPTION]...\n\n";
    for (const Option& option : options_) {
      const std::string head = "  " + option.name + " " + option.placeholder;
      const std::size_t column = 26;
      const bool fits = head.size() < column;
      text +=
          head + (fits ? std::string(column - head.size(), ' ') : "\n" + std::string(column, ' '));
      text += option.help + "\n";
    }
    return text;
  }

 private:
  struct Option {
    std::string name;
    std::string placeholder;  // of its value; empty for a flag
    std::string help;
    std::function<void(const std::string&)> set;
  };

  const Option& find(const std::string& name) const {
    std::vector<std::string> names;
    for (const Option& option : options_) {
      if (option.name == name) return option;
      names.push_back(option.name);
    }
    if (name.rfind("--", 0) != 0) {
      throw UsageError("what is '" + name + "' for? Options begin with '--'");
    }
    throw UsageError("unknown option '" + name + "'" + suggest(name, names));
  }

  static std::string suggest(const std::string& name, const std::vector<std::string>& candidates) {
    const std::string closest = fovea::closest_name(name, candidates);
    return closest.empty() ? "" : "; did you mean '" + closest + "'?";
  }

  static std::string join(const std::vector<std::string>& words, const std::string& separator) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
    return text;
  }

  std::string program_;
  std::string description_;
  std::vector<Option> options_;
};
