// fovea report and fovea view: pages and pictures of a run.
#include "fovea/image.h"
#include "tests/cli/cli_test_support.h"

namespace fovea::test {
namespace {

namespace fs = std::filesystem;

class Pages : public Cli {
 protected:
  void SetUp() override {
    if (!FOVEA_HAS_PNG)
      GTEST_SKIP() << "pages hold pictures, and the library was built without libpng";
    train("run", 2);
  }
  /// Whether it is a page that asks for nothing else.
  void expect_page(const std::string& name, const std::vector<std::string>& parts) const {
    const std::string page = text_of(name);
    EXPECT_TRUE(page.starts_with("<!DOCTYPE html>") || page.starts_with("<!doctype html>"))
        << page.substr(0, 80);
    for (const std::string& part : parts) EXPECT_TRUE(contains(page, part)) << part;
    for (const char* request : {"src=\"http", "<link rel=\"stylesheet\" href=", "@import"}) {
      EXPECT_FALSE(contains(page, request)) << request;
    }
  }
};

TEST_F(Pages, AReportOfARun) {
  const Json json = run_json({"report", path("run")});
  EXPECT_EQ(json.at("report").as_string(), path("run/report.html"));
  EXPECT_EQ(json.at("bytes").as_int(),
            static_cast<std::int64_t>(text_of("run/report.html").size()));
  expect_page("run/report.html", {"lenet5 on mnist", "val_loss", "conv2d_1"});
  const Finished elsewhere = run({"report", path("run"), "--out", path("other.html")});
  EXPECT_EQ(elsewhere.out.substr(0, elsewhere.out.find(": ")), path("other.html"));
  expect_page("other.html", {"lenet5 on mnist"});
}

TEST_F(Pages, AReportOfAFileWithoutData) {
  EXPECT_EQ(shell("fovea report run/best.fov").code, 0);
  expect_page("best-report.html", {"conv2d_1"});
}

TEST_F(Pages, DoWithoutTheRunsDataWhereTheseAreGone) {
  fs::rename(path("mnist"), path("elsewhere"));
  for (const char* command : {"report", "view"}) {
    const Finished finished = run({command, path("run")});
    if (contains(finished.err, "three.js")) {
      GTEST_SKIP() << "only the report was made: the library was built without three.js";
    }
    EXPECT_EQ(finished.code, 0) << finished.err;
    for (const std::string& part :
         {std::string("without the run's data"), "mnist is not in " + path("mnist"),
          std::string("--data DIR")}) {
      EXPECT_TRUE(contains(finished.err, part)) << finished.err;
    }
    expect_page("run/" + std::string(command) + ".html", {"conv2d_1"});
    // Data that are asked for must be there.
    expect_failure(run({command, path("run"), "--data", path("mnist")}), 1, {"mnist"});
    const Finished found = run({command, path("run"), "--data", path("elsewhere")});
    EXPECT_EQ(found.code, 0) << found.err;
    EXPECT_EQ(found.err, "");
  }
}

TEST_F(Pages, TrainingWritesItsReport) {
  const Finished finished = run({"train", "lenet5", "mnist", "--data", path("mnist"), "--epochs",
                                 "1", "--threads", "1", "--out", path("reported")});
  ASSERT_EQ(finished.code, 0) << finished.err;
  EXPECT_TRUE(contains(finished.out, "Report: " + path("reported/report.html"))) << finished.out;
  expect_page("reported/report.html", {"lenet5 on mnist"});
  EXPECT_FALSE(exists("run/report.html")) << "--no-report was not heeded";
}

TEST_F(Pages, PicturesAsFiles) {
  const std::vector<std::string> names = {"architecture", "graph",        "curves",
                                          "filters",      "feature_maps", "confusion_matrix"};
  const Json svg = run_json({"report", path("run"), "--pictures", path("svg")});
  EXPECT_EQ(svg.at("pictures").size(), names.size());
  for (const std::string& name : names) {
    EXPECT_TRUE(text_of("svg/" + name + ".svg").starts_with("<svg")) << name;
  }
  if (!FOVEA_HAS_SVG) GTEST_SKIP() << "the library was built without librsvg";
  run_json({"report", path("run"), "--pictures", path("png"), "--format", "png"});
  for (const std::string& name : names) {
    EXPECT_GT(read_image(path("png/" + name + ".png")).shape()[0], 50) << name;
  }
  expect_failure(run({"report", path("run"), "--format", "gif"}), 2, {"unknown format 'gif'"});
}

TEST_F(Pages, AViewOfARun) {
  const Finished finished = run({"view", path("run")});
  if (finished.code != 0 && contains(finished.err, "three.js")) {
    GTEST_SKIP() << "the library was built without three.js";
  }
  ASSERT_EQ(finished.code, 0) << finished.err;
  expect_page("run/view.html", {"lenet5", "conv2d_1"});
  EXPECT_EQ(run({"view", "iris_small", "--out", path("iris.html")}).code, 0);
  expect_page("iris.html", {"dense_2"});
}

TEST_F(Pages, RunsOfOtherVersions) {
  const Json written = json_of("run/config.json");
  const auto rewrite = [&](const Json& options, std::int64_t format) {
    Json config = written;
    config.set("options", options).set("format", format);
    const std::string text = config.to_string();
    write_file(path("run/config.json"), Bytes(text.begin(), text.end()));
  };
  Json older = Json::object();
  for (const auto& [name, value] : written.at("options").as_object()) {
    if (name != "events" && name != "report") older.set(name, value);
  }
  rewrite(older, 1);
  EXPECT_EQ(run({"report", path("run")}).code, 0);
  const Json longer = run_json({"train", "--resume", path("run"), "--epochs", "3"});
  EXPECT_EQ(longer.at("epochs").as_int(), 3);
  EXPECT_EQ(json_of("run/config.json").at("options").at("events").as_string(), "scalars");
  rewrite(older, 2);
  expect_failure(run({"report", path("run")}), 1,
                 {"run/config.json has format 2", "knows formats up to 1"});
  const std::string other = "{}";
  write_file(path("run/config.json"), Bytes(other.begin(), other.end()));
  expect_failure(run({"report", path("run")}), 1, {"is not as fovea train writes it"});
}

TEST_F(Pages, SayWhatIsMissing) {
  expect_failure(run({"report", path("mnist")}), 1, {"is no run folder"});
  expect_failure(run({"report", path("run"), "--out", path("nowhere/x.html")}), 1,
                 {"nowhere/x.html"});
  expect_failure(run({"view", "lenet"}), 1, {"did you mean 'lenet5'?"});
}

}  // namespace
}  // namespace fovea::test
