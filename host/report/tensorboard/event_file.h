// EventFile: a file that TensorBoard reads, one event after another.
#pragma once

#include <cstdint>
#include <string>

#include "fovea/export.h"
#include "host/report/tensorboard/message.h"

namespace fovea::report {

/// A TFRecord file of Event messages (tensorflow/core/util/event.proto: wall_time = 1, step = 2,
/// file_version = 3, graph_def = 4, summary = 5). Each record is
///
///   u64 length | u32 masked CRC-32C of the length | data | u32 masked CRC-32C of the data
///
/// little-endian (tensorflow/core/lib/io/record_writer.cc). The first event gives the version of
/// the format, "brain.Event:2".
class FOVEA_INTERNAL EventFile {
 public:
  /// Makes a file of a new name in the folder, and the folder. Throws io.
  explicit EventFile(const std::string& folder);
  /// Goes on with a file that was `bytes` long, which is cut back to that. Throws io where it is
  /// missing or shorter.
  EventFile(std::string path, std::int64_t bytes);

  /// Appends an event whose field `what` is the message. Throws io.
  void write(std::int64_t step, int what, const Message& message);
  void write_summary(std::int64_t step, const Message& summary) { write(step, 5, summary); }

  const std::string& path() const { return path_; }
  std::int64_t bytes() const { return bytes_; }

 private:
  void append(const std::string& event);

  std::string path_;
  std::int64_t bytes_ = 0;
};

}  // namespace fovea::report
