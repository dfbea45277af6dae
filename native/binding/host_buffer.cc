#include "binding/host_buffer.h"

namespace nereid {

Napi::Value HostBuffers::Wrap(Napi::Env env, const std::shared_ptr<HostBlock>& block) {
  auto hold = std::make_shared<Hold>(Hold{block});
  holds_[block->data()] = hold;
  auto owner = std::make_unique<std::shared_ptr<Hold>>(std::move(hold));
  const auto finalize = [](napi_env, void*, void* hint) {
    const std::unique_ptr<std::shared_ptr<Hold>> last(static_cast<std::shared_ptr<Hold>*>(hint));
  };
  napi_value buffer = nullptr;
  const auto status =
      napi_create_external_arraybuffer(env, block->data(), block->size(), finalize, owner.get(), &buffer);
  if (status != napi_ok) {
    Napi::Error::New(env).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  static_cast<void>(owner.release());
  return Napi::Value(env, buffer);
}

void HostBuffers::Discard(const Napi::ArrayBuffer& buffer) {
  Napi::ArrayBuffer detachable = buffer;
  const auto found = holds_.find(detachable.Data());
  if (found == holds_.end()) return;
  const auto hold = found->second.lock();
  holds_.erase(found);
  detachable.Detach();
  if (hold != nullptr) hold->block.reset();
}

}  // namespace nereid
