#include "engine/log_router.h"

#include <algorithm>
#include <mutex>
#include <string_view>
#include <vector>

#include "engine/ort_status.h"
#include "ort/ort_abi.h"

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
thread_local RepeatedErrors* t_repeated = nullptr;

/// How the runtime joins a session's label and the tag of a run.
constexpr std::string_view kRunSuffix = ":run";
static_assert(kRunSuffix.substr(1) == kRunTag);

void Pass(LogLine line) noexcept {
  Sinks& sinks = AllSinks();
  const std::lock_guard lock(sinks.mutex);
  if (sinks.attached.empty()) return;
  const bool is_attached =
      std::find(sinks.attached.begin(), sinks.attached.end(), t_sink) != sinks.attached.end();
  LogSink* sink = is_attached ? t_sink : sinks.attached.front();
  sink->Write(std::move(line));
}

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

RepeatedErrors::RepeatedErrors() noexcept { t_repeated = this; }

RepeatedErrors::~RepeatedErrors() {
  t_repeated = nullptr;
  for (auto& line : lines_) {
    if (is_failed_) line.severity = ort::kInfo;
    Pass(std::move(line));
  }
}

void RouteLogLine(void*, int severity, const char*, const char* log_id, const char*,
                  const char* message) noexcept {
  std::string label(log_id == nullptr ? "" : log_id);
  const bool is_of_run = label.ends_with(kRunSuffix);
  if (is_of_run) label.resize(label.size() - kRunSuffix.size());
  LogLine line{severity, std::move(label), WithoutSourceLocation(message == nullptr ? "" : message)};
  if (severity >= ort::kError && t_repeated != nullptr) {
    t_repeated->lines_.push_back(std::move(line));
    return;
  }
  // A run on several threads of the runtime: whether it failed is known elsewhere, and is told there.
  if (severity >= ort::kError && is_of_run) line.severity = ort::kInfo;
  Pass(std::move(line));
}

}  // namespace nereid
