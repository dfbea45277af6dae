#include "engine/instance_threads.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

namespace nereid {

InstanceThreads::~InstanceThreads() {
  std::vector<std::unique_ptr<Worker>> all;
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
    for (const auto& worker : workers_) worker->wake.notify_one();
    all.swap(ended_);
  }
  for (const auto& worker : all) worker->thread.join();
  // No thread leaves this list any more.
  for (const auto& worker : workers_) worker->thread.join();
}

Status InstanceThreads::Reserve() noexcept {
  const std::lock_guard lock(mutex_);
  if (!workers_.empty() || Add()) return {};
  return ResourceExhausted("no thread for another instance");
}

void InstanceThreads::Start(ThreadUser* user) noexcept {
  std::unique_lock lock(mutex_);
  waiting_.push_back(user);
  if (!idle_.empty()) {
    Worker* worker = idle_.back();
    idle_.pop_back();
    worker->is_idle = false;
    // Under the lock: the thread may end, and its worker with it, once the lock is free.
    worker->wake.notify_one();
    return;
  }
  // Without another thread the user waits for one of those that work.
  Add();
  JoinEnded(&lock);
}

size_t InstanceThreads::count() noexcept {
  const std::lock_guard lock(mutex_);
  return workers_.size();
}

size_t InstanceThreads::idle_count() noexcept {
  const std::lock_guard lock(mutex_);
  return idle_.size();
}

/// Called with the mutex held. False when the system has no more threads.
bool InstanceThreads::Add() noexcept {
  try {
    auto worker = std::make_unique<Worker>();
    auto* self = worker.get();
    workers_.push_back(std::move(worker));
    self->thread = std::thread(&InstanceThreads::Loop, this, self);
    return true;
  } catch (const std::system_error&) {
    workers_.pop_back();
    return false;
  }
}

void InstanceThreads::JoinEnded(std::unique_lock<std::mutex>* lock) noexcept {
  std::vector<std::unique_ptr<Worker>> ended;
  ended.swap(ended_);
  lock->unlock();
  for (const auto& worker : ended) worker->thread.join();
}

void InstanceThreads::Loop(Worker* self) noexcept {
  const LogScope scope(log_);
  std::unique_lock lock(mutex_);
  while (ThreadUser* user = Next(self, &lock)) {
    lock.unlock();
    user->Work();
    lock.lock();
  }
}

/// The user that waits longest; null when the thread is to end.
ThreadUser* InstanceThreads::Next(Worker* self, std::unique_lock<std::mutex>* lock) noexcept {
  while (waiting_.empty()) {
    if (is_closing_) return nullptr;
    idle_.push_back(self);
    self->is_idle = true;
    self->wake.wait_for(*lock, kept_, [&] { return !self->is_idle || is_closing_; });
    if (!self->is_idle) continue;
    std::erase(idle_, self);
    self->is_idle = false;
    if (is_closing_) return nullptr;
    if (workers_.size() == 1) continue;
    const auto place = std::find_if(workers_.begin(), workers_.end(),
                                    [&](const auto& worker) { return worker.get() == self; });
    ended_.push_back(std::move(*place));
    workers_.erase(place);
    return nullptr;
  }
  ThreadUser* user = waiting_.front();
  waiting_.pop_front();
  return user;
}

}  // namespace nereid
