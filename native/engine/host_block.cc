#include "engine/host_block.h"

#include <cstdlib>

#include "engine/capture_gate.h"
#include "engine/ort_status.h"

namespace nereid {

std::byte* PinnedAllocator::Allocate(size_t bytes) noexcept {
  const DeviceUse use(true);
  const std::lock_guard lock(mutex_);
  void* memory = nullptr;
  const Status status = FromOrt(ort::g_api->AllocatorAlloc(allocator_.get(), bytes, &memory));
  return status.ok() ? static_cast<std::byte*>(memory) : nullptr;
}

void PinnedAllocator::Free(std::byte* memory) noexcept {
  const DeviceUse use(true);
  const std::lock_guard lock(mutex_);
  const Status ignored = FromOrt(ort::g_api->AllocatorFree(allocator_.get(), memory));
  static_cast<void>(ignored);
}

Result<std::shared_ptr<HostBlock>> HostBlock::Allocate(size_t bytes,
                                                       std::shared_ptr<PinnedAllocator> pinned) noexcept {
  const size_t rounded = bytes == 0 ? kSlabAlignment : AlignUp(bytes);
  std::byte* memory = nullptr;
  if (rounded >= bytes) {
    memory = pinned != nullptr ? pinned->Allocate(rounded)
                               : static_cast<std::byte*>(std::aligned_alloc(kSlabAlignment, rounded));
  }
  if (memory == nullptr) {
    return ResourceExhausted("no memory for a slab of " + std::to_string(bytes) + " bytes" +
                             (pinned != nullptr ? " that the GPU can reach" : ""));
  }
  return std::make_shared<HostBlock>(memory, rounded, std::move(pinned));
}

HostBlock::~HostBlock() {
  if (pinned_ != nullptr)
    pinned_->Free(memory_);
  else
    std::free(memory_);
}

}  // namespace nereid
