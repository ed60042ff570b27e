// What the command says, and to whom: people at a terminal, people who read a file, programs.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/json.h"

namespace fovea::cli {

/// How the command ends.
enum ExitCode : int {
  kSuccess = 0,
  kFailure = 1,
  kUsage = 2,
  kInterrupted = 130,  ///< Ctrl-C, SIGINT
  kTerminated = 143,   ///< SIGTERM
};

/// Where the command's output goes. With --json, standard output is for one JSON document, and
/// whatever else would be written there, by the library too, goes to standard error.
class Terminal {
 public:
  Terminal() = default;
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// Before anything is written.
  void set_up(bool json, bool quiet);
  bool json() const { return json_descriptor_ >= 0; }
  bool quiet() const { return quiet_; }
  /// Whether what info() says is seen at once, by somebody at a terminal.
  bool interactive() const;

  /// What is going on; nowhere with --quiet.
  std::ostream& info();
  /// What was asked for, as text; nowhere with --json, which has it in the document.
  std::ostream& result();
  /// What was asked for, for programs: written only with --json, once.
  void document(const Json& json);
  /// One line on standard error: "fovea train: message".
  static void error(const std::string& who, const std::string& message);

  /// Text in bold type, where result() and info() go to a terminal that shows it.
  std::string bold(std::string_view text) const;

 private:
  int json_descriptor_ = -1;  // the real standard output, with --json
  bool quiet_ = false;
};

/// Null for NaN and the infinities, which JSON does not have.
Json finite_or_null(double value);

/// "11.5 MB", with at least three digits.
std::string format_bytes(double bytes);
/// "60,000".
std::string format_count(std::int64_t count);
/// Four digits behind the point; in scientific notation where those would say nothing.
std::string format_number(double value);
/// A word as it is typed in a shell: in quotes, where it has to be.
std::string shell_word(const std::string& text);
/// A table of text: columns as wide as they need to be, two spaces apart.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace fovea::cli
