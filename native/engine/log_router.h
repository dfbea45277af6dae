// Brings the runtime's log lines to the JavaScript environment that caused them. The runtime has one logger
// per process; an environment attaches a sink, and code that calls the runtime for an environment says so
// with a scope.
#ifndef NEREID_ENGINE_LOG_ROUTER_H_
#define NEREID_ENGINE_LOG_ROUTER_H_

#include <string>
#include <vector>

namespace nereid {

struct LogLine {
  /// ort::Severity.
  int severity;
  /// The session's label, or that of the process when a line belongs to no session.
  std::string label;
  std::string message;
};

/// Threads: `Write` is called from any thread, also while another call runs. Lifetime: between Attach and
/// Detach.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void Write(LogLine line) noexcept = 0;
};

void AttachLogSink(LogSink* sink) noexcept;

/// Returns when no line is being written to the sink any more.
void DetachLogSink(LogSink* sink) noexcept;

/// Lines of this thread go to `sink` while the scope lives; other threads' lines go to the sink attached
/// first.
class LogScope {
 public:
  explicit LogScope(LogSink* sink) noexcept;
  LogScope(const LogScope&) = delete;
  LogScope& operator=(const LogScope&) = delete;
  ~LogScope();

 private:
  LogSink* previous_;
};

/// Holds the error lines of the runtime on this thread during a call whose status is reported. If the call
/// fails, its lines only repeat the status and are logged as information. If it succeeds, they are the only
/// report and stay errors.
///
/// Threads: one. Lifetime: the call's; scopes do not nest. Memory: the lines.
class RepeatedErrors {
 public:
  RepeatedErrors() noexcept;
  RepeatedErrors(const RepeatedErrors&) = delete;
  RepeatedErrors& operator=(const RepeatedErrors&) = delete;
  /// Passes the lines on.
  ~RepeatedErrors();

  /// The call failed, and its status is reported.
  void CallFailed() noexcept { is_failed_ = true; }

 private:
  friend void RouteLogLine(void*, int, const char*, const char*, const char*, const char*) noexcept;
  bool is_failed_ = false;
  std::vector<LogLine> lines_;
};

/// Marks the lines of a run, on whatever thread of the runtime they are written; the tag of its run options.
inline constexpr const char kRunTag[] = "run";

/// The function given to the runtime (ort::LogFunction).
void RouteLogLine(void* param, int severity, const char* category, const char* log_id,
                  const char* code_location, const char* message) noexcept;

}  // namespace nereid

#endif  // NEREID_ENGINE_LOG_ROUTER_H_
