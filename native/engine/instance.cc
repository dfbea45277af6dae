#include "engine/instance.h"

namespace nereid {
namespace {

Status Cancelled(const Session& session) {
  return {Code::kCancelled, "the batch of model '" + session.label() + "' was ended before it was done"};
}

}  // namespace

Result<std::unique_ptr<Instance>> Instance::Create(std::shared_ptr<Session> session, int32_t id,
                                                   InstanceThreads* threads, JobListener* listener,
                                                   LogSink* log) noexcept {
  NEREID_RETURN_IF_ERROR(threads->Reserve());
  auto runner = BatchRunner::Create(std::move(session));
  if (!runner.ok()) return std::move(runner.status());
  return std::unique_ptr<Instance>(new Instance(std::move(runner.value()), id, threads, listener, log));
}

Instance::~Instance() { Stop(); }

void Instance::Submit(Job* job) noexcept {
  {
    const std::lock_guard lock(mutex_);
    job->is_ended = false;
    inbox_.push_back(job);
    if (has_thread_) {
      wake_.notify_one();
      return;
    }
    has_thread_ = true;
  }
  threads_->Start(this);
}

void Instance::RunNow(Job* job) noexcept {
  const LogScope scope(log_);
  runner_->Run(job);
}

void Instance::End(uint64_t ticket) noexcept {
  const std::lock_guard lock(mutex_);
  for (Job* job : inbox_) {
    if (job->ticket != ticket) continue;
    is_preparation_ended_ = true;
    Mark(job);
  }
}

void Instance::EndAll() noexcept {
  const std::lock_guard lock(mutex_);
  is_preparation_ended_ = true;
  for (Job* job : inbox_) Mark(job);
}

void Instance::Stop() noexcept {
  std::unique_lock lock(mutex_);
  is_stopping_ = true;
  is_preparation_ended_ = true;
  for (Job* job : inbox_) Mark(job);
  wake_.notify_one();
  left_.wait(lock, [this] { return !has_thread_; });
}

void Instance::Work() noexcept {
  // Such a thread comes here once, and replays are of the thread that captured.
  if (KeepsThread()) CaptureGraphs();
  Job* job = nullptr;
  while (BeginJob(&job)) {
    runner_->Run(job);
    FinishJob(job);
  }
}

void Instance::CaptureGraphs() noexcept {
  const Status captured = runner_->Prepare([this] { return is_preparation_ended_.load(); });
  if (captured.ok() || log_ == nullptr) return;
  log_->Write({ort::kWarning, runner_->session().label(),
               "this instance runs without CUDA graphs: " + captured.message});
}

/// The job shall end early. Called with the mutex held, so that the runner's flag is never set for another
/// job: it is set only while this one runs, and cleared before the next one does.
void Instance::Mark(Job* job) noexcept {
  if (job->is_ended) return;
  job->is_ended = true;
  if (is_running_ && job == inbox_.front()) runner_->Terminate();
}

/// Takes a job that shall run; answers those that shall not. False when the thread is to leave: the instance
/// may be destroyed then.
bool Instance::BeginJob(Job** job) noexcept {
  std::unique_lock lock(mutex_);
  while (true) {
    if (KeepsThread()) wake_.wait(lock, [this] { return is_stopping_ || !inbox_.empty(); });
    if (inbox_.empty()) {
      has_thread_ = false;
      // Under the lock: whoever waits destroys this when the lock is free.
      left_.notify_all();
      return false;
    }
    *job = inbox_.front();
    if (!(*job)->is_ended) {
      is_running_ = true;
      return true;
    }
    lock.unlock();
    runner_->Skip(*job);
    FinishJob(*job);
    lock.lock();
  }
}

void Instance::FinishJob(Job* job) noexcept {
  {
    const std::lock_guard lock(mutex_);
    inbox_.pop_front();
    if (job->is_ended) {
      if (!job->status.ok()) job->status = Cancelled(runner_->session());
      if (is_running_) runner_->ClearTerminate();
    }
    is_running_ = false;
  }
  listener_->JobDone(this, job);
}

}  // namespace nereid
