// Returns the freed memory of unloaded models to the operating system. Works for glibc's allocator only;
// elsewhere it does nothing.
#ifndef NEREID_ENGINE_FREE_MEMORY_H_
#define NEREID_ENGINE_FREE_MEMORY_H_

namespace nereid {

/// Once per process, before the first model: makes the allocator map blocks of the size of weights
/// separately.
void SettleAllocator() noexcept;

/// Returns the free memory in all of the allocator's arenas. Takes milliseconds, during which allocations of
/// other threads may wait for one arena's lock, so: after opening or closing a model, and off the event
/// loop.
void ReturnFreeMemory() noexcept;

}  // namespace nereid

#endif  // NEREID_ENGINE_FREE_MEMORY_H_
