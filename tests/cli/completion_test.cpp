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

TEST_F(Completion, InZsh) {
  if (shell("command -v zsh").code != 0) GTEST_SKIP() << "zsh is not installed";
  const auto zsh = [&](const std::string& words) {
    write_file(path("complete.zsh"), {});
    const std::string script =
        "compdef() { print made known: $@ }\ncompadd() { shift; print -l -- $@ }\n"
        "_files() { print files }\nsource <(fovea completion zsh)\nwords=(" +
        words + ")\nCURRENT=$#words\n_fovea\n";
    write_file(path("complete.zsh"), Bytes(script.begin(), script.end()));
    const Finished finished = shell("zsh -f complete.zsh");
    EXPECT_EQ(finished.err, "");
    return finished.out;
  };
  EXPECT_TRUE(zsh("fovea ''").starts_with("made known: _fovea fovea\ntrain\nevaluate\n"));
  const std::string models = zsh("fovea train ''");
  EXPECT_TRUE(contains(models, "\nlenet5\n")) << models;
  EXPECT_TRUE(contains(models, "\nfiles\n")) << models;
  EXPECT_TRUE(contains(zsh("fovea train lenet5 mnist --"), "\n--epochs\n"));
  EXPECT_EQ(zsh("fovea data make mnist --device ''"),
            "made known: _fovea fovea\nauto\ncpu\ncuda\n");
}

TEST_F(Completion, InFish) {
  if (shell("command -v fish").code != 0) GTEST_SKIP() << "fish is not installed";
  const auto fish = [&](const std::string& line) {
    const Finished finished =
        shell("fish -c \"fovea completion fish | source; complete -C '" + line + "'\"");
    EXPECT_EQ(finished.code, 0) << finished.err;
    return "\n" + finished.out;
  };
  EXPECT_TRUE(contains(fish("fovea eval"), "\nevaluate\t")) << fish("fovea eval");
  EXPECT_TRUE(contains(fish("fovea train le"), "\nlenet5")) << fish("fovea train le");
  EXPECT_TRUE(contains(fish("fovea train lenet5 --opt"), "\n--optimizer\t"));
  EXPECT_TRUE(contains(fish("fovea train lenet5 --optimizer ada"), "\nadamax"));
  EXPECT_TRUE(contains(fish("fovea data g"), "\nget\t"));
}

}  // namespace
}  // namespace fovea::test
