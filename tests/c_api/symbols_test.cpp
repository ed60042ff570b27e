// The binary interface: what libfovea.so exports is what tests/c_api/symbols.txt lists, and C++ of
// the namespace fovea. Who adds a function adds a line there; who takes one away or renames it
// breaks programs, which calls for another soname.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <sstream>
#include <string>

namespace {

const std::string kFolder = std::string(FOVEA_SOURCE_DIR) + "/tests/c_api";

std::set<std::string> exported_symbols() {
  const std::string command = std::string(FOVEA_NM) + " -D --defined-only '" + FOVEA_LIBRARY + "'";
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string text;
  char buffer[4096];
  while (pipe && std::fgets(buffer, sizeof buffer, pipe.get()) != nullptr) text += buffer;
  std::set<std::string> symbols;
  std::istringstream lines(text);
  std::string address;
  std::string kind;
  std::string name;
  while (lines >> address >> kind >> name) symbols.insert(name);
  return symbols;
}

std::set<std::string> listed_symbols() {
  std::ifstream file(kFolder + "/symbols.txt");
  return {std::istream_iterator<std::string>(file), std::istream_iterator<std::string>()};
}

bool is_c(const std::string& symbol) { return symbol.starts_with("fovea_"); }

/// Of the namespace fovea itself, not of a template of somebody else's over its types.
bool is_fovea_cpp(const std::string& symbol) {
  static const std::set<std::string> kBeginnings = {"_ZN",   "_ZNK", "_ZTIN", "_ZTSN",  "_ZTVN",
                                                    "_ZTTN", "_ZZN", "_ZZNK", "_ZGVZN", "_ZGVZNK"};
  const std::size_t at = symbol.find("5fovea");
  if (at == std::string::npos) return false;
  if (symbol.starts_with("_ZTh") || symbol.starts_with("_ZTv")) return true;
  return kBeginnings.count(symbol.substr(0, at)) == 1;
}

TEST(CSymbols, AreThoseOfTheList) {
  const std::set<std::string> listed = listed_symbols();
  std::set<std::string> exported;
  for (const std::string& symbol : exported_symbols()) {
    if (is_c(symbol)) exported.insert(symbol);
  }
  ASSERT_FALSE(exported.empty()) << FOVEA_NM << " found nothing in " << FOVEA_LIBRARY;
  for (const std::string& symbol : exported) {
    EXPECT_TRUE(listed.count(symbol) == 1) << symbol << " is exported, but not in symbols.txt";
  }
  for (const std::string& symbol : listed) {
    EXPECT_TRUE(exported.count(symbol) == 1) << symbol << " is in symbols.txt, but not exported";
  }
}

TEST(CSymbols, AllOthersAreFoveasOwn) {
  for (const std::string& symbol : exported_symbols()) {
    EXPECT_TRUE(is_c(symbol) || is_fovea_cpp(symbol)) << symbol;
  }
}

TEST(CSymbols, EachFunctionIsTestedAndDeclared) {
  const auto text_of = [](const std::filesystem::path& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  };
  std::string tests;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".cpp") tests += text_of(entry.path());
  }
  tests += text_of(kFolder + "/c_api_test_support.h");
  const std::string header = text_of(std::string(FOVEA_SOURCE_DIR) + "/include/fovea/c_api.h");
  for (const std::string& symbol : listed_symbols()) {
    const bool freed_by_scope =
        symbol.ends_with("_free") && tests.find(symbol + ">") != std::string::npos;
    EXPECT_TRUE(freed_by_scope || tests.find(symbol + "(") != std::string::npos)
        << symbol << " occurs in no test";
    EXPECT_NE(header.find(symbol + "("), std::string::npos) << symbol;
  }
}

}  // namespace
