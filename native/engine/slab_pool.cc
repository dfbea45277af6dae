#include "engine/slab_pool.h"

#include <algorithm>

namespace nereid {

Result<Slab> SlabPool::Acquire(size_t bytes, size_t new_bytes) noexcept {
  {
    const std::lock_guard lock(mutex_);
    turn_++;
    const size_t largest = std::max(kSmallBytes, std::max(bytes, new_bytes) * kMaxOversize);
    Entry* best = nullptr;
    for (auto& entry : entries_) {
      if (entry.block == nullptr || entry.in_use) continue;
      if (entry.block->size() < bytes || entry.block->size() > largest) continue;
      // Of two that fit equally, the one used last is the one still in the processor's caches.
      if (best == nullptr || entry.block->size() < best->block->size() ||
          (entry.block->size() == best->block->size() && entry.last_turn > best->last_turn)) {
        best = &entry;
      }
    }
    if (best != nullptr) {
      best->in_use = true;
      best->last_turn = turn_;
      return Slab{static_cast<int32_t>(best - entries_.data()), best->block};
    }
  }
  // Outside the lock: pinning memory is slow, and releases on the event loop must not wait for it.
  auto block = HostBlock::Allocate(std::max(bytes, new_bytes), pinned_);
  if (!block.ok() && new_bytes > bytes) block = HostBlock::Allocate(bytes, pinned_);
  if (!block.ok()) return block.status();
  const std::lock_guard lock(mutex_);
  auto place =
      std::find_if(entries_.begin(), entries_.end(), [](const Entry& entry) { return !entry.block; });
  if (place == entries_.end()) place = entries_.insert(place, Entry{});
  *place = Entry{block.value(), true, turn_};
  return Slab{static_cast<int32_t>(place - entries_.begin()), block.value()};
}

void SlabPool::Return(int32_t id) noexcept {
  const std::lock_guard lock(mutex_);
  const auto index = static_cast<size_t>(id);
  if (id >= 0 && index < entries_.size()) entries_[index].in_use = false;
}

void SlabPool::Release(int32_t id, std::vector<int32_t>* dropped) noexcept {
  const std::lock_guard lock(mutex_);
  const auto index = static_cast<size_t>(id);
  if (id < 0 || index >= entries_.size() || !entries_[index].in_use) return;
  entries_[index].in_use = false;

  size_t free_count = 0;
  size_t free_bytes = 0;
  for (const auto& entry : entries_) {
    if (entry.block == nullptr || entry.in_use) continue;
    free_count++;
    free_bytes += entry.block->size();
  }
  while (free_count > 1) {
    Entry* oldest = nullptr;
    for (auto& entry : entries_) {
      if (entry.block == nullptr || entry.in_use) continue;
      if (oldest == nullptr || entry.last_turn < oldest->last_turn) oldest = &entry;
    }
    const bool is_stale = turn_ - oldest->last_turn > kMaxIdleTurns;
    if (!is_stale && free_bytes <= kMaxFreeBytes) break;
    free_count--;
    free_bytes -= oldest->block->size();
    dropped->push_back(static_cast<int32_t>(oldest - entries_.data()));
    *oldest = Entry{};
  }
}

void SlabPool::Age(uint64_t turns) noexcept {
  const std::lock_guard lock(mutex_);
  turn_ += turns;
  for (auto& entry : entries_)
    if (entry.block != nullptr && !entry.in_use && turn_ - entry.last_turn > kMaxIdleTurns) entry = Entry{};
}

size_t SlabPool::Trim(std::vector<int32_t>* dropped) noexcept {
  const std::lock_guard lock(mutex_);
  size_t left = 0;
  for (auto& entry : entries_) {
    if (entry.block == nullptr) continue;
    if (entry.in_use || entry.last_turn > trimmed_turn_) {
      left++;
      continue;
    }
    dropped->push_back(static_cast<int32_t>(&entry - entries_.data()));
    entry = Entry{};
  }
  trimmed_turn_ = turn_;
  return left;
}

std::shared_ptr<HostBlock> SlabPool::BlockOf(int32_t id) noexcept {
  const std::lock_guard lock(mutex_);
  const auto index = static_cast<size_t>(id);
  return id >= 0 && index < entries_.size() ? entries_[index].block : nullptr;
}

size_t SlabPool::TotalBytes() noexcept {
  const std::lock_guard lock(mutex_);
  size_t total = 0;
  for (const auto& entry : entries_) total += entry.block == nullptr ? 0 : entry.block->size();
  return total;
}

}  // namespace nereid
