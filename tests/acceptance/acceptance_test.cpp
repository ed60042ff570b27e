// What the library promises is shown by tests: this program runs them, one program of tests after
// the other, and holds the tables in tests/README.md to what it found.
//
// FOVEA_UPDATE=1 test_acceptance writes those tables.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fovea/error.h"
#include "host/data/process.h"
#include "tests/acceptance/promises.h"

namespace fovea::test {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = FOVEA_SOURCE_DIR;
const fs::path kBinary = FOVEA_BINARY_DIR;

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path << " cannot be read";
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<Section> promises() {
  return parse_promises(read_text(kSource / "tests/acceptance/promises.txt"));
}

/// Starts test_<program> with these tests only, and adds what became of them, or why there is no
/// telling.
void run_tests(const std::string& program, const std::string& filter, Evidence& evidence) {
  const fs::path executable = kBinary / "bin" / ("test_" + program);
  const fs::path report = kBinary / ("acceptance_" + program + ".json");
  if (!fs::exists(executable)) {
    evidence.failures[program] = "test_" + program + " is not built";
    return;
  }
  fs::remove(report);
  const data::ProcessResult result =
      data::run_process({executable.string(), "--gtest_color=no", "--gtest_filter=" + filter,
                         "--gtest_output=json:" + report.string()});
  if (result.exit_code != 0) std::printf("%s\n%s\n", result.output.c_str(), result.errors.c_str());
  if (!fs::exists(report)) {
    evidence.failures[program] = "test_" + program + " ended with " +
                                 std::to_string(result.exit_code) + " before its report";
    return;
  }
  const Outcomes outcomes = outcomes_of(Json::parse(read_text(report), report.string()));
  fs::remove(report);
  const bool all_passed = std::all_of(outcomes.begin(), outcomes.end(),
                                      [](const auto& outcome) { return outcome.second.empty(); });
  if (result.exit_code != 0 && all_passed) {
    evidence.failures[program] = "test_" + program + " ended with " +
                                 std::to_string(result.exit_code) + " after its tests had passed";
    return;
  }
  evidence.tests[program] = outcomes;
}

/// Runs all tests that the list names, each program once.
Evidence gather(const std::vector<Section>& sections) {
  std::map<std::string, std::set<std::string>> patterns;
  for (const Section& section : sections) {
    for (const Promise& promise : section.promises) {
      for (const Proof& proof : promise.proofs) {
        if (proof.kind == Proof::Kind::test) patterns[proof.program].insert(proof.name);
      }
    }
  }
  setenv("OMP_WAIT_POLICY", "passive", 0);  // as in ctest's presets
  Evidence evidence;
  for (const auto& [program, names] : patterns) {
    std::string filter;
    for (const std::string& name : names) filter += (filter.empty() ? "" : ":") + name;
    run_tests(program, filter, evidence);
  }
  std::istringstream samples(FOVEA_SAMPLE_TESTS);
  for (std::string name; samples >> name;) evidence.samples.insert(name);
  const fs::path trainings = kSource / "benchmarks/results/accuracy.json";
  if (fs::exists(trainings)) {
    evidence.trainings = Json::parse(read_text(trainings), trainings.string());
  }
  return evidence;
}

/// The first line of `text` that `other` has not in the same place.
std::string first_difference(const std::string& text, const std::string& other) {
  std::istringstream lines(text), others(other);
  std::string line, there;
  while (std::getline(lines, line) && std::getline(others, there) && line == there) line.clear();
  return line.empty() ? "(lines at the end are no longer there)" : line;
}

constexpr const char* kBegin = "<!-- promises: written by test_acceptance -->\n";
constexpr const char* kEnd = "<!-- promises: end -->\n";

TEST(Acceptance, EveryPromiseIsShownByTests) {
  const std::vector<Section> sections = promises();
  std::vector<std::string> broken;
  const std::string table = promises_table(sections, gather(sections), broken);
  for (const std::string& line : broken) ADD_FAILURE() << line;

  const fs::path path = kSource / "tests/README.md";
  const std::string text = read_text(path);
  const std::size_t begin = text.find(kBegin), end = text.find(kEnd);
  ASSERT_TRUE(begin != std::string::npos && end != std::string::npos && begin < end)
      << path << " has no place for the table: " << kBegin << kEnd;
  const std::string updated =
      text.substr(0, begin) + kBegin + "\n" + table + "\n" + text.substr(end);
  if (std::getenv("FOVEA_UPDATE") != nullptr) {
    std::ofstream(path, std::ios::binary) << updated;
  } else {
    EXPECT_TRUE(text == updated) << "the tables in " << path
                                 << " are not what the tests show, first:\n"
                                 << first_difference(updated, text)
                                 << "\nTo write them: FOVEA_UPDATE=1 "
                                 << (kBinary / "bin/test_acceptance").string();
  }
}

// ---- That a promise can be broken ----

/// A report with a test of each outcome, as GoogleTest writes it.
const char* const kReport = R"({"testsuites": [{"name": "All/Zoo", "testsuite": [
  {"name": "Good/a", "status": "RUN", "result": "COMPLETED"},
  {"name": "Good/b", "status": "RUN", "result": "COMPLETED"},
  {"name": "Bad", "status": "RUN", "result": "COMPLETED", "failures": [{"failure": "1 is not 2"}]},
  {"name": "Skipped", "status": "RUN", "result": "SKIPPED"},
  {"name": "Disabled", "status": "NOTRUN", "result": "SUPPRESSED"}]}]})";

