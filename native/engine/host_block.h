// One block of host memory, aligned for vector instructions, or pinned for a GPU's copies.
#ifndef NEREID_ENGINE_HOST_BLOCK_H_
#define NEREID_ENGINE_HOST_BLOCK_H_

#include <cstddef>
#include <memory>
#include <mutex>

#include "engine/result.h"
#include "ort/handles.h"

namespace nereid {

inline constexpr size_t kSlabAlignment = 64;

/// `bytes` rounded up to the alignment of a slab.
constexpr size_t AlignUp(size_t bytes) noexcept {
  return (bytes + kSlabAlignment - 1) & ~(kSlabAlignment - 1);
}

/// The runtime's allocator of pinned memory of one session.
/// Threads: any; calls are serialised. Lifetime: as long as a block made by it. Memory: keeps its session
/// alive.
class PinnedAllocator {
 public:
  /// `keep_alive` is the session that the allocator belongs to.
  PinnedAllocator(ort::OwnedAllocator allocator, std::shared_ptr<void> keep_alive) noexcept
      : keep_alive_(std::move(keep_alive)), allocator_(std::move(allocator)) {}

  std::byte* Allocate(size_t bytes) noexcept;
  void Free(std::byte* memory) noexcept;

 private:
  std::shared_ptr<void> keep_alive_;
  /// Guards `allocator_`.
  std::mutex mutex_;
  ort::OwnedAllocator allocator_;
};

/// Threads: the block may be freed on any thread; its bytes belong to the holder of the slab. Lifetime:
/// explicit. Memory: exactly `size()` bytes.
class HostBlock {
 public:
  /// Null `pinned` means ordinary memory. Fails with resource_exhausted.
  static Result<std::shared_ptr<HostBlock>> Allocate(size_t bytes,
                                                     std::shared_ptr<PinnedAllocator> pinned) noexcept;

  HostBlock(std::byte* memory, size_t bytes, std::shared_ptr<PinnedAllocator> pinned) noexcept
      : memory_(memory), bytes_(bytes), pinned_(std::move(pinned)) {}
  HostBlock(const HostBlock&) = delete;
  HostBlock& operator=(const HostBlock&) = delete;
  ~HostBlock();

  std::byte* data() const noexcept { return memory_; }
  size_t size() const noexcept { return bytes_; }

 private:
  std::byte* memory_;
  size_t bytes_;
  std::shared_ptr<PinnedAllocator> pinned_;
};

}  // namespace nereid

#endif  // NEREID_ENGINE_HOST_BLOCK_H_
