#include "binding/doorbell.h"

#include "binding/addon_data.h"

namespace nereid {
namespace {

/// Threads: any. Lifetime: the process's. Memory: one entry per open doorbell.
class Registry {
 public:
  /// The registry of the process, never destroyed: threads may ring while the process ends.
  static Registry& Get() noexcept {
    static Registry& registry = *std::make_unique<Registry>().release();
    return registry;
  }
  int64_t Add(std::shared_ptr<Doorbell> bell) {
    const std::lock_guard lock(mutex_);
    bells_[++last_id_] = std::move(bell);
    return last_id_;
  }
  std::shared_ptr<Doorbell> Find(int64_t id) noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = bells_.find(id);
    return found == bells_.end() ? nullptr : found->second;
  }
  void Remove(int64_t id) noexcept {
    std::shared_ptr<Doorbell> last;
    const std::lock_guard lock(mutex_);
    const auto found = bells_.find(id);
    if (found == bells_.end()) return;
    last = std::move(found->second);
    bells_.erase(found);
  }

 private:
  /// Guards everything below.
  std::mutex mutex_;
  std::unordered_map<int64_t, std::shared_ptr<Doorbell>> bells_;
  int64_t last_id_ = 0;
};

/// The id in a call's first argument; 0, which is no id, for another value.
int64_t IdOf(napi_env env, napi_callback_info info, void** context) noexcept {
  size_t count = 1;
  napi_value value = nullptr;
  int64_t id = 0;
  napi_get_cb_info(env, info, &count, &value, nullptr, context);
  return napi_get_value_int64(env, value, &id) == napi_ok ? id : 0;
}

// createDoorbell(onRing) → id
Napi::Value CreateDoorbell(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsFunction()) {
    Napi::TypeError::New(env, "native: createDoorbell(onRing)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const auto bell = Doorbell::Create(env, info[0].As<Napi::Function>());
  if (bell == nullptr) return env.Undefined();
  return Napi::Number::New(env, static_cast<double>(bell->id()));
}

// ringDoorbell(id); Node-API's C functions, because a wrapper's objects would cost more than the ring.
napi_value RingDoorbell(napi_env env, napi_callback_info info) {
  void* context = nullptr;
  const int64_t id = IdOf(env, info, &context);
  auto& known = static_cast<AddonData*>(context)->known_doorbells;
  auto found = known.find(id);
  if (found == known.end()) {
    auto bell = Registry::Get().Find(id);
    if (bell == nullptr) return nullptr;
    found = known.emplace(id, std::move(bell)).first;
  }
  if (!found->second->Ring()) known.erase(found);
  return nullptr;
}

// closeDoorbell(id); only the environment that made it may
napi_value CloseDoorbell(napi_env env, napi_callback_info info) {
  void* context = nullptr;
  const auto bell = Registry::Get().Find(IdOf(env, info, &context));
  if (bell != nullptr && bell->env() == env) bell->Close();
  return nullptr;
}

}  // namespace

std::shared_ptr<Doorbell> Doorbell::Create(Napi::Env env, Napi::Function on_ring) {
  auto bell = std::make_shared<Doorbell>(env);
  auto keeper = std::make_unique<std::shared_ptr<Doorbell>>(bell);
  const auto finalize = [](napi_env, void* kept, void*) {
    const std::unique_ptr<std::shared_ptr<Doorbell>> last(static_cast<std::shared_ptr<Doorbell>*>(kept));
  };
  const napi_value name = Napi::String::New(env, "nereid doorbell");
  const auto status = napi_create_threadsafe_function(env, on_ring, nullptr, name, 0, 1, keeper.get(),
                                                      finalize, bell.get(), Answer, &bell->wake_);
  if (status != napi_ok) {
    Napi::Error::New(env).ThrowAsJavaScriptException();
    return nullptr;
  }
  static_cast<void>(keeper.release());
  napi_unref_threadsafe_function(env, bell->wake_);
  // After the thread-safe function's own hook, so before it at the end: hooks run in reverse order.
  napi_add_env_cleanup_hook(env, CloseAtEnd, bell.get());
  bell->id_ = Registry::Get().Add(bell);
  return bell;
}

bool Doorbell::Ring() noexcept {
  // An exchange even when it is rung already: with a mere load the record that the caller just wrote could
  // become visible only after the other side had looked for it.
  if (is_rung_.exchange(true)) return is_open_.load(std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  if (wake_ == nullptr) return false;
  napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
  return true;
}

void Doorbell::Answer(napi_env env, napi_value on_ring, void* context, void*) noexcept {
  // Null while the environment is torn down or the doorbell is closed; the doorbell may be gone then.
  if (env == nullptr) return;
  auto* bell = static_cast<Doorbell*>(context);
  if (!bell->is_open_) return;
  // Before the callback: a ring during it means another call.
  bell->is_rung_.exchange(false);
  napi_value receiver = nullptr;
  napi_get_undefined(env, &receiver);
  napi_call_function(env, receiver, on_ring, 0, nullptr, nullptr);
  bool is_pending = false;
  napi_value thrown = nullptr;
  // Node would only print a deprecation of such exceptions.
  if (napi_is_exception_pending(env, &is_pending) == napi_ok && is_pending &&
      napi_get_and_clear_last_exception(env, &thrown) == napi_ok) {
    napi_fatal_exception(env, thrown);
  }
}

void Doorbell::CloseAtEnd(void* bell) noexcept { static_cast<Doorbell*>(bell)->Close(); }

void Doorbell::Close() noexcept {
  napi_remove_env_cleanup_hook(env_, CloseAtEnd, this);
  napi_threadsafe_function wake = nullptr;
  is_open_ = false;
  {
    const std::lock_guard lock(mutex_);
    wake = std::exchange(wake_, nullptr);
  }
  Registry::Get().Remove(id_);
  if (wake != nullptr) napi_release_threadsafe_function(wake, napi_tsfn_abort);
}

void DefineDoorbells(Napi::Env env, Napi::Object exports) {
  auto* data = env.GetInstanceData<AddonData>();
  const auto define = [&](const char* name, napi_callback call) {
    napi_value function = nullptr;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, call, data, &function);
    exports.Set(name, Napi::Value(env, function));
  };
  exports.Set("createDoorbell", Napi::Function::New(env, CreateDoorbell, "createDoorbell"));
  define("ringDoorbell", RingDoorbell);
  define("closeDoorbell", CloseDoorbell);
}

}  // namespace nereid
