// Keeps the process alive when a mapped file becomes shorter, or cannot be read, while a model is opened.
#ifndef NEREID_ENGINE_BUS_ERROR_GUARD_H_
#define NEREID_ENGINE_BUS_ERROR_GUARD_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace nereid {

/// While it exists, a thread that reads a page of a mapping of the file that is no longer there reads zeros,
/// where it would else get SIGBUS, which ends the process. The guard remembers that: data that was read
/// meanwhile is not the file's. Bus errors of all other memory go to the handler that was there before.
///
/// Threads: made and destroyed by one; reads are guarded on all. Lifetime: longer than the mappings that are
/// read. Outside Linux it does nothing.
class BusErrorGuard {
 public:
  /// `device` and `inode` as stat tells them; `path` real and absolute, for file systems that show other
  /// numbers in /proc/self/maps.
  BusErrorGuard(uint64_t device, uint64_t inode, std::string path) noexcept;
  ~BusErrorGuard();
  BusErrorGuard(const BusErrorGuard&) = delete;
  BusErrorGuard& operator=(const BusErrorGuard&) = delete;

  /// Whether a page was missing.
  bool has_caught() const noexcept { return file_->has_caught.load(); }

  /// The file, as the signal handler reads it.
  struct File {
    uint64_t device = 0;
    uint64_t inode = 0;
    std::string path;
    std::atomic<bool> has_caught = false;
    /// The mapping in which the last page was missing: a file that was cut misses many, one after another.
    std::atomic<uint64_t> from = 0;
    std::atomic<uint64_t> to = 0;
  };

 private:
  std::unique_ptr<File> file_;
};

}  // namespace nereid

#endif  // NEREID_ENGINE_BUS_ERROR_GUARD_H_