Evidence some_evidence() {
  Evidence evidence;
  evidence.tests["graph"] = outcomes_of(Json::parse(kReport));
  evidence.failures["train"] = "test_train is not built";
  evidence.samples = {"iris"};
  evidence.trainings = Json::parse(R"({"rows": [
    {"name": "good", "test_accuracy": 0.98, "expected": [0.975, 0.99], "within": true},
    {"name": "error", "test_mae": 2.5, "expected": [2, 3], "within": true},
    {"name": "low", "test_accuracy": 0.97, "expected": [0.975, 0.99], "within": true},
    {"name": "doubtful", "test_accuracy": 0.98, "expected": [0.975, 0.99], "within": false}]})");
  return evidence;
}

/// The verdict's text, after "not: " where it is not good.
std::string verdict_of(const std::string& proof, const Evidence& evidence = some_evidence()) {
  const auto sections = parse_promises("A. All\nA1 | one | " + proof + "\n");
  const Verdict verdict = judge(sections[0].promises[0].proofs[0], evidence);
  return (verdict.good ? "" : "not: ") + verdict.text;
}

TEST(Promises, AreKeptByTestsThatRanAndPassed) {
  EXPECT_EQ(verdict_of("graph:All/Zoo.Good/*"), "passed");
  EXPECT_EQ(verdict_of("graph:All/Zoo.Good/b"), "passed");
  EXPECT_EQ(verdict_of("graph:All/Zoo.*"), "not: All/Zoo.Bad failed");
  EXPECT_EQ(verdict_of("graph:All/Zoo.Skipped"), "not: All/Zoo.Skipped was skipped");
  EXPECT_EQ(verdict_of("graph:All/Zoo.Disabled"), "not: All/Zoo.Disabled did not run");
  EXPECT_EQ(verdict_of("graph:All/Zoo.Good"), "not: test_graph has no such test");
  EXPECT_EQ(verdict_of("data:All/Zoo.Good/a"), "not: test_data has no such test");
  EXPECT_EQ(verdict_of("train:All/Zoo.Good/a"), "not: test_train is not built");
}

TEST(Promises, AreKeptBySamplesAndTrainings) {
  EXPECT_EQ(verdict_of("Sample.iris"), "run by ctest");
  EXPECT_EQ(verdict_of("Sample.rose"), "not: ctest runs no such sample");
  EXPECT_EQ(verdict_of("result:good"), "accuracy 0.98 (0.975 to 0.99)");
  EXPECT_EQ(verdict_of("result:error"), "mae 2.5 (2 to 3)");
  EXPECT_EQ(verdict_of("result:low"), "not: accuracy 0.97 is not within 0.975 to 0.99");
  EXPECT_EQ(verdict_of("result:doubtful"), "not: accuracy 0.98 is not within 0.975 to 0.99");
  EXPECT_EQ(verdict_of("result:none"),
            "not: benchmarks/results/accuracy.json has no training of that name");
  EXPECT_EQ(verdict_of("result:good", {}), "not: there is no benchmarks/results/accuracy.json");
}

TEST(Promises, BecomeATable) {
  const auto sections = parse_promises(
      "# a comment\nA. All\nA1 | one | graph:All/Zoo.Good/a Sample.iris\n\n"
      "B. Rest\nB1 | two | later\nB2 | three | graph:All/Zoo.Bad\n");
  std::vector<std::string> broken;
  EXPECT_EQ(promises_table(sections, some_evidence(), broken),
            "3 promises: 1 kept, 1 broken, 1 later.\n"
            "\n### A. All\n\n| | Promise | Test | Result |\n|---|---|---|---|\n"
            "| A1 | one | `graph:All/Zoo.Good/a`, `Sample.iris` | passed, run by ctest |\n"
            "\n### B. Rest\n\n| | Promise | Test | Result |\n|---|---|---|---|\n"
            "| B1 | two |  | later |\n"
            "| B2 | three | `graph:All/Zoo.Bad` | BROKEN: All/Zoo.Bad failed |\n");
  EXPECT_EQ(broken, std::vector<std::string>{"B2, graph:All/Zoo.Bad: All/Zoo.Bad failed"});
}

TEST(Promises, MistakesInTheListAreNamed) {
  const auto error_of = [](const std::string& text) -> std::string {
    try {
      parse_promises(text);
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  };
  const auto expect_mistake = [&](const std::string& text, const std::string& part) {
    EXPECT_NE(error_of(text).find(part), std::string::npos) << error_of(text);
  };
  expect_mistake("A. All\nA1 | one\n", "line 2: a promise is 'number | text | proofs'");
  expect_mistake("A. All\nA1 | one | \n", "line 2: a promise is 'number | text | proofs'");
  expect_mistake("A. All\nA1 | one | Zoo.Good\n", "'Zoo.Good' is neither program:Suite.Name");
  expect_mistake("A. All\nA1 | one | graph:-Zoo.Good\n", "'graph:-Zoo.Good' is neither");
  expect_mistake("A. All\nA2 | one | later\n", "the number here is A1, not 'A2'");
  expect_mistake("A. All\nB1 | one | later\n", "the number here is A1, not 'B1'");
  expect_mistake("A1 | one | later\n", "no section yet");
  expect_mistake("Networks\n", "line 1: 'Networks' is neither a section");
}

}  // namespace
}  // namespace fovea::test
