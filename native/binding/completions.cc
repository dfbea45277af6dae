#include "binding/completions.h"

#include <chrono>

#include "ort/ort_abi.h"

namespace nereid {

bool Completions::Start(Napi::Env env, Receiver receiver) noexcept {
  env_ = env;
  receiver_ = std::move(receiver);
  const napi_value name = Napi::String::New(env, "nereid completions");
  const auto status = napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr,
                                                      this, Drain, &wake_);
  if (status != napi_ok) return false;
  napi_unref_threadsafe_function(env_, wake_);
  return true;
}

void Completions::Expect() noexcept {
  if (undrained_++ == 0) napi_ref_threadsafe_function(env_, wake_);
  const std::lock_guard lock(mutex_);
  outstanding_++;
}

// Called with the mutex held.
void Completions::Wake() noexcept {
  if (is_woken_ || is_closed_) return;
  is_woken_ = true;
  napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void Completions::JobDone(Instance*, Job* job) noexcept {
  const std::lock_guard lock(mutex_);
  jobs_.push_back(job);
  if (--outstanding_ == 0) idle_.notify_all();
  Wake();
}

void Completions::Post(Task task) noexcept {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  if (--outstanding_ == 0) idle_.notify_all();
  Wake();
}

void Completions::Write(LogLine line) noexcept {
  const std::lock_guard lock(mutex_);
  if (lines_.size() >= kMaxLogLines)
    dropped_lines_++;
  else
    lines_.push_back(std::move(line));
  Wake();
}

bool Completions::WaitIdle(int wait_ms) noexcept {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, std::chrono::milliseconds(wait_ms), [this] { return outstanding_ == 0; });
}

void Completions::Close() noexcept {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
}

void Completions::Drain(napi_env env, napi_value, void* context, void*) noexcept {
  // Null while the environment is torn down.
  if (env != nullptr) static_cast<Completions*>(context)->DrainAll(env);
}

void Completions::DrainAll(Napi::Env env) noexcept {
  const Napi::HandleScope scope(env);
  std::vector<LogLine> lines;
  std::vector<Task> tasks;
  size_t dropped = 0;
  {
    const std::lock_guard lock(mutex_);
    is_woken_ = false;
    if (is_closed_) return;
    drained_jobs_.swap(jobs_);
    lines.swap(lines_);
    tasks.swap(tasks_);
    std::swap(dropped, dropped_lines_);
  }
  // Before the callbacks, which may expect more.
  const size_t drained = drained_jobs_.size() + tasks.size();
  undrained_ -= drained;
  if (drained > 0 && undrained_ == 0) napi_unref_threadsafe_function(env_, wake_);
  for (const auto& line : lines) receiver_.log(env, line);
  if (dropped > 0)
    receiver_.log(env,
                  {ort::kWarning, "", std::to_string(dropped) + " log lines of ONNX Runtime were dropped"});
  if (!drained_jobs_.empty()) receiver_.jobs(env, drained_jobs_);
  drained_jobs_.clear();
  for (const auto& task : tasks) task(env);
}

}  // namespace nereid
