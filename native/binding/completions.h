// Events of the engine's threads for one environment: finished jobs, log lines, and ends of background work.
// One thread-safe function per environment; one wake-up delivers all events that wait.
#ifndef NEREID_BINDING_COMPLETIONS_H_
#define NEREID_BINDING_COMPLETIONS_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

#include "engine/instance.h"
#include "engine/log_router.h"
#include "napi.h"

namespace nereid {

/// Threads: events come from any thread; `Start`, `Expect`, `Close` and the drain belong to the
/// environment's. Lifetime: as the environment's AddonData. Memory: waiting events; log lines beyond
/// `kMaxLogLines` are dropped and counted.
class Completions : public JobListener, public LogSink {
 public:
  static constexpr size_t kMaxLogLines = 1024;

  /// Handles events, on the environment's thread.
  struct Receiver {
    std::function<void(Napi::Env, const std::vector<Job*>&)> jobs;
    std::function<void(Napi::Env, const LogLine&)> log;
  };
  using Task = std::function<void(Napi::Env)>;

  /// False when the environment refuses.
  bool Start(Napi::Env env, Receiver receiver) noexcept;

  /// Announces one future job or task; the event loop stays alive until it has arrived.
  void Expect() noexcept;

  void JobDone(Instance* instance, Job* job) noexcept override;
  void Write(LogLine line) noexcept override;
  /// `task` runs on the environment's thread; it counts as an expected one.
  void Post(Task task) noexcept;

  /// Waits until nothing expected is outstanding (jobs done, tasks posted); false when that took longer.
  bool WaitIdle(int wait_ms) noexcept;

  /// No event is delivered any more. All threads that send events have ended, but for log lines.
  void Close() noexcept;

 private:
  static void Drain(napi_env env, napi_value callback, void* context, void* unused) noexcept;
  void DrainAll(Napi::Env env) noexcept;
  void Wake() noexcept;

  napi_threadsafe_function wake_ = nullptr;
  napi_env env_ = nullptr;
  Receiver receiver_;
  /// The environment's thread only: expected and not yet drained.
  size_t undrained_ = 0;

  /// Guards everything below.
  std::mutex mutex_;
  std::condition_variable idle_;
  std::vector<Job*> jobs_;
  std::vector<LogLine> lines_;
  size_t dropped_lines_ = 0;
  std::vector<Task> tasks_;
  size_t outstanding_ = 0;
  bool is_woken_ = false;
  bool is_closed_ = false;

  /// Emptied vectors keep their memory here; the environment's thread only.
  std::vector<Job*> drained_jobs_;
};

}  // namespace nereid

#endif  // NEREID_BINDING_COMPLETIONS_H_
