#include "engine/instance.h"

#include <system_error>

namespace nereid {
namespace {

Status Cancelled(const Session& session) {
  return {Code::kCancelled, "the batch of model '" + session.label() + "' was ended before it was done"};
}

}  // namespace

Result<std::unique_ptr<Instance>> Instance::Create(std::shared_ptr<Session> session, int32_t id,
                                                   JobListener* listener, LogSink* log) noexcept {
  auto runner = BatchRunner::Create(std::move(session));
  if (!runner.ok()) return std::move(runner.status());
  std::unique_ptr<Instance> instance(new Instance(std::move(runner.value()), id, listener, log));
  try {
    instance->thread_ = std::thread(&Instance::Loop, instance.get());
  } catch (const std::system_error& error) {
    return ResourceExhausted(std::string("no thread for another instance: ") + error.what());
  }
  return instance;
}

Instance::~Instance() { Stop(); }

void Instance::Submit(Job* job) noexcept {
  {
    const std::lock_guard lock(mutex_);
    inbox_.push_back(job);
  }
  wake_.notify_one();
}

void Instance::RunNow(Job* job) noexcept {
  const LogScope scope(log_);
  runner_->Run(job);
}

void Instance::Terminate() noexcept {
  const std::lock_guard lock(mutex_);
  if (inbox_.empty()) return;
  is_cancelled_ = true;
  runner_->Terminate();
}

void Instance::Stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    if (!inbox_.empty()) runner_->Terminate();
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Instance::Loop() noexcept {
  const LogScope scope(log_);
  Job* job = nullptr;
  while (BeginJob(&job)) {
    runner_->Run(job);
    FinishJob(job);
  }
}

/// Waits for a job that shall run; answers those that shall not. False when the instance stops.
bool Instance::BeginJob(Job** job) noexcept {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return is_stopping_ || !inbox_.empty(); });
    if (inbox_.empty()) return false;
    *job = inbox_.front();
    if (!is_stopping_ && !is_cancelled_) return true;
    lock.unlock();
    (*job)->slab = -1;
    (*job)->status = Cancelled(runner_->session());
    FinishJob(*job);
    lock.lock();
  }
}

void Instance::FinishJob(Job* job) noexcept {
  {
    const std::lock_guard lock(mutex_);
    const bool was_ended = is_cancelled_ || is_stopping_;
    if (was_ended && !job->status.ok()) job->status = Cancelled(runner_->session());
    inbox_.pop_front();
    if (is_cancelled_ && !is_stopping_) {
      is_cancelled_ = false;
      runner_->ClearTerminate();
    }
  }
  listener_->JobDone(this, job);
}

}  // namespace nereid
