#include "binding/plain_view.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace nereid {
namespace {

/// Threads: the environment's. Lifetime: until the collector has the view. Memory: keeps what is viewed
/// alive.
using Viewed = Napi::ObjectReference;

void Finalize(napi_env /*env*/, void* /*bytes*/, void* viewed) {
  const std::unique_ptr<Viewed> gone(static_cast<Viewed*>(viewed));
}

// plainView(bytes) → ArrayBuffer, or null
Napi::Value PlainView(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    Napi::TypeError::New(env, "native: plainView(bytes)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  void* memory = nullptr;
  size_t bytes = 0;
  if (napi_get_typedarray_info(env, info[0], nullptr, &bytes, &memory, nullptr, nullptr) != napi_ok)
    return env.Null();
  auto viewed = std::make_unique<Viewed>(Napi::Persistent(info[0].As<Napi::Object>()));
  napi_value view = nullptr;
  // Builds of Node whose V8 keeps all buffers in a cage refuse.
  if (napi_create_external_arraybuffer(env, memory, bytes, Finalize, viewed.get(), &view) != napi_ok)
    return env.Null();
  static_cast<void>(viewed.release());
  return {env, view};
}

#ifdef __linux__
constexpr int kDiscard = MADV_DONTNEED;
#else
constexpr int kDiscard = MADV_FREE;
#endif

// discardMemory(bytes); incomplete pages of the system at either end stay as they are
Napi::Value DiscardMemory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  void* memory = nullptr;
  size_t bytes = 0;
  napi_typedarray_type kind = napi_int8_array;
  if (!info[0].IsTypedArray() ||
      napi_get_typedarray_info(env, info[0], &kind, &bytes, &memory, nullptr, nullptr) != napi_ok ||
      kind != napi_uint8_array) {
    Napi::TypeError::New(env, "native: discardMemory(bytes)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t first = (begin + page - 1) & ~(page - 1);
  const uintptr_t last = (begin + bytes) & ~(page - 1);
  // Where the system refuses (locked memory), the pages stay as they are.
  if (last > first)
    static_cast<void>(madvise(static_cast<std::byte*>(memory) + (first - begin), last - first, kDiscard));
  return env.Undefined();
}

}  // namespace

void DefinePlainViews(Napi::Env env, Napi::Object exports) {
  exports.Set("discardMemory", Napi::Function::New(env, DiscardMemory, "discardMemory"));
  exports.Set("plainView", Napi::Function::New(env, PlainView, "plainView"));
}

}  // namespace nereid
