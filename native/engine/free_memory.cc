#include "engine/free_memory.h"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace nereid {

#ifdef __GLIBC__
namespace {

/// Freeing a mapped block raises glibc's limit for mapping to that block's size (at most 32 MiB), after which
/// the next model's weights lie in the arena of the thread that opens it, and the end of an arena is only
/// given back when twice the limit is free; malloc_trim leaves it alone. Fixed limits end that. Requests and
/// responses rarely have 4 MiB in one block, so theirs still come from memory that is there already.
constexpr int kMapFromBytes = 4 << 20;
constexpr int kTrimFromBytes = 2 * kMapFromBytes;

}  // namespace

void SettleAllocator() noexcept {
  // Either call turns off the moving limits for both. An operator's own choice stays.
  if (std::getenv("MALLOC_MMAP_THRESHOLD_") != nullptr || std::getenv("MALLOC_TRIM_THRESHOLD_") != nullptr)
    return;
  mallopt(M_MMAP_THRESHOLD, kMapFromBytes);
  mallopt(M_TRIM_THRESHOLD, kTrimFromBytes);
}

void ReturnFreeMemory() noexcept { malloc_trim(0); }
#else
void SettleAllocator() noexcept {}

void ReturnFreeMemory() noexcept {}
#endif

}  // namespace nereid
