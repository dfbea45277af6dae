#include "engine/device_stream.h"

#include <utility>

namespace nereid {
namespace {

/// CU_STREAM_NON_BLOCKING: the legacy default stream, which others use, neither waits for this one nor is
/// waited for.
constexpr unsigned kNonBlocking = 1;

CudaAddress AddressOf(const void* pointer) noexcept { return reinterpret_cast<CudaAddress>(pointer); }

}  // namespace

Result<std::unique_ptr<DeviceStream>> DeviceStream::Create(const CudaDriver& driver, int ordinal) noexcept {
  std::unique_ptr<DeviceStream> made(new DeviceStream(driver));
  int device = -1;
  NEREID_RETURN_IF_ERROR(FromCuda(driver, driver.DeviceGet(&device, ordinal), "cuDeviceGet"));
  NEREID_RETURN_IF_ERROR(
      FromCuda(driver, driver.DevicePrimaryCtxRetain(&made->context_, device), "cuDevicePrimaryCtxRetain"));
  made->device_ = device;
  NEREID_RETURN_IF_ERROR(made->Enter());
  NEREID_RETURN_IF_ERROR(
      FromCuda(driver, driver.StreamCreate(&made->stream_, kNonBlocking), "cuStreamCreate"));
  return made;
}

DeviceStream::~DeviceStream() {
  if (device_ < 0) return;
  // Whatever fails here, nobody can be told, and the process ends with the device.
  if (stream_ != nullptr && driver_.CtxSetCurrent(context_) == 0)
    static_cast<void>(driver_.StreamDestroy(stream_));
  static_cast<void>(driver_.DevicePrimaryCtxRelease(device_));
}

Status DeviceStream::Enter() noexcept {
  return FromCuda(driver_, driver_.CtxSetCurrent(context_), "cuCtxSetCurrent");
}

Status DeviceStream::Upload(void* to, const std::byte* from, size_t bytes) noexcept {
  return FromCuda(driver_, driver_.MemcpyHtoDAsync(AddressOf(to), from, bytes, stream_), "cuMemcpyHtoDAsync");
}

Status DeviceStream::Download(std::byte* to, const void* from, size_t bytes) noexcept {
  return FromCuda(driver_, driver_.MemcpyDtoHAsync(to, AddressOf(from), bytes, stream_), "cuMemcpyDtoHAsync");
}

Status DeviceStream::Zero(void* to, size_t bytes) noexcept {
  return FromCuda(driver_, driver_.MemsetD8Async(AddressOf(to), 0, bytes, stream_), "cuMemsetD8Async");
}

Status DeviceStream::Synchronize() noexcept {
  return FromCuda(driver_, driver_.StreamSynchronize(stream_), "cuStreamSynchronize");
}

Status DeviceStream::AbandonCapture() noexcept {
  int status = 0;
  NEREID_RETURN_IF_ERROR(
      FromCuda(driver_, driver_.StreamIsCapturing(stream_, &status), "cuStreamIsCapturing"));
  if (status == 0) return {};
  CudaGraph graph = nullptr;
  // An invalidated capture is ended by a call that reports the invalidation.
  static_cast<void>(driver_.StreamEndCapture(stream_, &graph));
  return graph == nullptr ? Status{} : FromCuda(driver_, driver_.GraphDestroy(graph), "cuGraphDestroy");
}

}  // namespace nereid
