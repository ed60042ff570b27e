// Runs another program: posix_spawn, two pipes, poll until both are closed.
#include "host/data/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "fovea/error.h"

extern char** environ;

namespace fovea::data {
namespace {

/// A pipe that other programs started meanwhile do not inherit.
struct Pipe {
  Pipe() {
    FOVEA_REQUIRE(pipe2(ends, O_CLOEXEC) == 0, io, "cannot create a pipe: ", std::strerror(errno));
  }
  ~Pipe() {
    close(ends[0]);
    close_writer();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_writer() {
    if (ends[1] >= 0) close(ends[1]);
    ends[1] = -1;
  }
  int ends[2] = {-1, -1};
};

struct SpawnActions {
  SpawnActions() { posix_spawn_file_actions_init(&actions); }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  posix_spawn_file_actions_t actions;
};

pid_t start(const std::vector<std::string>& arguments, const Pipe& out, const Pipe& err) {
  SpawnActions spawn;
  posix_spawn_file_actions_addopen(&spawn.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&spawn.actions, out.ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&spawn.actions, err.ends[1], STDERR_FILENO);
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t child = 0;
  const int error = posix_spawnp(&child, argv[0], &spawn.actions, nullptr, argv.data(), environ);
  FOVEA_REQUIRE(error != ENOENT, unsupported, "the program ", arguments[0],
                " is needed but not installed (apt-get install ", arguments[0], ")");
  FOVEA_REQUIRE(error == 0, io, "cannot start the program ", arguments[0], ": ",
                std::strerror(error));
  return child;
}

/// Appends what there is to read; false at the end of the stream.
bool drain(int descriptor, std::string& text, bool show) {
  std::array<char, 4096> buffer;
  const ssize_t got = read(descriptor, buffer.data(), buffer.size());
  if (got < 0) return errno == EINTR;
  if (got == 0) return false;
  text.append(buffer.data(), static_cast<std::size_t>(got));
  // Showing is a courtesy: where stderr is closed, nothing is lost.
  if (show) [[maybe_unused]]
    const ssize_t shown = write(STDERR_FILENO, buffer.data(), static_cast<std::size_t>(got));
  return true;
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& arguments, bool show_errors) {
  Pipe out, err;
  const pid_t child = start(arguments, out, err);
  out.close_writer();
  err.close_writer();
  ProcessResult result;
  std::array<pollfd, 2> streams = {pollfd{out.ends[0], POLLIN, 0}, pollfd{err.ends[0], POLLIN, 0}};
  while (streams[0].fd >= 0 || streams[1].fd >= 0) {
    if (poll(streams.data(), streams.size(), -1) < 0) continue;  // interrupted by a signal
    if (streams[0].revents != 0 && !drain(streams[0].fd, result.output, false)) streams[0].fd = -1;
    if (streams[1].revents != 0 && !drain(streams[1].fd, result.errors, show_errors)) {
      streams[1].fd = -1;
    }
  }
  result.exit_code = wait_for(child);
  return result;
}

}  // namespace fovea::data
