// The GPUs of this machine, and the missing pieces if there seem to be none. The driver's own libraries
// answer; they are opened when first needed, so that neither the build nor the start needs CUDA.
#ifndef NEREID_ENGINE_DEVICE_H_
#define NEREID_ENGINE_DEVICE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "engine/cuda_libraries.h"
#include "engine/runtime.h"

namespace nereid {

/// Mirror of CudaDevice in src/engine/engine.ts.
struct CudaDevice {
  int ordinal;
  std::string name;
  std::string uuid;
  int compute_major;
  int compute_minor;
  uint64_t total_bytes;
};

/// The GPUs the driver shows to this process (CUDA_VISIBLE_DEVICES applies), asked once. Empty without a
/// driver.
const std::vector<CudaDevice>& CudaDevices() noexcept;

/// e.g. 550.54.15; empty without a driver.
const std::string& DriverVersion() noexcept;

/// Whether the driver's library opens.
bool HasDriver() noexcept;

/// The version of CUDA that the driver knows, such as 13000 for 13.0; 0 without a driver.
int DriverCudaVersion() noexcept;

/// Empty, or one sentence that says why the driver cannot be used. Asked once.
const std::string& DriverProblem() noexcept;

/// CUDA's libraries as they were opened for the runtime; empty as long as nothing needed them, and without a
/// driver.
const std::vector<CudaLibrary>& OpenedCudaLibraries() noexcept;

/// Empty, or one sentence that names the piece that is missing for CUDA and what to do. Asked once.
const std::string& CudaProblem(const Runtime& runtime) noexcept;

}  // namespace nereid

#endif  // NEREID_ENGINE_DEVICE_H_
