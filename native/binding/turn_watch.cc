#include "binding/turn_watch.h"

#include <ctime>
#include <memory>
#include <vector>

#include "binding/doorbell.h"
#include "binding/event_loop.h"

namespace nereid {
namespace {

/// The cells behind the counts of the buckets; the same order as in src/event-loop/turn-counts.ts.
enum Cell : size_t { kSumNs, kLongTurns, kLongestMs, kLongestEndMs, kLongestRanMs, kCells };

/// How old the reading of the thread's CPU time may be when a turn begins: it costs ten times as much as the
/// clock.
constexpr uint64_t kCpuReadingNs = 1'000'000;

/// CPU time of this thread so far.
uint64_t ThreadCpuNs() noexcept {
  timespec time{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0) return 0;
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

struct Limits {
  std::vector<double> bounds_ms;
  /// Turns from here on are told.
  double long_ms;
};

/// Threads: the environment's; other threads read the cells, which they share. Lifetime: until `Close` or the
/// end of the environment; the loop is an owner until it has closed the handle. Memory: its own, and the
/// handle's.
class TurnWatch {
 public:
  /// The cells: a count for each bound and one for longer turns, then those of `Cell`. Null, with an
  /// exception pending, when the environment or its loop refuses.
  static std::shared_ptr<TurnWatch> Start(Napi::Env env, const Limits& limits, Napi::Float64Array cells,
                                          Napi::Function on_long);

  void Close() noexcept {
    if (is_closed_) return;
    is_closed_ = true;
    bell_->Close();
    cells_.Reset();
    uv_close(handle(), Closed);
  }

 private:
  explicit TurnWatch(uv_loop_s* loop)
      : loop_(loop),
        prepare_(std::make_unique<std::max_align_t[]>(uv_handle_size(kUvPrepare) / sizeof(std::max_align_t) +
                                                      1)) {}

  uv_prepare_s* prepare() const noexcept { return reinterpret_cast<uv_prepare_s*>(prepare_.get()); }
  uv_handle_s* handle() const noexcept { return reinterpret_cast<uv_handle_s*>(prepare_.get()); }

  static void BeforeWait(uv_prepare_s* prepare) {
    static_cast<TurnWatch*>(uv_handle_get_data(reinterpret_cast<uv_handle_s*>(prepare)))->TurnEnded();
  }

  static void Closed(uv_handle_s* handle) {
    const auto last = std::move(static_cast<TurnWatch*>(uv_handle_get_data(handle))->of_loop_);
    if (last->cleanup_ != nullptr) napi_remove_async_cleanup_hook(last->cleanup_);
  }

  static void EnvironmentEnds(napi_async_cleanup_hook_handle, void* watch) {
    static_cast<TurnWatch*>(watch)->Close();
  }

  void TurnEnded() noexcept {
    const uint64_t now = uv_hrtime();
    const uint64_t idle = uv_metrics_idle_time(loop_);
    const auto held_ns = static_cast<double>(now - ended_ns_ - (idle - idle_ns_));
    ended_ns_ = now;
    idle_ns_ = idle;
    size_t bucket = 0;
    // Nearly every turn is in the first one.
    while (bucket < bounds_ns_.size() && held_ns > bounds_ns_[bucket]) bucket++;
    counts_[bucket] += 1;
    further_[kSumNs] += held_ns;
    if (held_ns >= long_ns_) NoteLong(now, held_ns);
    if (now - cpu_read_at_ns_ < kCpuReadingNs) return;
    cpu_read_at_ns_ = now;
    cpu_ns_ = ThreadCpuNs();
  }

  /// The reader sets the number of long turns to zero when it has read the longest.
  void NoteLong(uint64_t now, double held_ns) noexcept {
    const double held_ms = held_ns / 1e6;
    if (further_[kLongTurns] == 0 || held_ms > further_[kLongestMs]) {
      further_[kLongestMs] = held_ms;
      further_[kLongestEndMs] = static_cast<double>(now) / 1e6;
      further_[kLongestRanMs] = static_cast<double>(ThreadCpuNs() - cpu_ns_) / 1e6;
    }
    further_[kLongTurns] += 1;
    bell_->Ring();
  }

  uv_loop_s* const loop_;
  const std::unique_ptr<std::max_align_t[]> prepare_;
  std::vector<double> bounds_ns_;
  double long_ns_ = 0;
  /// Keeps the memory of the cells.
  Napi::Reference<Napi::Float64Array> cells_;
  double* counts_ = nullptr;
  double* further_ = nullptr;
  std::shared_ptr<Doorbell> bell_;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  bool is_closed_ = false;
  /// Itself, as long as the loop has the handle.
  std::shared_ptr<TurnWatch> of_loop_;
  uint64_t ended_ns_ = 0;
  uint64_t idle_ns_ = 0;
  uint64_t cpu_ns_ = 0;
  uint64_t cpu_read_at_ns_ = 0;
};

std::shared_ptr<TurnWatch> TurnWatch::Start(Napi::Env env, const Limits& limits, Napi::Float64Array cells,
                                            Napi::Function on_long) {
  uv_loop_s* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  const std::shared_ptr<TurnWatch> watch(new TurnWatch(loop));
  watch->bell_ = Doorbell::Create(env, on_long);
  if (watch->bell_ == nullptr) return nullptr;
  // Cannot fail: it only sets members.
  uv_prepare_init(loop, watch->prepare());
  watch->of_loop_ = watch;
  uv_handle_set_data(watch->handle(), watch.get());
  uv_unref(watch->handle());
  for (const double bound : limits.bounds_ms) watch->bounds_ns_.push_back(bound * 1e6);
  watch->long_ns_ = limits.long_ms * 1e6;
  watch->cells_ = Napi::Persistent(cells);
  watch->counts_ = cells.Data();
  watch->further_ = watch->counts_ + limits.bounds_ms.size() + 1;
  watch->ended_ns_ = uv_hrtime();
  watch->idle_ns_ = uv_metrics_idle_time(loop);
  watch->cpu_ns_ = ThreadCpuNs();
  watch->cpu_read_at_ns_ = watch->ended_ns_;
  // An asynchronous one: the environment runs its loop until the handle is closed.
  napi_add_async_cleanup_hook(env, EnvironmentEnds, watch.get(), &watch->cleanup_);
  uv_prepare_start(watch->prepare(), BeforeWait);
  return watch;
}

// watchTurns(boundsMs, longMs, cells, onLong) → end()
Napi::Value WatchTurns(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto is_numbers = [](const Napi::Value& value) {
    return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_float64_array;
  };
  const bool has_types =
      is_numbers(info[0]) && info[1].IsNumber() && is_numbers(info[2]) && info[3].IsFunction();
  if (!has_types || info[2].As<Napi::TypedArray>().ElementLength() !=
                        info[0].As<Napi::TypedArray>().ElementLength() + 1 + kCells) {
    Napi::TypeError::New(env, "native: watchTurns(boundsMs, longMs, cells, onLong)")
        .ThrowAsJavaScriptException();
    return env.Undefined();
  }
  auto bounds = info[0].As<Napi::Float64Array>();
  const Limits limits{{bounds.Data(), bounds.Data() + bounds.ElementLength()}, info[1].As<Napi::Number>()};
  const auto watch =
      TurnWatch::Start(env, limits, info[2].As<Napi::Float64Array>(), info[3].As<Napi::Function>());
  if (watch == nullptr) return env.Undefined();
  return Napi::Function::New(
      env, [watch](const Napi::CallbackInfo&) { watch->Close(); }, "endTurnWatch");
}

}  // namespace

void DefineTurnWatches(Napi::Env env, Napi::Object exports) {
  exports.Set("watchTurns", Napi::Function::New(env, WatchTurns, "watchTurns"));
}

}  // namespace nereid
