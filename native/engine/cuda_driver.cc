#include "engine/cuda_driver.h"

#include <dlfcn.h>

#include <memory>
#include <string>

#include "engine/library_function.h"

namespace nereid {
namespace {

std::unique_ptr<CudaDriver> OpenDriver() {
  void* library = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) return nullptr;
  auto driver = std::make_unique<CudaDriver>();
  const bool is_complete =
      BindFunction(library, "cuGetErrorName", &driver->GetErrorName) &&
      BindFunction(library, "cuDeviceGet", &driver->DeviceGet) &&
      BindFunction(library, "cuDevicePrimaryCtxRetain", &driver->DevicePrimaryCtxRetain) &&
      BindFunction(library, "cuDevicePrimaryCtxRelease_v2", &driver->DevicePrimaryCtxRelease) &&
      BindFunction(library, "cuCtxSetCurrent", &driver->CtxSetCurrent) &&
      BindFunction(library, "cuStreamCreate", &driver->StreamCreate) &&
      BindFunction(library, "cuStreamDestroy_v2", &driver->StreamDestroy) &&
      BindFunction(library, "cuStreamSynchronize", &driver->StreamSynchronize) &&
      BindFunction(library, "cuStreamIsCapturing", &driver->StreamIsCapturing) &&
      BindFunction(library, "cuStreamEndCapture", &driver->StreamEndCapture) &&
      BindFunction(library, "cuGraphDestroy", &driver->GraphDestroy) &&
      BindFunction(library, "cuMemcpyHtoDAsync_v2", &driver->MemcpyHtoDAsync) &&
      BindFunction(library, "cuMemcpyDtoHAsync_v2", &driver->MemcpyDtoHAsync) &&
      BindFunction(library, "cuMemsetD8Async", &driver->MemsetD8Async);
  // Whether the driver starts and has devices is found out by device.cc before anything here is called.
  return is_complete ? std::move(driver) : nullptr;
}

}  // namespace

const CudaDriver* FindCudaDriver() noexcept {
  static const CudaDriver* driver = OpenDriver().release();
  return driver;
}

Status FromCuda(const CudaDriver& driver, int code, const char* call) noexcept {
  if (code == 0) return {};
  const char* name = nullptr;
  if (driver.GetErrorName(code, &name) != 0 || name == nullptr) name = "unknown error";
  return Internal(std::string(call) + " of the NVIDIA driver failed: " + name + " (" + std::to_string(code) +
                  ")");
}

}  // namespace nereid
