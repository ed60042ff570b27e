// Answers remembered across processes.
#include "host/io/disk_memo.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "fovea/error.h"
#include "tests/data/data_test_support.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;
using test::ScopedEnv;
using test::TempFolder;

class DiskMemoTest : public testing::Test {
 protected:
  static constexpr const char* kFormat = "a test's answers 1";

  std::string path() const { return (folder_ / "below" / "answers.json").string(); }
  std::optional<Json> found(const std::string& question) const {
    return DiskMemo(path(), kFormat).find(question);
  }
  void write(const std::string& text) const {
    fs::create_directories(fs::path(path()).parent_path());
    std::ofstream(path(), std::ios::binary) << text;
  }
  std::string text() const {
    std::ifstream file(path(), std::ios::binary);
    std::stringstream all;
    all << file.rdbuf();
    return all.str();
  }

  TempFolder folder_;
};

TEST_F(DiskMemoTest, AnAnswerSurvivesTheProcess) {
  const Json answer = Json::Array{42, "and why"};
  {
    DiskMemo memo(path(), kFormat);
    EXPECT_FALSE(memo.find("a question"));
    memo.remember("a question", answer);
    EXPECT_EQ(memo.find("a question"), answer);
    EXPECT_FALSE(fs::exists(path()));
  }  // saves
  EXPECT_EQ(found("a question"), answer);
  EXPECT_FALSE(found("another question"));
}

TEST_F(DiskMemoTest, TwoProcessesKeepEachOthersAnswers) {
  DiskMemo first(path(), kFormat), second(path(), kFormat);
  first.remember("first", 1);
  second.remember("second", 2);
  first.save();
  second.save();
  EXPECT_EQ(found("first"), Json(1));
  EXPECT_EQ(found("second"), Json(2));
}

TEST_F(DiskMemoTest, ThreadsMayShareIt) {
  DiskMemo memo(path(), kFormat);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&memo, t] {
      for (int i = 0; i < 100; ++i) {
        memo.remember("question " + std::to_string(i), i);
        if (i % 50 == t) memo.save();
        EXPECT_EQ(memo.find("question " + std::to_string(i)), Json(i));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(DiskMemoTest, BadAndForeignFilesCountAsEmptyAndAreReplaced) {
  for (const std::string& bad :
       {std::string(), std::string("\0\xff\x01", 3), std::string("{"), std::string("[1, 2]"),
        std::string(R"({"format": "another program's", "answers": {"question": 1}})"),
        std::string(R"({"answers": {"question": 1}})"),
        std::string(R"({"format": "a test's answers 1"})"),
        std::string(R"({"format": "a test's answers 1", "answers": 7})")}) {
    SCOPED_TRACE(bad);
    write(bad);
    DiskMemo memo(path(), kFormat);
    EXPECT_FALSE(memo.find("question"));
    memo.remember("new", 3);
    memo.save();
    EXPECT_EQ(found("new"), Json(3));
  }
}

TEST_F(DiskMemoTest, NothingNewLeavesTheFileAlone) {
  write("not ours");
  { const DiskMemo memo(path(), kFormat); }
  EXPECT_EQ(text(), "not ours");
}

TEST_F(DiskMemoTest, WhatCannotBeSavedIsNoErrorAtTheEnd) {
  std::ofstream(folder_ / "below") << "a file where a folder should be";
  {
    DiskMemo memo(path(), kFormat);
    memo.remember("question", 1);
    EXPECT_THROW(memo.save(), Error);
    memo.try_to_save();
  }
  DiskMemo nowhere("", kFormat);
  nowhere.remember("question", 1);
  nowhere.save();
  EXPECT_EQ(nowhere.find("question"), Json(1));
}

TEST(DiskMemo, LiesWhereCachesLie) {
  const auto with = [](const char* xdg, const char* home) {
    const ScopedEnv caches("XDG_CACHE_HOME", xdg), own("HOME", home);
    return DiskMemo::path_of("answers.json");
  };
  EXPECT_EQ(with("/caches", "/home/me"), "/caches/fovea/answers.json");
  EXPECT_EQ(with("", "/home/me"), "/home/me/.cache/fovea/answers.json");
  EXPECT_EQ(with("relative", "/home/me"), "/home/me/.cache/fovea/answers.json");
  EXPECT_EQ(with(nullptr, "/home/me"), "/home/me/.cache/fovea/answers.json");
  EXPECT_EQ(with("", nullptr), "");
}

}  // namespace
}  // namespace fovea
