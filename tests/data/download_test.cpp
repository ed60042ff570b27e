// The downloader against a local server: fresh, resumed, interrupted, wrong, and refused.
#include <fcntl.h>
#include <sys/file.h>

#include <cstdlib>

#include "host/data/process.h"
#include "host/data/sha256.h"
#include "tests/data/data_test_support.h"
#include "tests/data/http_server.h"

namespace fovea::test {
namespace {

namespace fs = std::filesystem;

std::string sha256(const Bytes& bytes) {
  data::Sha256 hash;
  hash.add(bytes.data(), bytes.size());
  return hash.hex();
}

TEST(Sha256, KnownDigests) {
  const auto digest = [](const std::string& text) {
    return sha256(Bytes(text.begin(), text.end()));
  };
  EXPECT_EQ(digest(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(digest(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesOfAnySizeGiveTheSame) {
  const Bytes bytes = cifar10_records(0, 1);
  for (const std::size_t piece : std::vector<std::size_t>{1, 55, 56, 63, 64, 65, 1000}) {
    data::Sha256 hash;
    for (std::size_t i = 0; i < bytes.size(); i += piece) {
      hash.add(bytes.data() + i, std::min(piece, bytes.size() - i));
    }
    EXPECT_EQ(hash.hex(), sha256(bytes)) << "in pieces of " << piece;
  }
}

TEST(Process, ReportsOutputErrorsAndHowItEnded) {
  const data::ProcessResult both =
      data::run_process({"sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(both.output, "out\n");
  EXPECT_EQ(both.errors, "err\n");
  EXPECT_EQ(both.exit_code, 3);
  EXPECT_EQ(data::run_process({"sh", "-c", "kill -TERM $$"}).exit_code, 128 + 15);
  EXPECT_EQ(data::run_process({"printf", "%s", "$HOME; `ls`"}).output, "$HOME; `ls`")
      << "no shell looks at the arguments";
  const std::string long_text(200'000, 'x');
  EXPECT_EQ(data::run_process({"sh", "-c", "head -c 200000 /dev/zero | tr '\\0' x"}).output,
            long_text);
  expect_error(ErrorCode::unsupported, {"no-such-program", "not installed"},
               [] { data::run_process({"no-such-program"}); });
}

/// A small archive in the official form, and options that fetch it from a server.
class Download : public testing::Test {
 protected:
  Download() {
    setenv("no_proxy", "127.0.0.1", 1);
    const TempFolder source;
    write_cifar10(source / "cifar-10-batches-bin");
    const auto tar = data::run_process({"tar", "-czf", (source / "archive.tar.gz").string(), "-C",
                                        source.path().string(), "cifar-10-batches-bin"});
    if (tar.exit_code != 0) throw std::runtime_error(tar.errors);
    archive_ = read_file(source / "archive.tar.gz");
  }

  DownloadOptions options(const HttpServer& server) const {
    DownloadOptions result;
    result.url = server.url();
    result.bytes = size();
    result.sha256 = sha256(archive_);
    result.folder = folder_.path();
    result.attempts = 3;
    result.retry_seconds = .01;
    return result;
  }
  std::int64_t size() const { return static_cast<std::int64_t>(archive_.size()); }
  fs::path part() const { return folder_ / "cifar-10-binary.tar.gz.part"; }
  fs::path target() const { return folder_ / "cifar-10-batches-bin"; }

  void write_part(std::int64_t bytes) {
    write_file(part(), Bytes(archive_.begin(), archive_.begin() + bytes));
  }
  /// The data is there, complete, and nothing else.
  void expect_done() {
    EXPECT_EQ(load_cifar10(target()).train.size(), 20);
    EXPECT_EQ(entries(), 1);
  }
  std::ptrdiff_t entries() const {
    return std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator());
  }

  TempFolder folder_;
  Bytes archive_;
};

using Requests = std::vector<std::int64_t>;

TEST_F(Download, FetchesVerifiesAndUnpacks) {
  const HttpServer server(archive_, {});
  DownloadOptions fresh = options(server);
  fresh.folder = folder_ / "made/on/the/way";
  EXPECT_EQ(download_cifar10(fresh), fresh.folder / "cifar-10-batches-bin");
  EXPECT_EQ(load_cifar10(fresh.folder / "cifar-10-batches-bin").train.size(), 20);
  EXPECT_EQ(server.requests(), Requests{0});
  EXPECT_EQ(download_cifar10(fresh), fresh.folder / "cifar-10-batches-bin");
  EXPECT_EQ(server.requests(), Requests{0}) << "what is there is not fetched again";
}

TEST_F(Download, ContinuesAfterHalf) {
  const HttpServer server(archive_, {});
  write_part(size() / 2);
  download_cifar10(options(server));
  EXPECT_EQ(server.requests(), Requests{size() / 2});
  expect_done();
}

TEST_F(Download, UnpacksWhatWasFetchedInFull) {
  const HttpServer server(archive_, {.status = 404});
  write_part(size());
  download_cifar10(options(server));
  EXPECT_EQ(server.requests(), Requests{});
  expect_done();
}

TEST_F(Download, TakesUpABrokenConnectionAgain) {
  const std::int64_t third = size() / 3;
  const HttpServer server(archive_, {.dies_after = third, .failures = 2});
  download_cifar10(options(server));
  EXPECT_EQ(server.requests(), (Requests{0, third, 2 * third}));
  expect_done();
}

TEST_F(Download, KeepsThePartWhenTheServerKeepsDying) {
  const std::int64_t quarter = size() / 4;
  const HttpServer server(archive_, {.dies_after = quarter});
  expect_error(
      ErrorCode::io,
      {server.url(), "broke off", std::to_string(3 * quarter) + " of", "continues from them"},
      [&] { download_cifar10(options(server)); });
  EXPECT_EQ(server.requests(), (Requests{0, quarter, 2 * quarter}));
  EXPECT_EQ(read_file(part()), Bytes(archive_.begin(), archive_.begin() + 3 * quarter));
  EXPECT_FALSE(fs::exists(target()));
  const HttpServer healed(archive_, {});
  download_cifar10(options(healed));
  EXPECT_EQ(healed.requests(), Requests{3 * quarter});
  expect_done();
}

TEST_F(Download, BeginsAgainWhereTheServerCannotContinue) {
  const HttpServer server(archive_, {.ranges = false});
  write_part(size() / 2);
  download_cifar10(options(server));
  EXPECT_EQ(server.requests(), (Requests{size() / 2, 0}));
  expect_done();
}

TEST_F(Download, DeletesAFileWithAWrongChecksum) {
  Bytes altered = archive_;
  altered[altered.size() / 2] ^= 1;
  const HttpServer server(altered, {});
  write_file(folder_ / "of the user", {1});
  expect_error(ErrorCode::io,
               {"not the expected file", sha256(archive_), sha256(altered), "deleted"},
               [&] { download_cifar10(options(server)); });
  EXPECT_EQ(entries(), 1) << "only the bad file is gone";
  EXPECT_TRUE(fs::exists(folder_ / "of the user"));
  const HttpServer short_page(Bytes(100, 'x'), {});
  expect_error(ErrorCode::io, {"100 bytes", "not the expected file"},
               [&] { download_cifar10(options(short_page)); });
}

TEST_F(Download, SaysThatTheFileIsNotThere) {
  const HttpServer server(archive_, {.status = 404});
  expect_error(ErrorCode::io, {server.url(), "HTTP status 404", "by other means"},
               [&] { download_cifar10(options(server)); });
  EXPECT_EQ(server.requests().size(), 1u) << "asking again would not help";
  EXPECT_EQ(entries(), 0);
}

TEST_F(Download, AsksAnOverloadedServerAgain) {
  const HttpServer server(archive_, {.status = 503, .failures = 2});
  download_cifar10(options(server));
  EXPECT_EQ(server.requests().size(), 3u);
  expect_done();
}

TEST_F(Download, SaysThatTheServerCannotBeReached) {
  DownloadOptions unreachable;
  {
    const HttpServer gone(archive_, {});
    unreachable = options(gone);
  }
  expect_error(ErrorCode::io, {"cannot be reached", "check the network"},
               [&] { download_cifar10(unreachable); });
  EXPECT_EQ(entries(), 0);
}

/// While this lives, the program curl is a shell script with this line, or missing for "".
class FakeCurl {
 public:
  explicit FakeCurl(const std::string& line) : path_("PATH", folder_.path().c_str()) {
    if (line.empty()) return;
    const std::string script = "#!/bin/sh\n" + line + "\n";
    write_file(folder_ / "curl", Bytes(script.begin(), script.end()));
    fs::permissions(folder_ / "curl", fs::perms::owner_all);
  }

 private:
  TempFolder folder_;
  ScopedEnv path_;
};

TEST_F(Download, SaysThatCurlIsMissing) {
  const HttpServer server(archive_, {});
  const FakeCurl missing("");
  expect_error(ErrorCode::unsupported, {"curl", "not installed", "apt-get install curl"},
               [&] { download_cifar10(options(server)); });
}

TEST_F(Download, StopsWhenCurlIsInterrupted) {
  const HttpServer server(archive_, {});
  write_part(10);
  const FakeCurl interrupted("kill -INT $$");
  expect_error(ErrorCode::interrupted, {"stopped after 10 of", "continues there"},
               [&] { download_cifar10(options(server)); });
  EXPECT_EQ(fs::file_size(part()), 10u);
}

TEST_F(Download, SaysThatTheDiskMayBeFull) {
  const HttpServer server(archive_, {});
  const FakeCurl full("echo 'curl: (23) no room' >&2; echo again >> \"$0.calls\"; exit 23");
  expect_error(ErrorCode::io, {"is the disk full?", "curl: (23) no room"},
               [&] { download_cifar10(options(server)); });
  EXPECT_EQ(read_file(std::string(std::getenv("PATH")) + "/curl.calls").size(), 6u)
      << "one line, for one attempt";
}

TEST_F(Download, RefusesAnArchiveOfSomethingElse) {
  const TempFolder source;
  write_file(source / "readme", {1, 2, 3});
  ASSERT_EQ(data::run_process({"tar", "-czf", (source / "a.tar.gz").string(), "-C",
                               source.path().string(), "readme"})
                .exit_code,
            0);
  archive_ = read_file(source / "a.tar.gz");
  const HttpServer server(archive_, {});
  expect_error(ErrorCode::parse, {"lacks data_batch_1.bin", "binary version"},
               [&] { download_cifar10(options(server)); });
  EXPECT_FALSE(fs::exists(target()));
}

TEST_F(Download, KeepsTheArchiveWhenItCannotBeUnpacked) {
  archive_.resize(archive_.size() / 2);  // of the expected checksum, but no archive
  const HttpServer server(archive_, {});
  expect_error(ErrorCode::io, {"cannot unpack", "stays"},
               [&] { download_cifar10(options(server)); });
  EXPECT_EQ(fs::file_size(part()), archive_.size());
  EXPECT_EQ(entries(), 1) << "the folder it unpacked to is gone";
}

TEST_F(Download, DoesNotTouchAnIncompleteFolder) {
  const HttpServer server(archive_, {});
  write_cifar10(target());
  fs::remove(target() / "test_batch.bin");
  expect_error(ErrorCode::io, {"lacks test_batch.bin", "move it away"},
               [&] { download_cifar10(options(server)); });
  EXPECT_TRUE(fs::exists(target() / "data_batch_1.bin"));
  EXPECT_EQ(server.requests(), Requests{});
}

TEST_F(Download, OneAtATime) {
  const HttpServer server(archive_, {});
  write_part(10);
  const int other = open(part().c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(flock(other, LOCK_EX), 0);
  expect_error(ErrorCode::io, {"another process"}, [&] { download_cifar10(options(server)); });
  close(other);
  EXPECT_EQ(fs::file_size(part()), 10u);
}

TEST_F(Download, SaysThatTheFolderCannotBeWritten) {
  const HttpServer server(archive_, {});
  write_file(folder_ / "file", {1});
  DownloadOptions bad = options(server);
  bad.folder = folder_ / "file" / "inside";
  expect_error(ErrorCode::io, {"cannot create the folder", "inside"},
               [&] { download_cifar10(bad); });
}

}  // namespace
}  // namespace fovea::test
