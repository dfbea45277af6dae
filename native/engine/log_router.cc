#include "engine/log_router.h"

#include <algorithm>
#include <mutex>
#include <vector>

#include "engine/ort_status.h"

namespace nereid {
namespace {

struct Sinks {
  /// Guards `attached`, and is held while a line is written so that Detach can wait for it.
  std::mutex mutex;
  std::vector<LogSink*> attached;
};

/// On the heap and never freed: the runtime's threads may still log while the process runs its static
/// destructors.
Sinks& AllSinks() noexcept {
  static auto* sinks = std::make_unique<Sinks>().release();
  return *sinks;
}

thread_local LogSink* t_sink = nullptr;

}  // namespace

void AttachLogSink(LogSink* sink) noexcept {
  const std::lock_guard lock(AllSinks().mutex);
  AllSinks().attached.push_back(sink);
}

void DetachLogSink(LogSink* sink) noexcept {
  const std::lock_guard lock(AllSinks().mutex);
  std::erase(AllSinks().attached, sink);
}

LogScope::LogScope(LogSink* sink) noexcept : previous_(t_sink) { t_sink = sink; }

LogScope::~LogScope() { t_sink = previous_; }

void RouteLogLine(void*, int severity, const char*, const char* log_id, const char*,
                  const char* message) noexcept {
  Sinks& sinks = AllSinks();
  const std::lock_guard lock(sinks.mutex);
  if (sinks.attached.empty()) return;
  const bool is_attached =
      std::find(sinks.attached.begin(), sinks.attached.end(), t_sink) != sinks.attached.end();
  LogSink* sink = is_attached ? t_sink : sinks.attached.front();
  sink->Write(
      {severity, log_id == nullptr ? "" : log_id, WithoutSourceLocation(message == nullptr ? "" : message)});
}

}  // namespace nereid
