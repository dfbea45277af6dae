#include "engine/bus_error_guard.h"

#include <utility>

#ifdef __linux__
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <string_view>
#include <thread>
#endif

namespace nereid {

#ifdef __linux__
namespace {

// Everything below that the handler calls is async-signal-safe: system calls, atomics and its own stack.

/// More than are ever opened at a time. A file that finds no place is mapped without a guard.
constexpr size_t kMostFiles = 256;
std::array<std::atomic<BusErrorGuard::File*>, kMostFiles> g_files;
/// Handlers that may hold a pointer out of `g_files`.
std::atomic<int> g_handling = 0;
struct sigaction g_previous;

/// A hexadecimal or decimal number at the beginning of `text`, which is left behind it and one more
/// character.
uint64_t TakeNumber(std::string_view* text, unsigned base) noexcept {
  uint64_t value = 0;
  size_t at = 0;
  for (; at < text->size(); at++) {
    const char c = (*text)[at];
    const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10
                                                  : base;
    if (digit >= base) break;
    value = value * base + digit;
  }
  text->remove_prefix(at < text->size() ? at + 1 : at);
  return value;
}

void TakeWord(std::string_view* text) noexcept {
  const size_t end = text->find(' ');
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
}

/// The guarded file that the mapping of one line of /proc/self/maps is of, if `address` lies in it.
BusErrorGuard::File* GuardedIn(std::string_view line, uint64_t address) noexcept {
  const uint64_t from = TakeNumber(&line, 16);
  const uint64_t to = TakeNumber(&line, 16);
  if (address < from || address >= to) return nullptr;
  TakeWord(&line);  // rights
  TakeWord(&line);  // offset
  const auto major_number = static_cast<unsigned>(TakeNumber(&line, 16));
  const auto minor_number = static_cast<unsigned>(TakeNumber(&line, 16));
  const uint64_t inode = TakeNumber(&line, 10);
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  for (auto& place : g_files) {
    BusErrorGuard::File* file = place.load();
    if (file == nullptr) continue;
    const bool is_inode = inode == file->inode && makedev(major_number, minor_number) == file->device;
    if (!is_inode && line != file->path) continue;
    file->from.store(from);
    file->to.store(to);
    return file;
  }
  return nullptr;
}

BusErrorGuard::File* FindByMaps(uint64_t address) noexcept {
  const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return nullptr;
  // A line is at most a path and a hundred characters.
  std::array<char, 8192> buffer;
  size_t filled = 0;
  BusErrorGuard::File* found = nullptr;
  while (found == nullptr) {
    const ssize_t got = read(fd, buffer.data() + filled, buffer.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    filled += static_cast<size_t>(got);
    std::string_view rest(buffer.data(), filled);
    for (size_t end; found == nullptr && (end = rest.find('\n')) != std::string_view::npos;) {
      found = GuardedIn(rest.substr(0, end), address);
      rest.remove_prefix(end + 1);
    }
    if (rest.size() == buffer.size()) break;
    std::memmove(buffer.data(), rest.data(), rest.size());
    filled = rest.size();
  }
  close(fd);
  return found;
}

/// A file in whose mapping a page was missing before.
BusErrorGuard::File* FindByLastMapping(uint64_t address) noexcept {
  for (auto& place : g_files) {
    BusErrorGuard::File* file = place.load();
    if (file != nullptr && address >= file->from.load() && address < file->to.load()) return file;
  }
  return nullptr;
}

BusErrorGuard::File* FindGuarded(uint64_t address) noexcept {
  const bool is_any = std::any_of(g_files.begin(), g_files.end(), [](auto& place) { return place.load(); });
  if (!is_any) return nullptr;
  BusErrorGuard::File* file = FindByLastMapping(address);
  if (file == nullptr) file = FindByMaps(address);
  // Another thread may have replaced this page before we read the mappings.
  return file == nullptr ? FindByLastMapping(address) : file;
}

/// Only this page: a thread is reading it, so it is mapped; others may have been given back since.
bool MakeZeros(uint64_t address) noexcept {
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  // The system call itself: what a sanitizer puts before the function takes locks and counts as a write.
  return syscall(SYS_mmap, address / page * page, page, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != -1;
}

/// The handler that was there before, or the default action: the instruction faults again when we return.
void HandOn(int signal, siginfo_t* info, void* context) noexcept {
  if ((g_previous.sa_flags & SA_SIGINFO) != 0) {
    g_previous.sa_sigaction(signal, info, context);
  } else if (g_previous.sa_handler != SIG_DFL && g_previous.sa_handler != SIG_IGN) {
    g_previous.sa_handler(signal);
  } else {
    sigaction(signal, &g_previous, nullptr);
  }
}

void OnBusError(int signal, siginfo_t* info, void* context) noexcept {
  const int error = errno;
  g_handling.fetch_add(1);
  bool is_mended = false;
  if (info->si_code == BUS_ADRERR) {
    const auto address = reinterpret_cast<uint64_t>(info->si_addr);
    BusErrorGuard::File* file = FindGuarded(address);
    if (file != nullptr && MakeZeros(address)) {
      file->has_caught.store(true);
      is_mended = true;
    }
  }
  g_handling.fetch_sub(1);
  if (!is_mended) HandOn(signal, info, context);
  errno = error;
}

void InstallOnce() {
  static std::once_flag installed;
  std::call_once(installed, [] {
    struct sigaction action {};
    action.sa_sigaction = OnBusError;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &g_previous);
  });
}

}  // namespace

BusErrorGuard::BusErrorGuard(uint64_t device, uint64_t inode, std::string path) noexcept
    : file_(std::make_unique<File>()) {
  file_->device = device;
  file_->inode = inode;
  file_->path = std::move(path);
  InstallOnce();
  for (auto& place : g_files) {
    File* none = nullptr;
    if (place.compare_exchange_strong(none, file_.get())) return;
  }
}

BusErrorGuard::~BusErrorGuard() {
  for (auto& place : g_files) {
    File* own = file_.get();
    place.compare_exchange_strong(own, nullptr);
  }
  // A handler of another thread may still compare its address with this file.
  while (g_handling.load() > 0) std::this_thread::yield();
}
#else
BusErrorGuard::BusErrorGuard(uint64_t, uint64_t, std::string) noexcept : file_(std::make_unique<File>()) {}
BusErrorGuard::~BusErrorGuard() = default;
#endif

}  // namespace nereid
