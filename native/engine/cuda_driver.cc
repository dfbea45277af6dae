#include "engine/cuda_driver.h"

#include <dlfcn.h>

#include <memory>
#include <string>

namespace nereid {
namespace {

template <typename Function>
bool Bind(void* library, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(dlsym(library, name));
  return *function != nullptr;
}

std::unique_ptr<CudaDriver> OpenDriver() {
  void* library = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) return nullptr;
  auto driver = std::make_unique<CudaDriver>();
  const bool is_complete = Bind(library, "cuGetErrorName", &driver->GetErrorName) &&
                           Bind(library, "cuDeviceGet", &driver->DeviceGet) &&
                           Bind(library, "cuDevicePrimaryCtxRetain", &driver->DevicePrimaryCtxRetain) &&
                           Bind(library, "cuDevicePrimaryCtxRelease_v2", &driver->DevicePrimaryCtxRelease) &&
                           Bind(library, "cuCtxSetCurrent", &driver->CtxSetCurrent) &&
                           Bind(library, "cuStreamCreate", &driver->StreamCreate) &&
                           Bind(library, "cuStreamDestroy_v2", &driver->StreamDestroy) &&
                           Bind(library, "cuStreamSynchronize", &driver->StreamSynchronize) &&
                           Bind(library, "cuStreamIsCapturing", &driver->StreamIsCapturing) &&
                           Bind(library, "cuStreamEndCapture", &driver->StreamEndCapture) &&
                           Bind(library, "cuGraphDestroy", &driver->GraphDestroy) &&
                           Bind(library, "cuMemcpyHtoDAsync_v2", &driver->MemcpyHtoDAsync) &&
                           Bind(library, "cuMemcpyDtoHAsync_v2", &driver->MemcpyDtoHAsync) &&
                           Bind(library, "cuMemsetD8Async", &driver->MemsetD8Async);
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
