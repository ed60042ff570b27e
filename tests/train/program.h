// Runs a program of this build as a user would, and keeps what it says.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

namespace fovea::test {

/// What became of a program.
struct Finished {
  int code = -1;  ///< its exit code, or 128 + the signal that ended it
  std::string out;
  std::string err;
};

/// A running program of <build>/bin. Its home is `folder`, where it finds no data, and where its
/// output goes.
class Program {
 public:
  Program(const std::string& name, std::vector<std::string> arguments,
          const std::filesystem::path& folder)
      : out_(folder / "stdout"), err_(folder / "stderr") {
    arguments.insert(arguments.begin(), FOVEA_BINARY_DIR "/bin/" + name);
    std::vector<std::string> variables = {"HOME=" + folder.string()};
    for (char** variable = environ; *variable != nullptr; ++variable) {
      const std::string text = *variable;
      if (!text.starts_with("HOME=") && !text.starts_with("FOVEA_")) variables.push_back(text);
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out_.c_str(), flags, 0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err_.c_str(), flags, 0600);
    const int error = posix_spawn(&pid_, arguments[0].c_str(), &actions, nullptr,
                                  pointers(arguments).data(), pointers(variables).data());
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) ADD_FAILURE() << arguments[0] << ": " << std::strerror(error);
  }
  ~Program() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      wait();
    }
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void send(int signal) const {
    if (pid_ > 0) kill(pid_, signal);
  }

  /// Waits until it has written a file.
  bool wait_for(const std::filesystem::path& file) const {
    return wait_until([&] { return std::filesystem::exists(file); });
  }
  /// Waits until it has printed a text.
  bool wait_for_output(const std::string& text) const {
    return wait_until([&] { return read(out_).find(text) != std::string::npos; });
  }

  Finished wait() {
    int status = 0;
    if (pid_ <= 0 || waitpid(pid_, &status, 0) != pid_) return {};
    pid_ = 0;
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return {code, read(out_), read(err_)};
  }

 private:
  /// False if the program ended, or five minutes went by, before the condition came true.
  bool wait_until(const std::function<bool()>& condition) const {
    for (int i = 0; i < 300'000; ++i) {
      if (condition()) return true;
      siginfo_t ended{};
      waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT);
      if (ended.si_pid != 0) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
  }
  static std::string read(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::filesystem::path out_;
  std::filesystem::path err_;
  pid_t pid_ = 0;
};

}  // namespace fovea::test
