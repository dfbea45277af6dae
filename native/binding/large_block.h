// Memory of very large messages: blocks that grow without a copy and are freed at once, not when the
// collector finds them.
#ifndef NEREID_BINDING_LARGE_BLOCK_H_
#define NEREID_BINDING_LARGE_BLOCK_H_

#include <cstddef>
#include <memory>
#include <unordered_map>

#include "napi.h"

namespace nereid {

/// Threads: the environment's. Lifetime: as the environment's AddonData; an ArrayBuffer keeps its mapping by
/// itself. Memory: one entry per block that was neither grown nor freed.
class LargeBlocks {
 public:
  /// An ArrayBuffer of so many bytes, which are zero. Undefined, with an exception pending, without memory.
  Napi::Value Allocate(Napi::Env env, size_t bytes);

  /// The block with so many more bytes, which are zero, as another ArrayBuffer; `block` is detached.
  /// Undefined, with an exception pending, when it is no block or there is no memory; then it stays as it is.
  Napi::Value Grow(Napi::Env env, const Napi::ArrayBuffer& block, size_t bytes);

  /// Detaches the block, so that its views become empty, and returns its memory to the system. Does nothing
  /// to any other ArrayBuffer.
  void Free(const Napi::ArrayBuffer& block);

 private:
  struct Mapping {
    void* memory = nullptr;
    size_t bytes = 0;
    Mapping(void* at, size_t size) noexcept : memory(at), bytes(size) {}
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() { Unmap(); }
    void Unmap() noexcept;
  };

  Napi::Value Wrap(Napi::Env env, void* memory, size_t bytes);
  std::shared_ptr<Mapping> Find(const Napi::ArrayBuffer& block) const;

  std::unordered_map<void*, std::weak_ptr<Mapping>> mappings_;
};

/// Adds allocateBlock, growBlock and freeBlock to `exports`; see src/threads/native-threads.ts. They need no
/// runtime.
void DefineLargeBlocks(Napi::Env env, Napi::Object exports);

}  // namespace nereid

#endif  // NEREID_BINDING_LARGE_BLOCK_H_
