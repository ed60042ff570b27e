// AtomicFile: the old file or the new one, never anything else, and errors that say what to do.
#include "host/io/atomic_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "fovea/error.h"
#include "host/io/input_file.h"
#include "tests/io/io_test_support.h"

namespace fovea {
namespace {

using namespace std::string_literals;

TEST(AtomicFile, WritesAndReplacesBytesExactly) {
  const TemporaryFolder folder;
  const std::string path = folder.file("text");
  for (const std::string& text :
       {""s, "first\n"s, "second\r\n\0\xFF"s, std::string(5000000, 'x')}) {
    write_text_file(path, text);
    EXPECT_EQ(read_text_file(path), text);
  }
  EXPECT_EQ(folder.names().size(), 1u) << "a temporary file was left behind";
}

TEST(AtomicFile, WritesRelativeToTheCurrentFolder) {
  const TemporaryFolder folder;
  EXPECT_EQ(run_in_child([&] {
              std::filesystem::current_path(folder.path());
              write_text_file("name", "text");
              return read_text_file("name");
            }),
            "text");
}

TEST(AtomicFile, WithoutCommitTheOldFileStays) {
  const TemporaryFolder folder;
  const std::string path = folder.file("text");
  write_text_file(path, "old");
  {
    AtomicFile file(path);
    file.write("new");
    EXPECT_EQ(read_text_file(path), "old");
    EXPECT_EQ(folder.names().size(), 2u);
  }
  EXPECT_EQ(read_text_file(path), "old");
  EXPECT_EQ(folder.names().size(), 1u);
}

TEST(AtomicFile, KeepsModeAndFollowsLinks) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "elsewhere");
  const std::string target = folder.file("elsewhere/target");
  const std::string link = folder.file("link");
  write_text_file(target, "old");
  ASSERT_EQ(::chmod(target.c_str(), 0640), 0);
  std::filesystem::create_symlink("elsewhere/target", link);
  write_text_file(link, "new");
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(read_text_file(target), "new");
  struct stat status {};
  ASSERT_EQ(::stat(target.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
}

TEST(AtomicFile, ErrorsNameThePathTheCauseAndTheRemedy) {
  const TemporaryFolder folder;
  const auto message = [](const std::string& path) {
    return error_message(ErrorCode::io, [&] { write_text_file(path, "text"); });
  };
  const std::string file = folder.file("file");
  write_text_file(file, "text");
  EXPECT_EQ(message(file + "/below"),
            "cannot write " + file +
                "/below: Not a directory; a part of the path is a file, "
                "not a folder; an earlier file of that name is unchanged");
  const std::string absent = folder.file("absent/below");
  EXPECT_EQ(message(absent), "cannot write " + absent +
                                 ": No such file or directory; check the path, and create the "
                                 "folder first; an earlier file of that name is unchanged");
  EXPECT_TRUE(contains(message(folder.path().string()), "Is a directory; give the path of a file"));
  EXPECT_TRUE(contains(message(folder.path().string() + "/"), "Is a directory"));
  EXPECT_TRUE(contains(message(folder.file("new/")), "Is a directory"));
  EXPECT_TRUE(contains(message(""), "cannot write \"\""));
  EXPECT_TRUE(contains(message(folder.file(std::string(300, 'n'))), "choose a shorter name"));
  EXPECT_EQ(folder.names().size(), 1u);
}

TEST(AtomicFile, WithoutPermissionTheOldFileStays) {
  const TemporaryFolder folder;
  const std::string path = folder.file("text");
  write_text_file(path, "old");
  ASSERT_EQ(::chmod(folder.path().c_str(), 0555), 0);
  const auto message = [&] {
    return error_message(ErrorCode::io, [&] { write_text_file(path, "new"); });
  };
  EXPECT_EQ(::chmod(path.c_str(), 0666), 0);
  EXPECT_EQ(run_without_rights(message),
            "cannot write " + path +
                ": Permission denied; choose a place where you have permission; an earlier file of "
                "that name is unchanged");
  EXPECT_EQ(::chmod(folder.path().c_str(), 0777), 0);
  EXPECT_EQ(::chmod(path.c_str(), 0444), 0);
  EXPECT_TRUE(contains(run_without_rights(message), "Permission denied")) << "a read-only file";
  EXPECT_EQ(read_text_file(path), "old");
}

TEST(AtomicFile, ARefusedRenameLeavesNothingBehind) {
  const TemporaryFolder folder;
  const std::string path = folder.file("target");
  AtomicFile file(path);
  file.write("new");
  std::filesystem::create_directories(path + "/full");
  EXPECT_TRUE(contains(error_message(ErrorCode::io, [&] { file.commit(); }),
                       "cannot write " + path + " at byte 3: Is a directory"));
  EXPECT_EQ(folder.names(), std::vector<std::string>{"target"});
}

TEST(AtomicFile, AFullDiskLeavesTheOldFileAndNothingElse) {
  const TemporaryFolder folder;
  const std::string path = folder.file("text");
  write_text_file(path, "old");
  const std::string message = run_in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{10000, 10000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    return error_message(ErrorCode::io, [&] {
      AtomicFile file(path);
      for (int i = 0; i < 20; ++i) file.write(std::string(1000, 'x'));
      file.commit();
    });
  });
  EXPECT_EQ(message,
            "cannot write " + path +
                " at byte 10000: File too large; raise the limit on file sizes (ulimit -f) "
                "or choose another file system; an earlier file of that name is unchanged");
  EXPECT_EQ(read_text_file(path), "old");
  EXPECT_EQ(folder.names().size(), 1u);
}

TEST(AtomicFile, DevicesAreWrittenInPlace) {
  EXPECT_EQ(run_without_rights([] {
              return error_message(ErrorCode::io, [] { write_text_file("/dev/null", "text"); });
            }),
            "no error");
  EXPECT_EQ(run_without_rights([] {
              return error_message(ErrorCode::io, [] { write_text_file("/dev/full", "text"); });
            }),
            "cannot write /dev/full at byte 0: No space left on device; free some space or choose "
            "another disk");
}

TEST(AtomicFile, ContinuesAfterSignalsAndShortWrites) {
  const TemporaryFolder folder;
  const std::string path = folder.file("fifo");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::string text(3000000, ' ');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * i >> 7);

