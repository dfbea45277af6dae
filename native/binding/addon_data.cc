#include "binding/addon_data.h"

#include <system_error>

namespace nereid {

void AddonData::RunInBackground(std::function<Completions::Task()> work) {
  const uint64_t id = next_thread_++;
  completions.Expect();
  const auto run = [this, id, work = std::make_shared<std::function<Completions::Task()>>(std::move(work))] {
    const LogScope scope(&completions);
    auto report = (*work)();
    // The captures of the work may free a session, which must happen on this thread too.
    *work = nullptr;
    completions.Post([this, id, report = std::move(report)](Napi::Env env) {
      const auto thread = threads_.find(id);
      if (thread != threads_.end()) {
        thread->second.join();
        threads_.erase(thread);
      }
      report(env);
    });
  };
  try {
    threads_[id] = std::thread(run);
  } catch (const std::system_error&) {
    // Out of threads: to block the event loop once is better than to fail.
    threads_.erase(id);
    run();
  }
}

bool AddonData::EndBatches(int wait_ms) noexcept {
  for (const auto& instance : instances.all())
    if (instance != nullptr) instance->EndAll();
  return completions.WaitIdle(wait_ms);
}

void AddonData::Shutdown() noexcept {
  for (const auto& instance : instances.all())
    if (instance != nullptr) instance->EndAll();
  for (auto& instance : instances.all())
    if (instance != nullptr) instance->Stop();
  for (auto& [id, thread] : threads_) thread.join();
  threads_.clear();
  instances.all().clear();
  instance_threads.reset();
  frames.all().clear();
  sessions.all().clear();
  DetachLogSink(&completions);
  completions.Close();
}

}  // namespace nereid
