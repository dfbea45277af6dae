// An instance: an inbox whose jobs run one after the other, around a runner. It shares the weights of its
// session with the session's other instances, and threads with all instances.
#ifndef NEREID_ENGINE_INSTANCE_H_
#define NEREID_ENGINE_INSTANCE_H_

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

#include "engine/batch_runner.h"
#include "engine/instance_threads.h"
#include "engine/job.h"
#include "engine/log_router.h"

namespace nereid {

class Instance;

/// Receives finished jobs, on the thread that ran them.
class JobListener {
 public:
  virtual ~JobListener() = default;
  virtual void JobDone(Instance* instance, Job* job) noexcept = 0;
};

/// Threads: submitted jobs run in order, on one thread of `threads` while there are any; an instance on a GPU
/// keeps its thread, because the provider has state for each thread. `Submit`, `End`, `EndAll`, `Stop` and
/// `RunNow` are called by the owner's thread. Lifetime: the owner's; `Stop` before destruction is implied.
/// Memory: the runner's. Locks: `mutex_` only; nothing that locks is called while it is held but the runner's
/// terminate flag.
class Instance : private ThreadUser {
 public:
  /// `threads`, `listener` and `log` outlive the instance. `id` is the owner's name for it.
  static Result<std::unique_ptr<Instance>> Create(std::shared_ptr<Session> session, int32_t id,
                                                  InstanceThreads* threads, JobListener* listener,
                                                  LogSink* log) noexcept;
  ~Instance() override;
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  /// Queues the job; it and the bytes it refers to belong to the instance until the listener is called.
  void Submit(Job* job) noexcept;

  /// Runs the job on the caller's thread. Only while no submitted job is unfinished.
  void RunNow(Job* job) noexcept;

  /// Makes the job with this ticket end early with `cancelled`: at its next operator when it runs, before it
  /// runs when it waits. Nothing when it is done, reported or not; no other job is affected.
  void End(uint64_t ticket) noexcept;

  /// Makes all unfinished jobs end early.
  void EndAll() noexcept;

  /// Cancels all unfinished jobs, reports each to the listener, and waits until no thread works for the
  /// instance.
  void Stop() noexcept;

  int32_t id() const noexcept { return id_; }
  BatchRunner& runner() noexcept { return *runner_; }

 private:
  Instance(std::unique_ptr<BatchRunner> runner, int32_t id, InstanceThreads* threads, JobListener* listener,
           LogSink* log) noexcept
      : runner_(std::move(runner)), id_(id), threads_(threads), listener_(listener), log_(log) {}

  void Work() noexcept override;
  void CaptureGraphs() noexcept;
  bool BeginJob(Job** job) noexcept;
  void FinishJob(Job* job) noexcept;
  void Mark(Job* job) noexcept;
  bool KeepsThread() const noexcept {
    return runner_->session().cuda_ordinal() >= 0 || runner_->session().graphs() != nullptr;
  }

  std::unique_ptr<BatchRunner> runner_;
  const int32_t id_;
  InstanceThreads* threads_;
  JobListener* listener_;
  LogSink* log_;

  /// Guards the members below, and `is_ended` of the jobs in the inbox.
  std::mutex mutex_;
  /// For the thread of an instance that keeps it.
  std::condition_variable wake_;
  std::condition_variable left_;
  /// Unfinished jobs; the one at the front runs while `is_running_`.
  std::deque<Job*> inbox_;
  bool is_running_ = false;
  bool is_stopping_ = false;
  /// A thread works for this instance, or was asked to.
  bool has_thread_ = false;
  /// Read without the mutex: whoever waits for the instance gives up, so it captures no further graphs.
  std::atomic<bool> is_preparation_ended_ = false;
};

}  // namespace nereid

#endif  // NEREID_ENGINE_INSTANCE_H_
