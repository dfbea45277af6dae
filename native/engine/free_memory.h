// Returns the freed memory of unloaded models to the operating system. Works for glibc's allocator only;
// elsewhere it does nothing.
#ifndef NEREID_ENGINE_FREE_MEMORY_H_
#define NEREID_ENGINE_FREE_MEMORY_H_

namespace nereid {

/// Once per process, before the first model: makes the allocator map blocks of the size of weights
/// separately.
void SettleAllocator() noexcept;

/// Returns the free memory in all of the allocator's arenas. Each thread that opens or closes a model gets
/// one of these arenas (8 per core), which would keep what the model left there: with 8 MiB of weights 40 to
/// 120 MiB after some hundred loads and unloads, with this 7 to 9. Takes milliseconds, more the more the
/// process has allocated, during which allocations of other threads may wait for one arena's lock. So: off
/// the event loop, and not after every one of many models.
void ReturnFreeMemory() noexcept;

}  // namespace nereid

#endif  // NEREID_ENGINE_FREE_MEMORY_H_
