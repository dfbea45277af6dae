// What only the management library of NVIDIA's driver (NVML) tells. It needs no context on a device, so
// asking takes no memory there. It is opened when first needed; where it is missing nothing is known.
#ifndef NEREID_ENGINE_MANAGEMENT_LIBRARY_H_
#define NEREID_ENGINE_MANAGEMENT_LIBRARY_H_

#include <cstdint>
#include <optional>
#include <string>

namespace nereid {

/// Memory of a GPU, of all processes together.
struct DeviceMemory {
  uint64_t total_bytes;
  uint64_t free_bytes;
};

/// e.g. 550.54.15; empty where it is not told.
std::string ReadDriverVersion() noexcept;

/// As it is now. Nothing where the library does not know the GPU.
std::optional<DeviceMemory> ReadDeviceMemory(const std::string& uuid) noexcept;

}  // namespace nereid

#endif  // NEREID_ENGINE_MANAGEMENT_LIBRARY_H_
