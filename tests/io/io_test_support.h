// What the tests of files share: a folder that goes away, and code run in a process of its own.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "fovea/error.h"

namespace fovea {

/// A new empty folder, removed with its contents at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "fovea-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string file(const std::string& name) const { return (path_ / name).string(); }
  const std::filesystem::path& path() const { return path_; }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

 private:
  std::filesystem::path path_;
};

/// The message of the Error that `action` throws, which must have the given code; else "no error".
template <class Action>
std::string error_message(ErrorCode code, Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_STREQ(error_code_name(error.code()), error_code_name(code)) << error.what();
    return error.what();
  }
  return "no error";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Starts a child process that runs `action` and exits; returns its id.
template <class Action>
pid_t start_child(Action&& action) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  action();
  ::_exit(0);
}

/// Runs `action` in a child process, whose limits and user it may change, and returns the string
/// that it returned.
template <class Action>
std::string run_in_child(Action&& action) {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) std::abort();
  const pid_t child = start_child([&] {
    const std::string result = action();
    if (::write(pipe_ends[1], result.data(), result.size()) < 0) ::_exit(1);
  });
  ::close(pipe_ends[1]);
  std::string result(4096, '\0');
  std::size_t length = 0;
  ssize_t got = 0;
  while ((got = ::read(pipe_ends[0], result.data() + length, result.size() - length)) > 0) {
    length += static_cast<std::size_t>(got);
  }
  ::close(pipe_ends[0]);
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0) << "the child process ended badly";
  result.resize(length);
  return result;
}

/// Runs `action` as run_in_child does, without the rights of the superuser, which no permission
/// stops and whose mistakes could replace the machine's devices.
template <class Action>
std::string run_without_rights(Action&& action) {
  return run_in_child([&] {
    if (::geteuid() == 0 && ::setuid(65534) != 0) return std::string("cannot change the user");
    return std::string(action());
  });
}

}  // namespace fovea
