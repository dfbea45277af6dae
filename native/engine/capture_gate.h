// Keeps the capture of a CUDA graph apart from all other use of GPUs in this process: while ONNX Runtime
// captures (in CUDA's global mode), a call that allocates or waits for a device fails in every other thread
// and ruins the capture.
//
// Two locks, because opening a model takes seconds and must not make the batches of others wait behind a
// capture that waits for it: one for opening and closing sessions, one for runs and pinned memory. A capture
// takes both, in this order. Nothing is locked for sessions on the CPU.
#ifndef NEREID_ENGINE_CAPTURE_GATE_H_
#define NEREID_ENGINE_CAPTURE_GATE_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace nereid {

/// Many users or one capture. A capture waits for a moment without users; when there was none for
/// `kPatience`, new users wait for it. Threads: any. Lifetime: the process's.
class CaptureLock {
 public:
  static constexpr std::chrono::milliseconds kPatience{50};

  void Share() noexcept;
  void Unshare() noexcept;
  void Close() noexcept;
  void Open() noexcept;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int users_ = 0;
  /// Captures that have lost patience.
  int insisting_ = 0;
  bool is_closed_ = false;
};

/// A run, or an allocation of pinned memory, on a GPU. Uses nest.
class DeviceUse {
 public:
  /// False: on the CPU, where nothing is locked.
  explicit DeviceUse(bool is_on_gpu) noexcept;
  DeviceUse(const DeviceUse&) = delete;
  DeviceUse& operator=(const DeviceUse&) = delete;
  ~DeviceUse();

 private:
  bool is_on_gpu_;
};

/// The opening or closing of a session on a GPU. Changes nest.
class SessionChange {
 public:
  explicit SessionChange(bool is_on_gpu) noexcept;
  SessionChange(const SessionChange&) = delete;
  SessionChange& operator=(const SessionChange&) = delete;
  ~SessionChange();

 private:
  bool is_on_gpu_;
};

/// The only use of any GPU in this process while it lives. Not within one of the others.
class CaptureTurn {
 public:
  CaptureTurn() noexcept;
  CaptureTurn(const CaptureTurn&) = delete;
  CaptureTurn& operator=(const CaptureTurn&) = delete;
  ~CaptureTurn();
};

}  // namespace nereid

#endif  // NEREID_ENGINE_CAPTURE_GATE_H_
