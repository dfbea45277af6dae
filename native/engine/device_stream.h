// A stream of a GPU, on which a session computes and beside it our own copies run, in the order in which they
// are given.
#ifndef NEREID_ENGINE_DEVICE_STREAM_H_
#define NEREID_ENGINE_DEVICE_STREAM_H_

#include <cstddef>
#include <memory>

#include "engine/cuda_driver.h"
#include "engine/result.h"

namespace nereid {

/// Threads: one at a time; each calls `Enter` before its first copy. Lifetime: longer than the session that
/// computes on it. Memory: the stream, and a reference to the device's primary context.
class DeviceStream {
 public:
  /// Fails with internal when the driver refuses. `driver` outlives the stream.
  static Result<std::unique_ptr<DeviceStream>> Create(const CudaDriver& driver, int ordinal) noexcept;
  ~DeviceStream();
  DeviceStream(const DeviceStream&) = delete;
  DeviceStream& operator=(const DeviceStream&) = delete;

  CudaStream handle() const noexcept { return stream_; }

  /// Makes the device the one of the calling thread.
  Status Enter() noexcept;

  /// Copies to the device. `from` stays unchanged until `Synchronize`; pinned memory is copied without help
  /// of the CPU.
  Status Upload(void* to, const std::byte* from, size_t bytes) noexcept;
  /// Copies from the device; `to` is written when `Synchronize` has returned.
  Status Download(std::byte* to, const void* from, size_t bytes) noexcept;
  /// Fills memory of the device with zeros.
  Status Zero(void* to, size_t bytes) noexcept;
  /// Waits until all work that was given to the stream is done.
  Status Synchronize() noexcept;

  /// Ends a capture that failed half way, so that the stream can be used again. Nothing when there is none.
  Status AbandonCapture() noexcept;

 private:
  explicit DeviceStream(const CudaDriver& driver) noexcept : driver_(driver) {}

  const CudaDriver& driver_;
  int device_ = -1;
  CudaContext context_ = nullptr;
  CudaStream stream_ = nullptr;
};

}  // namespace nereid

#endif  // NEREID_ENGINE_DEVICE_STREAM_H_
