// Host memory of the engine as ArrayBuffers.
#ifndef NEREID_BINDING_HOST_BUFFER_H_
#define NEREID_BINDING_HOST_BUFFER_H_

#include <memory>
#include <unordered_map>

#include "engine/host_block.h"
#include "napi.h"

namespace nereid {

/// Threads: the environment's. Lifetime: as the environment's AddonData; an ArrayBuffer keeps its block alive
/// by itself. Memory: one entry per ArrayBuffer made and not discarded.
class HostBuffers {
 public:
  /// An ArrayBuffer over the block. Undefined, with an exception pending, when the environment refuses.
  Napi::Value Wrap(Napi::Env env, const std::shared_ptr<HostBlock>& block);

  /// Detaches the ArrayBuffer, so that its views become empty, and releases the block at once instead of at
  /// the next garbage collection.
  void Discard(const Napi::ArrayBuffer& buffer);

 private:
  struct Hold {
    std::shared_ptr<HostBlock> block;
  };
  std::unordered_map<void*, std::weak_ptr<Hold>> holds_;
};

}  // namespace nereid

#endif  // NEREID_BINDING_HOST_BUFFER_H_
