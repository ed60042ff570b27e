// fovea completion: bash itself is asked what it would offer.
#include "fovea/models.h"
#include "tests/cli/cli_test_support.h"

namespace fovea::test {
namespace {

class Completion : public Cli {
 protected:
  /// What bash offers for the last of these words, one per line.
  std::string offered(const std::string& line) const {
    const Finished finished = shell(
        "source <(fovea completion bash)\n"
        "COMP_WORDS=(" +
        line +
        ")\n"
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
        "_fovea\n"
        "printf '%s\\n' \"${COMPREPLY[@]}\"");
    EXPECT_EQ(finished.code, 0) << finished.err;
    EXPECT_EQ(finished.err, "");
    return "\n" + finished.out;
  }
  void expect_offered(const std::string& line, const Arguments& words) const {
    const std::string all = offered(line);
    for (const std::string& word : words) {
      EXPECT_TRUE(contains(all, "\n" + word + "\n")) << line << " does not offer " << word << all;
    }
  }
};

TEST_F(Completion, InBash) {
  expect_offered("fovea ''", {"train", "predict", "data", "completion"});
  EXPECT_EQ(offered("fovea eval"), "\nevaluate\n");
  expect_offered("fovea train ''", network_names());
  expect_offered("fovea train lenet5 ''", {"mnist", "cifar10", "synthetic"});
  EXPECT_EQ(offered("fovea train lenet5 fash"),
            "\nfashion_mnist_cnn\nfashion_mnist_mlp\nfashion_mnist\n");
  expect_offered("fovea train lenet5 mnist --", {"--epochs", "--resume", "--json", "--device"});
  EXPECT_EQ(offered("fovea train lenet5 mnist --opt"), "\n--optimizer\n");
  EXPECT_EQ(offered("fovea train lenet5 mnist --optimizer ada"),
            "\nadam\nadamw\nadagrad\nadamax\n");
  expect_offered("fovea data ''", {"list", "get", "make"});
  EXPECT_EQ(offered("fovea data get m"), "\nmnist\n");
  EXPECT_EQ(offered("fovea completion z"), "\nzsh\n");
}

TEST_F(Completion, OffersFiles) {
  write_file(path("a picture.png"), {1});
  EXPECT_EQ(offered("fovea predict a"), "\na picture.png\n") << "no models without weights";
}

TEST_F(Completion, IsRegistered) {
  const Finished finished = shell("source <(fovea completion bash); complete -p fovea");
  EXPECT_EQ(finished.out, "complete -o filenames -F _fovea fovea\n");
}

/// Other shells are asked where they are installed.
TEST_F(Completion, ScriptsParseInOtherShells) {
  int shells = 0;
  for (const char* name : {"zsh", "fish"}) {
    if (shell(std::string("command -v ") + name).code != 0) continue;
    ++shells;
    const Finished finished =
        shell(std::string("fovea completion ") + name + " >script && " + name + " -n script");
    EXPECT_EQ(finished.code, 0) << name << ": " << finished.err;
  }
  if (shells == 0) GTEST_SKIP() << "neither zsh nor fish is installed";
}

}  // namespace
}  // namespace fovea::test
