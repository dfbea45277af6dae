// Doorbells: one thread of JavaScript wakes the event loop of another. A doorbell carries no data; the work
// to do is in memory that both threads share.
#ifndef NEREID_BINDING_DOORBELL_H_
#define NEREID_BINDING_DOORBELL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "napi.h"

namespace nereid {

/// Threads: `Ring` from any; everything else belongs to the thread of the environment that made it. Lifetime:
/// until `Close` or the end of that environment; later rings do nothing. Memory: its
/// thread-safe function holds the callback and the doorbell itself.
class Doorbell {
 public:
  /// Null, with an exception pending, when the environment refuses.
  static std::shared_ptr<Doorbell> Create(Napi::Env env, Napi::Function on_ring);

  explicit Doorbell(napi_env env) noexcept : env_(env) {}

  /// False once it is closed.
  bool Ring() noexcept;
  void Close() noexcept;

  int64_t id() const noexcept { return id_; }
  napi_env env() const noexcept { return env_; }

 private:
  static void Answer(napi_env env, napi_value on_ring, void* context, void* unused) noexcept;
  static void CloseAtEnd(void* bell) noexcept;

  const napi_env env_;
  int64_t id_ = 0;
  std::atomic<bool> is_rung_ = false;
  std::atomic<bool> is_open_ = true;
  /// Guards `wake_`, so that it is not called while its environment frees it.
  std::mutex mutex_;
  napi_threadsafe_function wake_ = nullptr;
};

/// Threads: the environment's. Lifetime: as the environment's AddonData. Memory: the doorbells that it has
/// rung, until a ring finds them closed; without them every ring of every thread would take the process's one
/// lock.
using KnownDoorbells = std::unordered_map<int64_t, std::shared_ptr<Doorbell>>;

/// Adds createDoorbell, ringDoorbell and closeDoorbell to `exports`; see src/threads/native-threads.ts. They
/// need no runtime.
void DefineDoorbells(Napi::Env env, Napi::Object exports);

}  // namespace nereid

#endif  // NEREID_BINDING_DOORBELL_H_
