#include "host/report/tensorboard/event_file.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "fovea/error.h"
#include "host/report/tensorboard/crc32c.h"

namespace fovea::report {
namespace {

namespace fs = std::filesystem;

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// events.out.tfevents.<seconds>.<machine>.<process>.<number>.v2: TensorBoard wants the first
/// parts, and reads a folder's files in the order of their names.
std::string new_name() {
  static std::atomic<int> number = 0;
  std::array<char, 256> machine{};
  if (gethostname(machine.data(), machine.size() - 1) != 0) machine[0] = 'x';
  return detail::concat("events.out.tfevents.", static_cast<std::int64_t>(now()), ".",
                        machine.data(), ".", getpid(), ".", number++, ".v2");
}

void append_little_endian(std::string& text, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) text += static_cast<char>((value >> (8 * i)) & 0xff);
}

}  // namespace

EventFile::EventFile(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  FOVEA_REQUIRE(!error, io, "cannot make the folder ", folder, ": ", error.message(),
                "; choose another log_dir for TensorBoard");
  path_ = (fs::path(folder) / new_name()).string();
  append(Message().f64(1, now()).text(3, "brain.Event:2").bytes());
}

EventFile::EventFile(std::string path, std::int64_t bytes) : path_(std::move(path)), bytes_(bytes) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path_, error);
  FOVEA_REQUIRE(!error, io, "cannot go on with ", path_, ": ", error.message());
  FOVEA_REQUIRE(size >= static_cast<std::uintmax_t>(bytes), io, path_, " has ", size,
                " bytes, but the checkpoint was written when it had ", bytes);
  fs::resize_file(path_, static_cast<std::uintmax_t>(bytes), error);
  FOVEA_REQUIRE(!error, io, "cannot cut ", path_,
                " back to where the run is resumed: ", error.message());
}

void EventFile::write(std::int64_t step, int what, const Message& message) {
  append(Message().f64(1, now()).integer(2, step).message(what, message).bytes());
}

void EventFile::append(const std::string& event) {
  std::string record;
  append_little_endian(record, event.size(), 8);
  append_little_endian(record, masked_crc32c(record.data(), 8), 4);
  record += event;
  append_little_endian(record, masked_crc32c(event.data(), event.size()), 4);

  std::ofstream file(path_, std::ios::binary | std::ios::app);
  file << record << std::flush;
  FOVEA_REQUIRE(file.good(), io, path_,
                " cannot be written; is its folder writable, and is there space on the disk?");
  bytes_ += static_cast<std::int64_t>(record.size());
}

}  // namespace fovea::report
