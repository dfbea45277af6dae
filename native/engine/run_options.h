// The runtime's options of the runs of one instance, and the flag in them that ends a run early.
#ifndef NEREID_ENGINE_RUN_OPTIONS_H_
#define NEREID_ENGINE_RUN_OPTIONS_H_

#include <atomic>

#include "engine/job.h"
#include "engine/result.h"
#include "engine/session.h"
#include "ort/handles.h"

namespace nereid {

/// Options of a run as the session is configured.
///
/// `graph` names the CUDA graph that the run captures or replays, `kNoGraph` none; null for a session without
/// graphs.
Status MakeRunOptions(const Session& session, const char* graph, ort::OwnedRunOptions* options) noexcept;

/// Threads: `Terminate` and `ClearTerminate` from any, the rest from the one that runs. Lifetime: its
/// runner's.
class RunOptions {
 public:
  /// Once, before anything else.
  Status Make(const Session& session) noexcept;

  const ort::RunOptions* For(const Job& job) const noexcept {
    return job.returns_memory ? returning_.get() : plain_.get();
  }

  /// Makes a run end at the next operator; sticks until cleared.
  void Terminate() noexcept;
  void ClearTerminate() noexcept;
  bool is_terminated() const noexcept { return is_terminated_.load(); }

 private:
  ort::OwnedRunOptions plain_;
  /// For jobs that return their memory.
  ort::OwnedRunOptions returning_;
  /// As the flag of both.
  std::atomic<bool> is_terminated_ = false;
};

}  // namespace nereid

#endif  // NEREID_ENGINE_RUN_OPTIONS_H_
