// The files of a model's weights. The runtime maps them into memory, so truncating such a file later would
// end this process, and overwriting it would change a model that serves. Here the mapped pages are replaced
// by private memory once a session is open. Linux only; elsewhere the runtime's mappings stay.
#ifndef NEREID_ENGINE_MAPPED_FILES_H_
#define NEREID_ENGINE_MAPPED_FILES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/bus_error_guard.h"
#include "engine/result.h"

namespace nereid {

/// The weight files of one session while it is being opened. Sessions that share a file are opened one
/// after the other, because mappings are identified by their file only.
///
/// Threads: used by the one that made it. Lifetime: while the session is opened. Memory: names only.
class MappedFiles {
 public:
  /// Waits for other sessions that are opening one of these files. Missing files are skipped.
  explicit MappedFiles(const std::vector<std::string>& paths) noexcept;
  MappedFiles(const MappedFiles&) = delete;
  MappedFiles& operator=(const MappedFiles&) = delete;
  ~MappedFiles();

  /// An error when a file became shorter, or could not be read, while it was mapped: what was read of it is
  /// not to be used.
  Status CheckWhole() const noexcept;

  /// Replaces every mapping of the files by memory of this process with the same bytes. If that fails, the
  /// mappings stay, which work as long as the files do not change.
  Status Detach() const noexcept;

 private:
  /// Device and inode.
  using Key = std::pair<uint64_t, uint64_t>;

  struct File {
    Key key;
    /// Without links, as the system names its mappings.
    std::string path;
    std::unique_ptr<BusErrorGuard> guard;
  };

  std::vector<File> files_;
};

}  // namespace nereid

#endif  // NEREID_ENGINE_MAPPED_FILES_H_
