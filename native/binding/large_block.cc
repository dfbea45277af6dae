#include "binding/large_block.h"

#include <sys/mman.h>

#include <cstring>
#include <string>

#include "binding/addon_data.h"

namespace nereid {
namespace {

/// MAP_FAILED without memory.
void* Map(size_t bytes) noexcept {
  return mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/// The same memory with another size, at the same address or another one; MAP_FAILED, and nothing is changed,
/// without memory.
void* Remap(void* memory, size_t before, size_t bytes) noexcept {
#ifdef __linux__
  return mremap(memory, before, bytes, MREMAP_MAYMOVE);
#else
  void* const grown = Map(bytes);
  if (grown == MAP_FAILED) return grown;
  std::memcpy(grown, memory, before);
  munmap(memory, before);
  return grown;
#endif
}

Napi::Value NoMemory(Napi::Env env, size_t bytes) {
  Napi::RangeError::New(env, "native: there is no memory for a block of " + std::to_string(bytes) + " bytes")
      .ThrowAsJavaScriptException();
  return env.Undefined();
}

LargeBlocks& BlocksOf(Napi::Env env) { return env.GetInstanceData<AddonData>()->large_blocks; }

/// Zero when the argument is no number of bytes.
size_t BytesOf(const Napi::Value& argument) {
  if (!argument.IsNumber()) return 0;
  const int64_t bytes = argument.As<Napi::Number>().Int64Value();
  return bytes > 0 ? static_cast<size_t>(bytes) : 0;
}

Napi::Value WrongArguments(Napi::Env env, const char* usage) {
  Napi::TypeError::New(env, usage).ThrowAsJavaScriptException();
  return env.Undefined();
}

// allocateBlock(bytes) → ArrayBuffer
Napi::Value AllocateBlock(const Napi::CallbackInfo& info) {
  const size_t bytes = BytesOf(info[0]);
  if (bytes == 0) return WrongArguments(info.Env(), "native: allocateBlock(bytes)");
  return BlocksOf(info.Env()).Allocate(info.Env(), bytes);
}

// growBlock(block, bytes) → ArrayBuffer
Napi::Value GrowBlock(const Napi::CallbackInfo& info) {
  const size_t bytes = BytesOf(info[1]);
  if (bytes == 0 || !info[0].IsArrayBuffer())
    return WrongArguments(info.Env(), "native: growBlock(block, bytes)");
  return BlocksOf(info.Env()).Grow(info.Env(), info[0].As<Napi::ArrayBuffer>(), bytes);
}

// freeBlock(block)
Napi::Value FreeBlock(const Napi::CallbackInfo& info) {
  if (!info[0].IsArrayBuffer()) return WrongArguments(info.Env(), "native: freeBlock(block)");
  BlocksOf(info.Env()).Free(info[0].As<Napi::ArrayBuffer>());
  return info.Env().Undefined();
}

}  // namespace

void LargeBlocks::Mapping::Unmap() noexcept {
  if (memory != nullptr) munmap(memory, bytes);
  memory = nullptr;
}

Napi::Value LargeBlocks::Allocate(Napi::Env env, size_t bytes) {
  void* const memory = Map(bytes);
  return memory == MAP_FAILED ? NoMemory(env, bytes) : Wrap(env, memory, bytes);
}

Napi::Value LargeBlocks::Grow(Napi::Env env, const Napi::ArrayBuffer& block, size_t bytes) {
  const std::shared_ptr<Mapping> mapping = Find(block);
  if (mapping == nullptr || bytes < mapping->bytes)
    return WrongArguments(env, "native: growBlock of a buffer that is no block, or to fewer bytes");
  void* const grown = Remap(mapping->memory, mapping->bytes, bytes);
  if (grown == MAP_FAILED) return NoMemory(env, bytes);
  mappings_.erase(mapping->memory);
  // From here on the memory belongs to the new buffer.
  mapping->memory = nullptr;
  Napi::ArrayBuffer detachable = block;
  detachable.Detach();
  return Wrap(env, grown, bytes);
}

void LargeBlocks::Free(const Napi::ArrayBuffer& block) {
  const std::shared_ptr<Mapping> mapping = Find(block);
  if (mapping == nullptr) return;
  mappings_.erase(mapping->memory);
  Napi::ArrayBuffer detachable = block;
  detachable.Detach();
  mapping->Unmap();
}

Napi::Value LargeBlocks::Wrap(Napi::Env env, void* memory, size_t bytes) {
  auto mapping = std::make_shared<Mapping>(memory, bytes);
  auto owner = std::make_unique<std::shared_ptr<Mapping>>(mapping);
  const auto finalize = [](napi_env, void*, void* hint) {
    const std::unique_ptr<std::shared_ptr<Mapping>> last(static_cast<std::shared_ptr<Mapping>*>(hint));
  };
  napi_value buffer = nullptr;
  if (napi_create_external_arraybuffer(env, memory, bytes, finalize, owner.get(), &buffer) != napi_ok) {
    Napi::Error::New(env).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  static_cast<void>(owner.release());
  mappings_[memory] = mapping;
  return {env, buffer};
}

std::shared_ptr<LargeBlocks::Mapping> LargeBlocks::Find(const Napi::ArrayBuffer& block) const {
  Napi::ArrayBuffer seen = block;
  const auto found = mappings_.find(seen.Data());
  return found == mappings_.end() ? nullptr : found->second.lock();
}

void DefineLargeBlocks(Napi::Env env, Napi::Object exports) {
  exports.Set("allocateBlock", Napi::Function::New(env, AllocateBlock, "allocateBlock"));
  exports.Set("growBlock", Napi::Function::New(env, GrowBlock, "growBlock"));
  exports.Set("freeBlock", Napi::Function::New(env, FreeBlock, "freeBlock"));
}

}  // namespace nereid
