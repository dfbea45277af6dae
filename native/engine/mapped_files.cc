#include "engine/mapped_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <set>
#include <string_view>

#ifdef __linux__
#include <sys/sysmacros.h>
#endif

namespace nereid {
namespace {

/// The files that are being opened, by all threads.
struct Opening {
  std::mutex mutex;
  std::condition_variable changed;
  /// Guarded by `mutex`.
  std::set<std::pair<uint64_t, uint64_t>> keys;
};

/// On the heap and never freed, because threads may still open sessions when the process ends.
Opening& TheOpening() noexcept {
  static auto* opening = std::make_unique<Opening>().release();
  return *opening;
}

#ifdef __linux__
/// One line of /proc/self/maps.
struct Mapping {
  uint64_t from = 0;
  uint64_t to = 0;
  uint64_t offset = 0;
  int protection = PROT_NONE;
  bool is_private = false;
};

/// The mappings of a file, found by its name or by its inode: some file systems (overlayfs, btrfs) show other
/// numbers here than to stat, and a name may be another link's.
std::vector<Mapping> MappingsOf(const std::string& path, const std::pair<uint64_t, uint64_t>& key) {
  std::vector<Mapping> found;
  const std::unique_ptr<FILE, int (*)(FILE*)> maps(fopen("/proc/self/maps", "re"), fclose);
  if (maps == nullptr) return found;
  char* line = nullptr;
  size_t room = 0;
  while (getline(&line, &room, maps.get()) > 0) {
    Mapping mapping;
    char rights[5] = {};
    unsigned major_number = 0;
    unsigned minor_number = 0;
    uint64_t inode = 0;
    int name_at = 0;
    if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %n", &mapping.from, &mapping.to, rights, &mapping.offset,
               &major_number, &minor_number, &inode, &name_at) != 7)
      continue;
    const bool is_inode = inode == key.second && makedev(major_number, minor_number) == key.first;
    std::string_view name(line + name_at);
    if (name.ends_with('\n')) name.remove_suffix(1);
    if (!is_inode && name != path) continue;
    mapping.protection = (rights[0] == 'r' ? PROT_READ : 0) | (rights[1] == 'w' ? PROT_WRITE : 0);
    mapping.is_private = rights[3] == 'p';
    found.push_back(mapping);
  }
  free(line);
  return found;
}

Status BecameShorter() {
  return {Code::kUnavailable, "a file of the model became shorter while it was opened"};
}

/// Reads a part of a file; bytes after its end stay as they are. Not through the mapping, where a file
/// that is truncated meanwhile would be a SIGBUS.
Status ReadPart(int fd, uint64_t offset, std::byte* to, size_t bytes, uint64_t file_bytes) noexcept {
  const auto wanted =
      static_cast<size_t>(std::min<uint64_t>(bytes, file_bytes > offset ? file_bytes - offset : 0));
  size_t done = 0;
  while (done < wanted) {
    const ssize_t got = pread(fd, to + done, wanted - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return BecameShorter();
    done += static_cast<size_t>(got);
  }
  return {};
}

/// The new memory replaces the mapping in one step, so a reader always sees the same bytes.
Status Replace(const Mapping& mapping, int fd, uint64_t file_bytes) noexcept {
  const size_t bytes = mapping.to - mapping.from;
  void* own = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (own == MAP_FAILED) return ResourceExhausted("no memory for a copy of the model's weights");
  Status status = ReadPart(fd, mapping.offset, static_cast<std::byte*>(own), bytes, file_bytes);
  if (status.ok() && mprotect(own, bytes, mapping.protection) != 0)
    status = Internal(std::string("mprotect: ") + std::strerror(errno));
  if (status.ok() && mremap(own, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
                            reinterpret_cast<void*>(mapping.from)) == MAP_FAILED)
    status = Internal(std::string("mremap: ") + std::strerror(errno));
  if (!status.ok()) munmap(own, bytes);
  return status;
}

Status DetachFile(const std::string& path, const std::pair<uint64_t, uint64_t>& key) {
  const auto mappings = MappingsOf(path, key);
  if (mappings.empty()) return {};
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts {};
  Status status;
  if (fd < 0 || fstat(fd, &facts) != 0 || facts.st_ino != key.second || facts.st_dev != key.first)
    status = {Code::kUnavailable, "a file of the model was replaced while it was opened"};
  for (const auto& mapping : mappings) {
    if (!status.ok()) break;
    if (mapping.is_private) status = Replace(mapping, fd, static_cast<uint64_t>(facts.st_size));
  }
  if (fd >= 0) close(fd);
  return status;
}
#endif

}  // namespace

MappedFiles::MappedFiles(const std::vector<std::string>& paths) noexcept {
  for (const auto& path : paths) {
    struct stat facts {};
    if (stat(path.c_str(), &facts) != 0) continue;
    const Key key(facts.st_dev, facts.st_ino);
    const bool is_known =
        std::any_of(files_.begin(), files_.end(), [&](const File& file) { return file.key == key; });
    if (is_known) continue;
    const std::unique_ptr<char, decltype(&free)> real(realpath(path.c_str(), nullptr), free);
    std::string name = real == nullptr ? path : real.get();
    auto guard = std::make_unique<BusErrorGuard>(key.first, key.second, name);
    files_.push_back({key, std::move(name), std::move(guard)});
  }
  if (files_.empty()) return;
  Opening& opening = TheOpening();
  std::unique_lock lock(opening.mutex);
  opening.changed.wait(lock, [&] {
    return std::none_of(files_.begin(), files_.end(),
                        [&](const File& file) { return opening.keys.contains(file.key); });
  });
  for (const auto& file : files_) opening.keys.insert(file.key);
}

MappedFiles::~MappedFiles() {
  if (files_.empty()) return;
  Opening& opening = TheOpening();
  {
    const std::lock_guard lock(opening.mutex);
    for (const auto& file : files_) opening.keys.erase(file.key);
  }
  opening.changed.notify_all();
}

Status MappedFiles::CheckWhole() const noexcept {
  const bool is_whole =
      std::none_of(files_.begin(), files_.end(), [](const File& file) { return file.guard->has_caught(); });
  return is_whole ? Status{} : BecameShorter();
}

Status MappedFiles::Detach() const noexcept {
#ifdef __linux__
  for (const auto& file : files_) NEREID_RETURN_IF_ERROR(DetachFile(file.path, file.key));
#endif
  return {};
}

}  // namespace nereid
