// What the library promises, one line each in promises.txt, and how it is found out whether tests
// show it.
//
//   A. Networks
//   A1 | what is promised | proof proof ...
//
// A proof is one of
//   graph:Suite.Name   a test of the program test_graph; * stands for any text, also across names
//   Sample.name        a sample that ctest runs
//   result:name        a training recorded in benchmarks/results/accuracy.json
// Instead of proofs, "later" stands where nothing is promised yet. Lines that begin with # are
// comments.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/json.h"

namespace fovea::test {

struct Proof {
  enum class Kind { test, sample, result };
  Kind kind;
  std::string program;  ///< of a test: "graph" for test_graph
  std::string name;     ///< of a test: a pattern

  std::string str() const;  ///< as in the list
};

struct Promise {
  std::string id;  ///< "A1"
  std::string text;
  std::vector<Proof> proofs;  ///< none: later
};

struct Section {
  std::string title;  ///< "A. Networks"
  std::vector<Promise> promises;
};

/// Throws parse, naming the line: for one that is neither title nor promise, a proof of another
/// form, or numbers that are not 1, 2, 3 ... under their section's letter.
std::vector<Section> parse_promises(std::string_view text);

/// Whether a name is what a pattern with * describes.
bool matches(std::string_view name, std::string_view pattern);

/// Per test's full name, what is wrong with it; empty where it ran and passed.
using Outcomes = std::map<std::string, std::string>;

/// Out of the report that a GoogleTest program writes with --gtest_output=json.
Outcomes outcomes_of(const Json& report);

/// What proofs are judged by.
struct Evidence {
  std::map<std::string, Outcomes> tests;        ///< by program
  std::map<std::string, std::string> failures;  ///< of programs that gave no report: why
  std::set<std::string> samples;                ///< that ctest runs
  Json trainings;                               ///< accuracy.json; null where it is missing
};

struct Verdict {
  bool good = false;
  std::string text;  ///< for the table's last column; what is wrong where it is not good
};

/// A proof by tests is good where some ran, and all that ran passed; by a sample where ctest runs
/// it; by a training where its result lies between the limits recorded beside it.
Verdict judge(const Proof& proof, const Evidence& evidence);

/// The tables of all sections in Markdown, after a line that counts; appends to `broken` a line for
/// every proof that is not good.
std::string promises_table(const std::vector<Section>& sections, const Evidence& evidence,
                           std::vector<std::string>& broken);

}  // namespace fovea::test