  const pid_t writer = start_child([&] {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &action, nullptr);  // no SA_RESTART: calls return EINTR
    const itimerval every_millisecond{{0, 1000}, {0, 1000}};
    ::setitimer(ITIMER_REAL, &every_millisecond, nullptr);
    write_text_file(path, text);
  });
  std::string received;
  {
    std::ifstream fifo(path, std::ios::binary);
    std::string part(40000, '\0');  // a slow reader, so that the writer waits in its calls
    while (fifo.read(part.data(), static_cast<std::streamsize>(part.size())), fifo.gcount() > 0) {
      received.append(part, 0, static_cast<std::size_t>(fifo.gcount()));
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  int status = -1;
  ::waitpid(writer, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(received, text);
}

TEST(AtomicFile, RemovesLeftoversOfTheDeadOnly) {
  const TemporaryFolder folder;
  const std::string path = folder.file("text");
  const pid_t killed = start_child([&] {
    AtomicFile file(path);
    file.write("half");
    ::raise(SIGKILL);
  });
  int status = 0;
  ::waitpid(killed, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(folder.names().size(), 1u);
  const std::string leftover = folder.names().front();
  EXPECT_TRUE(leftover.starts_with("text.fovea-tmp-")) << leftover;

  AtomicFile living(path);
  living.write("alive");
  // Names that only look alike are somebody else's.
  for (const char* name : {"text.fovea-tmp-", "text.fovea-tmp-1", "text.fovea-tmp-1-x",
                           "text2.fovea-tmp-1-1", "text.fovea-tmp-a-1"}) {
    std::ofstream(folder.file(name)) << "mine";
  }
  write_text_file(path, "new");
  EXPECT_FALSE(std::filesystem::exists(folder.file(leftover)));
  EXPECT_EQ(folder.names().size(), 7u) << "text, the living one's and five others";
  living.commit();
  EXPECT_EQ(read_text_file(path), "alive");
}

TEST(AtomicFile, ManyWritersOfOnePathEachWriteWholeFiles) {
  const TemporaryFolder folder;
  const std::string path = folder.file("text");
  write_text_file(path, std::string(100000, 'a'));
  const auto write_often = [&](char letter) {
    for (int i = 0; i < 100; ++i) write_text_file(path, std::string(100000, letter));
  };
  std::vector<pid_t> children;
  for (const char letter : {'b', 'c'}) {
    children.push_back(start_child([&] { write_often(letter); }));
  }
  std::thread first([&] { write_often('d'); });
  std::thread second([&] { write_often('e'); });
  for (int i = 0; i < 200; ++i) {
    const std::string text = read_text_file(path);
    ASSERT_EQ(text, std::string(100000, text.empty() ? '?' : text.front()));
  }
  first.join();
  second.join();
  for (const pid_t child : children) {
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(folder.names().size(), 1u);
}

TEST(InputFile, RefusesWhatIsNoRegularFile) {
  const TemporaryFolder folder;
  const auto message = [](const std::string& path) {
    return error_message(ErrorCode::io, [&] { read_text_file(path); });
  };
  EXPECT_TRUE(
      contains(message(folder.file("absent")), "No such file or directory; check the path"));
  EXPECT_TRUE(contains(message(folder.path().string()), "Is a directory"));
  EXPECT_TRUE(contains(message("/dev/zero"), "it is not a regular file"));
  const std::string fifo = folder.file("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_TRUE(contains(message(fifo), "it is not a regular file"));
}

TEST(InputFile, SaysWhereAFileEndedEarly) {
  const TemporaryFolder folder;
  const std::string path = folder.file("text");
  write_text_file(path, "12345678");
  InputFile file(path);
  std::string text(8, '\0');
  file.read(text.data(), 3);
  ASSERT_EQ(::truncate(path.c_str(), 5), 0);
  EXPECT_TRUE(contains(error_message(ErrorCode::io, [&] { file.read(text.data(), 5); }),
                       path + ": it ended at byte 5, 3 bytes early"));
}

}  // namespace
}  // namespace fovea
