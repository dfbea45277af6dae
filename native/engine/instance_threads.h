// The threads on which instances run their jobs. An instance has a thread only while it has jobs: a thread
// that has run a model keeps its stack in memory, and a server of a thousand models rarely runs more than a
// few of them at a time.
#ifndef NEREID_ENGINE_INSTANCE_THREADS_H_
#define NEREID_ENGINE_INSTANCE_THREADS_H_

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/log_router.h"
#include "engine/result.h"

namespace nereid {

/// An instance, as the threads know it.
class ThreadUser {
 public:
  virtual ~ThreadUser() = default;
  /// Runs its jobs on the calling thread until there are none.
  virtual void Work() noexcept = 0;
};

/// As many threads as instances have jobs at the same time: nobody waits for another's job, except where the
/// system has no more threads. The thread that worked last is taken first, because its stack and caches are
/// warm; the others end when they have had nothing to do for `kept`.
///
/// Threads: `Reserve` and `Start` are called by any. Lifetime: longer than all users; ends when none works.
/// Memory: stacks.
class InstanceThreads {
 public:
  static constexpr std::chrono::milliseconds kKept{10'000};

  /// `log` gets the runtime's lines of these threads; it outlives them.
  explicit InstanceThreads(LogSink* log, std::chrono::milliseconds kept = kKept) noexcept
      : log_(log), kept_(kept) {}
  InstanceThreads(const InstanceThreads&) = delete;
  InstanceThreads& operator=(const InstanceThreads&) = delete;
  ~InstanceThreads();

  /// Makes sure that there is a thread, so that `Start` cannot fail. One is kept from then on.
  Status Reserve() noexcept;

  /// Has a thread call `Work` of the user once. Only after `Reserve`.
  void Start(ThreadUser* user) noexcept;

  /// Threads that work or wait for work.
  size_t count() noexcept;
  /// Those of them that wait.
  size_t idle_count() noexcept;

 private:
  struct Worker {
    std::thread thread;
    std::condition_variable wake;
    bool is_idle = false;
  };

  void Loop(Worker* self) noexcept;
  ThreadUser* Next(Worker* self, std::unique_lock<std::mutex>* lock) noexcept;
  bool Add() noexcept;
  void JoinEnded(std::unique_lock<std::mutex>* lock) noexcept;

  LogSink* const log_;
  const std::chrono::milliseconds kept_;

  /// Guards the members below.
  std::mutex mutex_;
  /// Users that no thread has taken yet.
  std::deque<ThreadUser*> waiting_;
  std::vector<std::unique_ptr<Worker>> workers_;
  /// The one that worked last is at the back.
  std::vector<Worker*> idle_;
  /// Threads that have ended and are to be joined.
  std::vector<std::unique_ptr<Worker>> ended_;
  bool is_closing_ = false;
};

}  // namespace nereid

#endif  // NEREID_ENGINE_INSTANCE_THREADS_H_
