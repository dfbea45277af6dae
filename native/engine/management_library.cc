#include "engine/management_library.h"

#include <dlfcn.h>

#include "engine/library_function.h"

namespace nereid {
namespace {

using Handle = void*;

/// nvmlMemory_t.
struct MemoryInfo {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

/// The library between its initialisation and its shutdown, which count each other.
class ManagementLibrary {
 public:
  ManagementLibrary() noexcept {
    library_ = dlopen("libnvidia-ml.so.1", RTLD_LAZY | RTLD_LOCAL);
    int (*init)() = nullptr;
    is_open_ = library_ != nullptr && BindFunction(library_, "nvmlShutdown", &shutdown_) &&
               BindFunction(library_, "nvmlInit_v2", &init) && init() == 0;
  }
  ~ManagementLibrary() {
    if (is_open_) shutdown_();
  }
  ManagementLibrary(const ManagementLibrary&) = delete;
  ManagementLibrary& operator=(const ManagementLibrary&) = delete;

  template <typename Function>
  bool Find(const char* name, Function* function) const noexcept {
    return is_open_ && BindFunction(library_, name, function);
  }

 private:
  void* library_;
  int (*shutdown_)() = nullptr;
  bool is_open_;
};

}  // namespace

std::string ReadDriverVersion() noexcept {
  const ManagementLibrary library;
  int (*version)(char*, unsigned) = nullptr;
  char text[96] = {};
  if (!library.Find("nvmlSystemGetDriverVersion", &version) || version(text, sizeof(text)) != 0) return {};
  return text;
}

std::optional<DeviceMemory> ReadDeviceMemory(const std::string& uuid) noexcept {
  const ManagementLibrary library;
  int (*find)(const char*, Handle*) = nullptr;
  int (*read)(Handle, MemoryInfo*) = nullptr;
  if (!library.Find("nvmlDeviceGetHandleByUUID", &find) || !library.Find("nvmlDeviceGetMemoryInfo", &read))
    return {};
  Handle device = nullptr;
  MemoryInfo memory{};
  if (find(uuid.c_str(), &device) != 0 || read(device, &memory) != 0) return {};
  return DeviceMemory{memory.total, memory.free};
}

}  // namespace nereid
