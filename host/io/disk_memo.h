// What was once found out at some cost, remembered across processes.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "fovea/export.h"
#include "fovea/json.h"

namespace fovea {

/// Answers by question, in a JSON file that several processes may share. A file that is missing,
/// damaged or not ours counts as empty. Any thread may call.
class FOVEA_INTERNAL DiskMemo {
 public:
  /// $XDG_CACHE_HOME/fovea/`file`, or that under ~/.cache; empty where neither is known.
  static std::string path_of(const std::string& file);

  /// Reads the file at `path`; where it is empty nothing is read or saved. `format` says what the
  /// file holds: files of any other format are not ours.
  DiskMemo(std::string path, std::string format);
  /// Saves; a failure is passed over, since all can be found out again.
  ~DiskMemo();
  DiskMemo(const DiskMemo&) = delete;
  DiskMemo& operator=(const DiskMemo&) = delete;

  std::optional<Json> find(const std::string& question) const;
  void remember(const std::string& question, Json answer);
  /// Adds what is new here to the file, where anything is. Throws io.
  void save();
  /// The same, a failure being passed over.
  void try_to_save() noexcept;

 private:
  using Answers = std::map<std::string, Json>;
  Answers read() const;

  const std::string path_;
  const std::string format_;
  mutable std::mutex mutex_;
  Answers known_;
  Answers new_;  // not in the file yet
};

}  // namespace fovea
