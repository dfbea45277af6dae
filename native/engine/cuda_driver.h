// The functions of NVIDIA's driver that we call for our own copies, in a table, so that neither the build nor
// the start needs CUDA and tests can bring a table of their own. Asking which GPUs there are is in device.h.
#ifndef NEREID_ENGINE_CUDA_DRIVER_H_
#define NEREID_ENGINE_CUDA_DRIVER_H_

#include <cstddef>
#include <cstdint>

#include "engine/result.h"

namespace nereid {

/// Handles of the driver.
using CudaContext = void*;
using CudaStream = void*;
using CudaGraph = void*;
/// An address on the device.
using CudaAddress = unsigned long long;

/// All return 0 for success, else a CUresult. The names are the driver's, without `cu` and version.
struct CudaDriver {
  int (*GetErrorName)(int code, const char** name);
  int (*DeviceGet)(int* device, int ordinal);
  int (*DevicePrimaryCtxRetain)(CudaContext* context, int device);
  int (*DevicePrimaryCtxRelease)(int device);
  int (*CtxSetCurrent)(CudaContext context);
  int (*StreamCreate)(CudaStream* stream, unsigned flags);
  int (*StreamDestroy)(CudaStream stream);
  int (*StreamSynchronize)(CudaStream stream);
  int (*StreamIsCapturing)(CudaStream stream, int* status);
  int (*StreamEndCapture)(CudaStream stream, CudaGraph* graph);
  int (*GraphDestroy)(CudaGraph graph);
  int (*MemcpyHtoDAsync)(CudaAddress to, const void* from, size_t bytes, CudaStream stream);
  int (*MemcpyDtoHAsync)(void* to, CudaAddress from, size_t bytes, CudaStream stream);
  int (*MemsetD8Async)(CudaAddress to, unsigned char value, size_t bytes, CudaStream stream);
};

/// The driver of this machine, opened once; null where it is missing or lacks a function.
const CudaDriver* FindCudaDriver() noexcept;

/// The result of a call of the driver as a status: `internal`, with the name of the call, the error and its
/// number.
Status FromCuda(const CudaDriver& driver, int code, const char* call) noexcept;

}  // namespace nereid

#endif  // NEREID_ENGINE_CUDA_DRIVER_H_
