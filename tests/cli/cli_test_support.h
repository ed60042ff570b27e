// Runs the command fovea as its users do, on small data of its own.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "fovea/json.h"
#include "samples/digits.h"
#include "tests/data/data_test_support.h"
#include "tests/train/program.h"

namespace fovea::test {

using Arguments = std::vector<std::string>;

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline std::int64_t count_lines(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n');
}

/// MNIST's four files with drawn digits.
inline void write_mnist(const std::filesystem::path& folder, std::int64_t train,
                        std::int64_t test) {
  std::filesystem::create_directories(folder);
  const auto big_endian = [](std::initializer_list<std::int64_t> numbers) {
    Bytes bytes;
    for (const std::int64_t number : numbers) {
      for (int shift = 24; shift >= 0; shift -= 8) {
        bytes.push_back(static_cast<std::uint8_t>(number >> shift));
      }
    }
    return bytes;
  };
  const auto write = [&](const std::string& part, const Dataset& digits) {
    Bytes pictures = big_endian({2051, digits.size(), 28, 28});
    const auto pixels = digits.x.span<std::uint8_t>();
    pictures.insert(pictures.end(), pixels.begin(), pixels.end());
    write_file(folder / (part + "-images-idx3-ubyte"), pictures);
    Bytes labels = big_endian({2049, digits.size()});
    for (const std::int32_t label : digits.y.span<std::int32_t>()) {
      labels.push_back(static_cast<std::uint8_t>(label));
    }
    write_file(folder / (part + "-labels-idx1-ubyte"), labels);
  };
  write("train", make_digits(train, 1));
  write("t10k", make_digits(test, 2));
}

/// The command in an empty folder, which is its home, too.
class Cli : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  bool exists(const std::string& name) const { return std::filesystem::exists(path(name)); }
  std::string text_of(const std::string& name) const {
    const Bytes bytes = read_file(path(name));
    return {bytes.begin(), bytes.end()};
  }
  Json json_of(const std::string& name) const { return Json::parse(text_of(name), name); }

  Finished run(const Arguments& arguments) const {
    return Program("fovea", arguments, folder_.path()).wait();
  }
  /// Runs with --json; expects success, and one document on standard output.
  Json run_json(Arguments arguments) const {
    arguments.emplace_back("--json");
    const Finished finished = run(arguments);
    EXPECT_EQ(finished.code, 0) << finished.err;
    return Json::parse(finished.out, "standard output");
  }
  /// Expects this exit code, nothing on standard output, and one line that has all of the parts.
  void expect_failure(const Finished& finished, int code,
                      const std::vector<std::string>& parts) const {
    EXPECT_EQ(finished.code, code) << finished.err;
    for (const std::string& part : parts) {
      EXPECT_TRUE(contains(finished.err, part)) << "\"" << finished.err << "\" lacks " << part;
    }
    EXPECT_EQ(count_lines(finished.err), 1) << finished.err;
    EXPECT_TRUE(finished.err.starts_with("fovea")) << finished.err;
  }

  /// The words of a training on drawn digits, which takes a second; it writes no report.
  Arguments training(const std::string& out, const Arguments& more = {}) const {
    if (!exists("mnist")) write_mnist(path("mnist"), 640, 100);
    Arguments words = {"train", "lenet5",  "mnist",     "--data", path("mnist"),
                       "--out", path(out), "--threads", "1",      "--no-report"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  /// A run that is done, of `epochs` epochs.
  void train(const std::string& out, int epochs = 3) const {
    const Finished finished = run(training(out, {"--epochs", std::to_string(epochs)}));
    ASSERT_EQ(finished.code, 0) << finished.err;
  }

  /// What a shell makes of a command, in which "fovea" is the program.
  Finished shell(const std::string& command) const {
    const std::string all = "cd '" + folder_.path().string() + "' && export HOME=\"$PWD\" PATH='" +
                            FOVEA_BINARY_DIR "/bin':\"$PATH\" && { " + command +
                            "\n} >shell.out 2>shell.err </dev/null";
    const int status = std::system(("bash -c " + quoted(all)).c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), text_of("shell.out"),
            text_of("shell.err")};
  }
  static std::string quoted(const std::string& text) {
    std::string result = "'";
    for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return result + "'";
  }

  const TempFolder folder_;
};

}  // namespace fovea::test
