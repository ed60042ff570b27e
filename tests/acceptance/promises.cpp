// The list of promises: reading it, judging it, printing it.
#include "tests/acceptance/promises.h"

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "fovea/error.h"

namespace fovea::test {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(trimmed(text.substr(0, end)));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// Letters, digits and what else stands in the names of tests; nothing that GoogleTest's filter or
/// Markdown would read otherwise.
bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '/' ||
           c == '*';
  });
}

Proof parse_proof(std::string_view text, int line) {
  constexpr std::string_view kSample = "Sample.";
  const std::size_t colon = text.find(':');
  const bool sample = text.substr(0, kSample.size()) == kSample;
  const std::string_view kind = text.substr(0, colon == std::string_view::npos ? 0 : colon);
  const std::string_view name = text.substr(sample ? kSample.size() : colon + 1);
  if (!is_name(name) || (!sample && !is_name(kind))) {
    fail(ErrorCode::parse, "promises.txt, line ", line, ": '", std::string(text),
         "' is neither program:Suite.Name nor Sample.name nor result:name");
  }
  if (sample) return {Proof::Kind::sample, "", std::string(name)};
  if (kind == "result") return {Proof::Kind::result, "", std::string(name)};
  return {Proof::Kind::test, std::string(kind), std::string(name)};
}

Promise parse_promise(std::string_view text, int line) {
  const std::vector<std::string_view> columns = split(text, '|');
  if (columns.size() != 3 || columns[1].empty() || columns[2].empty()) {
    fail(ErrorCode::parse, "promises.txt, line ", line,
         ": a promise is 'number | text | proofs', not '", std::string(text), "'");
  }
  Promise promise{std::string(columns[0]), std::string(columns[1]), {}};
  if (columns[2] == "later") return promise;
  for (std::string_view proof : split(columns[2], ' ')) {
    if (!proof.empty()) promise.proofs.push_back(parse_proof(proof, line));
  }
  return promise;
}

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

/// Passed, where every test that the pattern describes did.
Verdict judge_tests(const Proof& proof, const Evidence& evidence) {
  const auto failure = evidence.failures.find(proof.program);
  if (failure != evidence.failures.end()) return {false, failure->second};
  const auto program = evidence.tests.find(proof.program);
  bool found = false;
  if (program != evidence.tests.end()) {
    for (const auto& [name, wrong] : program->second) {
      if (!matches(name, proof.name)) continue;
      if (!wrong.empty()) return {false, name + " " + wrong};
      found = true;
    }
  }
  if (!found) return {false, "test_" + proof.program + " has no such test"};
  return {true, "passed"};
}

Verdict judge_training(const std::string& name, const Json& trainings) {
  if (trainings.is_null()) return {false, "there is no benchmarks/results/accuracy.json"};
  for (const Json& row : trainings.at("rows").as_array()) {
    if (row.at("name").as_string() != name) continue;
    const char* measure = row.contains("test_accuracy") ? "test_accuracy" : "test_mae";
    const double value = row.at(measure).as_double();
    const double low = row.at("expected")[0].as_double();
    const double high = row.at("expected")[1].as_double();
    const std::string limits = number_text(low) + " to " + number_text(high);
    const bool within = value >= low && value <= high && row.at("within").as_bool();
    return {within, std::string(measure + 5) + " " + number_text(value) +
                        (within ? " (" : " is not within ") + limits + (within ? ")" : "")};
  }
  return {false, "benchmarks/results/accuracy.json has no training of that name"};
}

}  // namespace

std::string Proof::str() const {
  if (kind == Kind::sample) return "Sample." + name;
  return (kind == Kind::result ? "result" : program) + ":" + name;
}

std::vector<Section> parse_promises(std::string_view text) {
  std::vector<Section> sections;
  int line = 0;
  for (std::string_view row : split(text, '\n')) {
    ++line;
    if (row.empty() || row.front() == '#') continue;
    if (row.find('|') == std::string_view::npos) {
      if (row.size() < 4 || row.substr(1, 2) != ". ") {
        fail(ErrorCode::parse, "promises.txt, line ", line, ": '", std::string(row),
             "' is neither a section such as 'A. Networks' nor a promise");
      }
      sections.push_back({std::string(row), {}});
      continue;
    }
    Promise promise = parse_promise(row, line);
    if (sections.empty()) fail(ErrorCode::parse, "promises.txt, line ", line, ": no section yet");
    Section& section = sections.back();
    const std::string expected =
        section.title.substr(0, 1) + std::to_string(section.promises.size() + 1);
    if (promise.id != expected) {
      fail(ErrorCode::parse, "promises.txt, line ", line, ": the number here is ", expected,
           ", not '", promise.id, "'");
    }
    section.promises.push_back(std::move(promise));
  }
  return sections;
}

bool matches(std::string_view name, std::string_view pattern) {
  if (pattern.empty()) return name.empty();
  if (pattern.front() == '*') {
    return matches(name, pattern.substr(1)) || (!name.empty() && matches(name.substr(1), pattern));
  }
  return !name.empty() && name.front() == pattern.front() &&
         matches(name.substr(1), pattern.substr(1));
}

Outcomes outcomes_of(const Json& report) {
  Outcomes outcomes;
  for (const Json& suite : report.at("testsuites").as_array()) {
    for (const Json& test : suite.at("testsuite").as_array()) {
      const std::string name = suite.at("name").as_string() + "." + test.at("name").as_string();
      const std::string& result = test.at("result").as_string();
      outcomes[name] = test.at("status").as_string() != "RUN" ? "did not run"
                       : test.contains("failures")            ? "failed"
                       : result == "SKIPPED"                  ? "was skipped"
                       : result == "COMPLETED"                ? ""
                                                              : "ended as " + result;
    }
  }
  return outcomes;
}

Verdict judge(const Proof& proof, const Evidence& evidence) {
  switch (proof.kind) {
    case Proof::Kind::test:
      return judge_tests(proof, evidence);
    case Proof::Kind::sample:
      if (evidence.samples.count(proof.name) == 0) return {false, "ctest runs no such sample"};
      return {true, "run by ctest"};
    case Proof::Kind::result:
      return judge_training(proof.name, evidence.trainings);
  }
  return {};
}

std::string promises_table(const std::vector<Section>& sections, const Evidence& evidence,
                           std::vector<std::string>& broken) {
  int kept = 0, open = 0, later = 0;
  std::string tables;
  for (const Section& section : sections) {
    tables += "\n### " + section.title + "\n\n| | Promise | Test | Result |\n|---|---|---|---|\n";
    for (const Promise& promise : section.promises) {
      std::string proofs, results = promise.proofs.empty() ? "later" : "";
      bool good = true;
      for (const Proof& proof : promise.proofs) {
        const Verdict verdict = judge(proof, evidence);
        const std::string text = verdict.good ? verdict.text : "BROKEN: " + verdict.text;
        proofs += (proofs.empty() ? "`" : ", `") + proof.str() + "`";
        if (results.find(text) == std::string::npos) {
          results += (results.empty() ? "" : ", ") + text;
        }
        if (verdict.good) continue;
        good = false;
        broken.push_back(promise.id + ", " + proof.str() + ": " + verdict.text);
      }
      ++(promise.proofs.empty() ? later : good ? kept : open);
      tables +=
          "| " + promise.id + " | " + promise.text + " | " + proofs + " | " + results + " |\n";
    }
  }
  return std::to_string(kept + open + later) + " promises: " + std::to_string(kept) + " kept, " +
         std::to_string(open) + " broken, " + std::to_string(later) + " later.\n" + tables;
}

}  // namespace fovea::test
