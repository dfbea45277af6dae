// The slabs of one instance: blocks of host memory that hold the tensors of a batch, which are reused.
#ifndef NEREID_ENGINE_SLAB_POOL_H_
#define NEREID_ENGINE_SLAB_POOL_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/host_block.h"

namespace nereid {

struct Slab {
  /// Position in the pool, used again after the slab was dropped; -1 for none.
  int32_t id = -1;
  std::shared_ptr<HostBlock> block;
};

/// Threads: any. Lifetime: one per instance and direction; blocks outlive it while JavaScript has views of
/// them. Memory: slabs in use, and as many free ones as the demand of the last `kMaxIdleTurns` batches needed
/// at once, of `kMaxFreeBytes` together. A slab that so many batches did not choose is dropped, so that one
/// odd batch or burst does not keep its memory, and so is one that was not chosen between two calls of
/// `Trim`. A call looks at every slab: there are as many as batches whose outputs are on their way.
class SlabPool {
 public:
  static constexpr size_t kMaxFreeBytes = size_t{256} << 20;
  /// Acquisitions after which a free slab that was never chosen is dropped.
  static constexpr uint64_t kMaxIdleTurns = 512;
  /// A free slab this many times larger than wanted is not chosen (unless it is small anyway), so that it is
  /// dropped in the end.
  static constexpr size_t kMaxOversize = 8;
  static constexpr size_t kSmallBytes = size_t{1} << 20;

  explicit SlabPool(std::shared_ptr<PinnedAllocator> pinned) noexcept : pinned_(std::move(pinned)) {}

  /// A slab of at least `bytes`; when one must be made, it gets `new_bytes` (>= bytes), the size that later
  /// batches will want.
  Result<Slab> Acquire(size_t bytes, size_t new_bytes) noexcept;

  /// Takes a slab back and drops none.
  void Return(int32_t id) noexcept;

  /// Takes a slab back, drops surplus slabs, and appends the dropped ids to `dropped`. An id that is not
  /// in use is ignored.
  void Release(int32_t id, std::vector<int32_t>* dropped) noexcept;

  /// Counts `turns` batches that needed no slab, and drops the free slabs that too many batches did not
  /// choose. Only for a pool without other users.
  void Age(uint64_t turns) noexcept;

  /// Drops the free slabs that were not chosen since the last call, appends their ids to `dropped`, and
  /// returns how many slabs are left. Called regularly, so that an idle instance keeps no memory.
  size_t Trim(std::vector<int32_t>* dropped) noexcept;

  /// The block of a slab in use, for the binding; null when there is none.
  std::shared_ptr<HostBlock> BlockOf(int32_t id) noexcept;

  /// Bytes of all blocks, free and in use.
  size_t TotalBytes() noexcept;

 private:
  struct Entry {
    std::shared_ptr<HostBlock> block;
    bool in_use = false;
    uint64_t last_turn = 0;
  };

  std::shared_ptr<PinnedAllocator> pinned_;
  /// Guards everything below.
  std::mutex mutex_;
  std::vector<Entry> entries_;
  uint64_t turn_ = 0;
  /// `turn_` at the last `Trim`.
  uint64_t trimmed_turn_ = 0;
};

}  // namespace nereid

#endif  // NEREID_ENGINE_SLAB_POOL_H_
