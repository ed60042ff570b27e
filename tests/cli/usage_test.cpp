// What the command says of itself, and of command lines that it does not understand.
#include "fovea/models.h"
#include "tests/cli/cli_test_support.h"

namespace fovea::test {
namespace {

const std::vector<Arguments> kSubcommands = {
    {"train"},       {"evaluate"},     {"predict"},        {"report"},        {"view"},
    {"summary"},     {"convert"},      {"bench", "train"}, {"bench", "conv"}, {"data", "list"},
    {"data", "get"}, {"data", "make"}, {"devices"},        {"selfcheck"},     {"completion"}};

TEST_F(Cli, ExplainsEverySubcommandWithExamples) {
  const Finished all = run({"--help"});
  EXPECT_EQ(all.code, 0);
  for (const char* part : {"Examples:", "Exit codes:", "130", "143", "NO_COLOR", "--json"}) {
    EXPECT_TRUE(contains(all.out, part)) << part;
  }
  for (Arguments words : kSubcommands) {
    SCOPED_TRACE(words.back());
    EXPECT_TRUE(contains(all.out, "\n  " + words.front() + " "));
    std::string name = "fovea";
    for (const std::string& word : words) name += " " + word;
    words.emplace_back("--help");
    const Finished help = run(words);
    EXPECT_EQ(help.code, 0);
    EXPECT_EQ(help.err, "");
    for (const std::string& part : {"Usage: " + name, std::string("Examples:\n"),
                                    std::string("--json"), std::string("--quiet")}) {
      EXPECT_TRUE(contains(help.out, part)) << part << " is not in\n" << help.out;
    }
  }
}

TEST_F(Cli, TellsItsVersion) {
  const Finished version = run({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_TRUE(version.out.starts_with("fovea 0.")) << version.out;
}

TEST_F(Cli, WithoutWordsShowsTheHelpAndFails) {
  const Finished finished = run({});
  EXPECT_EQ(finished.code, 2);
  EXPECT_TRUE(contains(finished.err, "Subcommands:"));
}

TEST_F(Cli, SuggestsWhatWasMeant) {
  const std::vector<std::pair<Arguments, std::string>> cases = {
      {{"trian"}, "unknown command 'trian'; did you mean 'train'?"},
      {{"data", "lst"}, "unknown command 'lst'; did you mean 'list'?"},
      {{"train", "--epoch=3"}, "unknown option '--epoch'; did you mean '--epochs'?"},
      {{"predict", "a", "b", "--invrt", "no"},
       "unknown option '--invrt'; did you mean '--invert'?"},
      {{"train", "lenet5", "mnist", "--optimizer", "adm"}, "did you mean 'adam'?"},
      {{"train", "lenet5", "mnist", "--augment", "flp"}, "did you mean 'flip'?"},
      {{"data", "get", "minst"}, "did you mean 'mnist'?"},
      {{"completion", "basch"}, "did you mean 'bash'?"},
  };
  for (const auto& [words, part] : cases) {
    SCOPED_TRACE(words.back());
    expect_failure(run(words), 2, {part, "--help"});
  }
}

TEST_F(Cli, RefusesValuesThatMakeNoSense) {
  const std::vector<std::pair<Arguments, std::string>> cases = {
      {{"train"}, "MODEL and DATA are needed"},
      {{"train", "lenet5"}, "MODEL and DATA are needed"},
      {{"train", "lenet5", "mnist", "--epochs"}, "--epochs"},
      {{"train", "lenet5", "mnist", "--epochs", "many"}, "at least 1, not 'many'"},
      {{"train", "lenet5", "mnist", "--epochs", "0"}, "at least 1, not '0'"},
      {{"train", "lenet5", "mnist", "--lr", "-1"}, "at least 0, not '-1'"},
      {{"train", "lenet5", "mnist", "--lr", "nan"}, "at least 0, not 'nan'"},
      {{"train", "lenet5", "mnist", "--label-smoothing", "2"}, "at most 1, not '2'"},
      {{"train", "lenet5", "mnist", "--seed", "-1"}, "--seed"},
      {{"predict", "model.fov"}, "IMAGE is required"},
      {{"evaluate", "model.fov"}, "DATA is needed"},
      {{"summary"}, "MODEL is needed"},
      {{"summary", "lenet5", "--memory", "-5"}, "at least 1, not '-5'"},
      {{"bench", "conv", "--input", "1,2"}, "--input"},
      {{"data"}, "subcommand is required"},
  };
  for (const auto& [words, part] : cases) {
    SCOPED_TRACE(words.back());
    expect_failure(run(words), 2, {part});
  }
}

TEST_F(Cli, NamesModelsAndDataThatExist) {
  expect_failure(run({"train", "lenet", "mnist"}), 1, {"unknown model", "did you mean 'lenet5'?"});
  expect_failure(run({"train", "lenet5", "mnsit"}), 1,
                 {"unknown data set", "did you mean 'mnist'?", "cifar10"});
  expect_failure(run({"summary", "nowhere/model.fov"}), 1, {"no file or run folder nowhere"});
  expect_failure(run({"train", "lenet5", "nowhere/pictures"}), 1,
                 {"no folder or CSV file nowhere"});
}

TEST_F(Cli, ErrorsAreJsonToo) {
  const Finished finished = run({"summary", "lenet55", "--json"});
  EXPECT_EQ(finished.code, 1);
  const Json error = Json::parse(finished.out).at("error");
  EXPECT_EQ(error.at("code").as_string(), "invalid_argument");
  EXPECT_TRUE(contains(error.at("message").as_string(), "did you mean 'lenet5'?"));
  EXPECT_TRUE(contains(finished.err, "did you mean 'lenet5'?"));
}

TEST_F(Cli, ListsTheZoo) {
  const Json models = run_json({"summary", "--list"}).at("models");
  EXPECT_EQ(models.size(), network_names().size());
  const Finished text = run({"summary", "--list"});
  for (const std::string& name : network_names()) {
    EXPECT_TRUE(contains(text.out, "\n" + name + " ")) << name;
  }
}

TEST_F(Cli, SummarizesAndPlans) {
  const Finished text = run({"summary", "lenet5"});
  EXPECT_TRUE(contains(text.out, "Total params: 61,706")) << text.out;
  const Json json = run_json({"summary", "lenet5", "--batch-size", "32", "--memory", "64MiB"});
  EXPECT_EQ(json.at("parameters").as_int(), 61706);
  EXPECT_EQ(json.at("layers").size(), make_network("lenet5").layers().size());
  const Json& plan = json.at("plan");
  EXPECT_EQ(plan.at("batch_size").as_int(), 32);
  EXPECT_EQ(plan.at("memory_bytes").as_int(), 64 << 20);
  EXPECT_TRUE(plan.at("training").as_bool());
  EXPECT_GT(plan.at("largest_batch").as_int(), 32);
  EXPECT_GT(plan.at("peak_bytes").as_int(), plan.at("parameter_bytes").as_int());
}

TEST_F(Cli, ListsDevices) {
  const Json json = run_json({"devices"});
  EXPECT_EQ(json.at("devices")[0].at("name").as_string(), "cpu");
  EXPECT_TRUE(json.at("devices")[0].at("available").as_bool());
  EXPECT_TRUE(contains(run({"devices"}).out, "cpu"));
}

TEST_F(Cli, ChecksItself) {
  const Json json = run_json({"selfcheck", "iris_small"});
  EXPECT_TRUE(json.at("passed").as_bool());
  EXPECT_GT(json.at("kernels").as_int(), 3);
  EXPECT_EQ(json.at("failed_kernels").size(), 0u);
}

TEST_F(Cli, Measures) {
  const Json train = run_json({"bench", "train", "lenet5", "--batch-size", "8", "--steps", "3"});
  EXPECT_GT(train.at("samples_per_second").as_double(), 0);
  EXPECT_EQ(train.at("steps").as_int(), 3);
  const Json conv =
      run_json({"bench", "conv", "--input", "2,8,8,3", "--filters", "4", "--repeats", "2"});
  std::string ops;
  for (const Json& pass : conv.at("passes").as_array()) {
    ops += pass.at("op").as_string() + " ";
    EXPECT_GT(pass.at("milliseconds").as_double(), 0);
    EXPECT_EQ(pass.at("flops").as_double(), 2.0 * 2 * 8 * 8 * 4 * 3 * 3 * 3);
  }
  EXPECT_EQ(ops, "conv2d conv2d_backward_data conv2d_backward_filter ");
}

}  // namespace
}  // namespace fovea::test
