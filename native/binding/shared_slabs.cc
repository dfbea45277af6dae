#include "binding/shared_slabs.h"

#include <mutex>
#include <unordered_map>

#include "binding/addon_data.h"

namespace nereid {
namespace {

/// Threads: any. Lifetime: the process's. Memory: a reference to each block that has a token.
struct Registry {
  /// The one of the process, never destroyed: a pinned block outlives the runtime's own static objects badly.
  static Registry& Get() noexcept {
    static Registry& registry = *std::make_unique<Registry>().release();
    return registry;
  }
  /// Guards everything below.
  std::mutex mutex;
  std::unordered_map<int64_t, std::shared_ptr<HostBlock>> blocks;
  int64_t last_token = 0;
};

AddonData& DataOf(const Napi::CallbackInfo& info) { return *info.Env().GetInstanceData<AddonData>(); }

/// -1, which names nothing, when it is no number.
int64_t NumberOf(const Napi::Value& value) {
  return value.IsNumber() ? value.As<Napi::Number>().Int64Value() : -1;
}

Napi::Value Refuse(Napi::Env env, const char* message) {
  Napi::Error::New(env, message).ThrowAsJavaScriptException();
  return env.Undefined();
}

// shareSlab(instanceId, slabId) → token
Napi::Value ShareSlab(const Napi::CallbackInfo& info) {
  AddonData& data = DataOf(info);
  auto* instance = data.instances.Find(static_cast<int32_t>(NumberOf(info[0])));
  const auto block = instance == nullptr
                         ? nullptr
                         : instance->runner().outputs().BlockOf(static_cast<int32_t>(NumberOf(info[1])));
  if (block == nullptr) return Refuse(info.Env(), "native: no such slab");
  return Napi::Number::New(info.Env(), static_cast<double>(data.shared_slabs.Share(block)));
}

// openShared(token) → ArrayBuffer
Napi::Value OpenShared(const Napi::CallbackInfo& info) {
  AddonData& data = DataOf(info);
  const auto block = SharedSlabs::Find(NumberOf(info[0]));
  if (block == nullptr) return Refuse(info.Env(), "native: no such shared slab");
  // Buffers are known by their address: with two of them, discarding one could free the memory of the other.
  if (data.buffers.Holds(*block)) return Refuse(info.Env(), "native: this thread has a buffer of the slab");
  return data.buffers.Wrap(info.Env(), block);
}

// forgetShared(token)
Napi::Value ForgetShared(const Napi::CallbackInfo& info) {
  DataOf(info).shared_slabs.Forget(NumberOf(info[0]));
  return info.Env().Undefined();
}

}  // namespace

SharedSlabs::~SharedSlabs() {
  while (!tokens_.empty()) Forget(*tokens_.begin());
}

int64_t SharedSlabs::Share(std::shared_ptr<HostBlock> block) {
  Registry& registry = Registry::Get();
  const std::lock_guard lock(registry.mutex);
  const int64_t token = ++registry.last_token;
  registry.blocks[token] = std::move(block);
  tokens_.insert(token);
  return token;
}

void SharedSlabs::Forget(int64_t token) noexcept {
  if (tokens_.erase(token) == 0) return;
  // Outlives the lock: the last reference frees the block, and perhaps a session with it.
  std::shared_ptr<HostBlock> last;
  Registry& registry = Registry::Get();
  const std::lock_guard lock(registry.mutex);
  const auto found = registry.blocks.find(token);
  last = std::move(found->second);
  registry.blocks.erase(found);
}

std::shared_ptr<HostBlock> SharedSlabs::Find(int64_t token) noexcept {
  Registry& registry = Registry::Get();
  const std::lock_guard lock(registry.mutex);
  const auto found = registry.blocks.find(token);
  return found == registry.blocks.end() ? nullptr : found->second;
}

void DefineSharedSlabs(Napi::Env env, Napi::Object exports) {
  exports.Set("shareSlab", Napi::Function::New(env, ShareSlab, "shareSlab"));
  exports.Set("openShared", Napi::Function::New(env, OpenShared, "openShared"));
  exports.Set("forgetShared", Napi::Function::New(env, ForgetShared, "forgetShared"));
}

}  // namespace nereid
