// Files that become shorter while they are mapped.
#ifdef __linux__
#include "engine/bus_error_guard.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "test/harness.h"

namespace nereid::test {
namespace {

constexpr size_t kPages = 64;

/// A file of `kPages` pages of ones that is mapped and can be cut.
class MappedOnes {
 public:
  MappedOnes() : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))), path_("/tmp/nereid-mapped-XXXXXX") {
    fd_ = mkstemp(path_.data());
    const std::string ones(page_ * kPages, '\1');
    is_whole_ = write(fd_, ones.data(), ones.size()) == static_cast<ssize_t>(ones.size());
    bytes_ = static_cast<const volatile char*>(mmap(nullptr, ones.size(), PROT_READ, MAP_PRIVATE, fd_, 0));
  }
  MappedOnes(const MappedOnes&) = delete;
  MappedOnes& operator=(const MappedOnes&) = delete;
  ~MappedOnes() {
    munmap(const_cast<char*>(bytes_), page_ * kPages);
    close(fd_);
    unlink(path_.c_str());
  }

  bool is_whole() const { return is_whole_; }
  bool Cut(size_t pages) const { return ftruncate(fd_, static_cast<off_t>(pages * page_)) == 0; }
  int At(size_t page) const { return bytes_[page * page_]; }
  BusErrorGuard Guard() const {
    struct stat facts {};
    fstat(fd_, &facts);
    return {facts.st_dev, facts.st_ino, path_};
  }

 private:
  size_t page_;
  std::string path_;
  int fd_;
  bool is_whole_;
  const volatile char* bytes_;
};

TEST("reads zeros behind the new end of a mapped file, and says so") {
  const MappedOnes file;
  REQUIRE(file.is_whole());
  const BusErrorGuard guard = file.Guard();
  CHECK_EQUAL(file.At(kPages - 1), 1);
  CHECK(!guard.has_caught());
  REQUIRE(file.Cut(3));
  CHECK_EQUAL(file.At(2), 1);
  CHECK(!guard.has_caught());
  for (size_t page = 3; page < kPages; page++) CHECK_EQUAL(file.At(page), 0);
  CHECK(guard.has_caught());
}

TEST("guards several files that are read by several threads") {
  const MappedOnes whole;
  const MappedOnes cut;
  REQUIRE(whole.is_whole() && cut.is_whole());
  const BusErrorGuard guard_of_whole = whole.Guard();
  const BusErrorGuard guard_of_cut = cut.Guard();
  REQUIRE(cut.Cut(0));
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; i++) {
    readers.emplace_back([&] {
      for (size_t page = 0; page < kPages; page++) {
        if (cut.At(page) != 0 || whole.At(page) != 1) Fail(__FILE__, __LINE__, "read wrong bytes");
      }
    });
  }
  for (auto& reader : readers) reader.join();
  CHECK(guard_of_cut.has_caught());
  CHECK(!guard_of_whole.has_caught());
}

TEST("leaves bus errors of other files, and of files that are guarded no more, as they were") {
  const MappedOnes other;
  const MappedOnes guarded;
  REQUIRE(other.is_whole() && guarded.is_whole());
  REQUIRE(other.Cut(0) && guarded.Cut(0));
  const auto dies = [&](bool is_guarded) {
    const pid_t child = fork();
    if (child == 0) {
      if (is_guarded) {
        const BusErrorGuard guard = guarded.Guard();
        _exit(other.At(0));
      }
      { const BusErrorGuard guard = guarded.Guard(); }
      _exit(guarded.At(0));
    }
    int status = 0;
    waitpid(child, &status, 0);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
  };
  CHECK(dies(true));
  CHECK(dies(false));
}

}  // namespace
}  // namespace nereid::test
#endif
