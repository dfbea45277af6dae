// Output slabs that other threads of JavaScript read where they lie: the thread of the instance gives a block
// a token, which any environment of the process can open.
#ifndef NEREID_BINDING_SHARED_SLABS_H_
#define NEREID_BINDING_SHARED_SLABS_H_

#include <cstdint>
#include <memory>
#include <unordered_set>

#include "engine/host_block.h"
#include "napi.h"

namespace nereid {

/// The tokens that one environment gave out.
/// Threads: the environment's. Lifetime: as the environment's AddonData; forgets its tokens at the end.
/// Memory: keeps the block of each token alive.
class SharedSlabs {
 public:
  SharedSlabs() = default;
  SharedSlabs(const SharedSlabs&) = delete;
  SharedSlabs& operator=(const SharedSlabs&) = delete;
  ~SharedSlabs();

  /// A token that was never given out before.
  int64_t Share(std::shared_ptr<HostBlock> block);
  /// Does nothing for a token of another environment.
  void Forget(int64_t token) noexcept;
  /// The block of any environment's token; null for one that is forgotten.
  static std::shared_ptr<HostBlock> Find(int64_t token) noexcept;

 private:
  std::unordered_set<int64_t> tokens_;
};

/// Adds shareSlab, openShared and forgetShared to `exports`; see src/engine/native.ts. The latter two need no
/// runtime.
void DefineSharedSlabs(Napi::Env env, Napi::Object exports);

}  // namespace nereid

#endif  // NEREID_BINDING_SHARED_SLABS_H_
