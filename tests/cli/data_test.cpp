// fovea data: lists, fetches and writes data sets.
#include "tests/cli/cli_test_support.h"
#include "tests/data/http_server.h"

namespace fovea::test {
namespace {

namespace fs = std::filesystem;

TEST_F(Cli, ListsDataSetsAndWhereTheyAre) {
  write_mnist(path(".cache/fovea/mnist"), 20, 10);
  const Json sets = run_json({"data", "list"}).at("data_sets");
  std::map<std::string, bool> found;
  for (const Json& set : sets.as_array()) {
    found[set.at("name").as_string()] = set.at("found").as_bool();
  }
  EXPECT_TRUE(found.at("mnist"));
  EXPECT_TRUE(found.at("synthetic"));
  EXPECT_FALSE(found.at("cifar10"));
  EXPECT_FALSE(found.at("fashion_mnist")) << "other pictures in the same format";
  const Finished text = run({"data", "list"});
  EXPECT_TRUE(contains(text.out, "in " + path(".cache/fovea/mnist"))) << text.out;
  EXPECT_TRUE(contains(text.out, "not found"));
}

TEST_F(Cli, WritesPicturesThatItCanTrainOn) {
  if (!FOVEA_HAS_PNG) GTEST_SKIP() << "the library was built without libpng";
  write_mnist(path("mnist"), 40, 10);
  const Json made = run_json(
      {"data", "make", "mnist", path("digits"), "--data", path("mnist"), "--train-samples", "30"});
  EXPECT_EQ(made.at("pictures").as_int(), 40);
  int train = 0;
  for (const auto& entry : fs::recursive_directory_iterator(path("digits/train"))) {
    if (entry.path().extension() == ".png") ++train;
  }
  EXPECT_EQ(train, 30);
  expect_failure(run({"data", "make", "mnist", path("digits"), "--data", path("mnist")}), 1,
                 {"exists already"});
  expect_failure(run({"data", "make", "clusters", path("rows")}), 1, {"has no pictures"});
  expect_failure(run({"data", "make", path("digits"), path("more")}), 1,
                 {"is a path, not the name of a data set"});
}

TEST_F(Cli, AFileThatIsNotTheExpectedOneIsNotKept) {
  const std::string text = "an error page of a proxy";
  const HttpServer server(Bytes(text.begin(), text.end()), {});
  expect_failure(run({"data", "get", "mnist", "--data", path("sets"), "--mirror", server.url()}), 1,
                 {"is not the expected file", "f68b3c2dcbeaaa9fbdd348bbdeb94873"});
  for (const auto& entry : fs::recursive_directory_iterator(path("sets"))) {
    EXPECT_FALSE(entry.is_regular_file()) << entry.path();
  }
}

TEST_F(Cli, WhatCannotBeFetchedIsOneLineBesideCurls) {
  HttpServer::Behaviour missing;
  missing.status = 404;
  const HttpServer server({}, missing);
  const Finished finished =
      run({"data", "get", "cifar100", "--data", path("sets"), "--mirror", server.url()});
  EXPECT_EQ(finished.code, 1);
  EXPECT_TRUE(contains(finished.err, "fovea data get: cannot download")) << finished.err;
  expect_failure(run({"data", "get", "synthetic"}), 2, {"unknown data set to fetch"});
}

}  // namespace
}  // namespace fovea::test
