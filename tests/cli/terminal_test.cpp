// The command in a terminal, which tmux plays: the bar is redrawn in place, Ctrl-C saves, bold type
// comes and goes.
#include <regex>

#include "tests/cli/cli_test_support.h"

namespace fovea::test {
namespace {

class InTerminal : public Cli {
 protected:
  void SetUp() override {
    if (std::system("tmux -V >/dev/null 2>&1") != 0) GTEST_SKIP() << "tmux is not installed";
    write_mnist(path("mnist"), 640, 100);
  }
  void TearDown() override { tmux("kill-server"); }

  /// A terminal of 140 x 30 characters in which a shell runs these commands, then waits. Each has a
  /// server of its own: one that was told to end may still hold its socket.
  void open(const std::string& commands) {
    ++terminals_;
    const std::string script = "cd " + folder_.path().string() +
                               "; export PATH=" FOVEA_BINARY_DIR "/bin:$PATH\n" + commands +
                               "\nsleep 1000\n";
    write_file(path("script"), Bytes(script.begin(), script.end()));
    const Finished opened =
        tmux("-f /dev/null new-session -d -x 140 -y 30 'bash " + path("script") + "'");
    ASSERT_EQ(opened.code, 0) << opened.err;
  }
  Finished tmux(const std::string& words) const {
    return shell("TERM=xterm LC_ALL=C.UTF-8 tmux -u -S " +
                 path("socket" + std::to_string(terminals_)) + " " + words);
  }
  /// What can be seen, with control sequences if they are asked for.
  std::string screen(bool sequences = false) const {
    tmux(std::string("capture-pane -p ") + (sequences ? "-e" : ""));
    return text_of("shell.out");
  }
  /// The screen, once the text is on it; five minutes are long enough.
  std::string screen_with(const std::string& pattern) const {
    const std::regex wanted(pattern);
    std::string seen;
    for (int i = 0; i < 3000; ++i) {
      seen = screen();
      if (std::regex_search(seen, wanted)) return seen;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    ADD_FAILURE() << pattern << " never came on the screen:\n" << seen;
    return seen;
  }
  static std::ptrdiff_t matches(const std::string& text, const std::string& pattern) {
    const std::regex wanted(pattern);
    return std::distance(std::sregex_iterator(text.begin(), text.end(), wanted), {});
  }

  static constexpr const char* kLongTraining =
      "fovea train mnist_cnn mnist --data mnist --batch-size 1 --epochs 3 --out run --threads 1; "
      "echo code=$?";

 private:
  int terminals_ = 0;
};

TEST_F(InTerminal, TheBarIsRedrawnAndCtrlCSaves) {
  open(kLongTraining);
  // steps done, the bar, the time that is left, the time of a step, metrics
  const std::string bar = "(\\d+)/640 (━|─)+ [0-9:]+s? \\d+(ms|us)/step - loss: ";
  const std::string early = screen_with(bar);
  EXPECT_EQ(matches(early, "/640 "), 1) << early;
  std::smatch first;
  ASSERT_TRUE(std::regex_search(early, first, std::regex(bar)));
  std::string late = early;
  std::smatch second;
  for (int i = 0; i < 100 && (second.empty() || second[1] == first[1]); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    late = screen();
    std::regex_search(late, second, std::regex(bar));
  }
  EXPECT_GT(std::stoi(second[1]), std::stoi(first[1]));
  EXPECT_EQ(matches(late, "/640 "), 1) << "the bar stays on its line:\n" << late;

  tmux("send-keys C-c");
  const std::string ended = screen_with("code=\\d+");
  EXPECT_TRUE(contains(ended, "code=130")) << ended;
  EXPECT_TRUE(contains(ended, "training was interrupted after step ")) << ended;
  EXPECT_TRUE(contains(ended, "fovea train --resume run")) << ended;
  EXPECT_TRUE(exists("run/last.fov"));
}

TEST_F(InTerminal, BoldTypeComesAndGoes) {
  const std::string commands =
      "fovea evaluate nowhere.fov mnist; fovea train lenet5 mnist --data "
      "mnist --epochs 1 --out ";
  open(commands + "a; echo done=$?");
  screen_with("done=0");
  const std::string styled = screen(true);
  EXPECT_TRUE(std::regex_search(styled, std::regex("\033\\[[0-9;]*1m[^\n]*Best: epoch 1")))
      << styled;
  EXPECT_TRUE(std::regex_search(styled, std::regex("\033\\[31m[^\n]*fovea evaluate:"))) << styled;
  tmux("kill-server");

  open("export NO_COLOR=1; " + commands + "b; echo done=$?");
  screen_with("done=0");
  EXPECT_FALSE(contains(screen(true), "\033[")) << screen(true);
}

}  // namespace
}  // namespace fovea::test
