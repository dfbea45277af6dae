#include "engine/device.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

#include "engine/library_function.h"
#include "engine/management_library.h"
#include "engine/ort_status.h"
#include "ort/handles.h"

namespace nereid {
namespace {

using DriverUuid = std::array<unsigned char, 16>;

constexpr int kComputeMajor = 75;
constexpr int kComputeMinor = 76;

/// The few functions of the driver that we call; all return 0 for success.
struct Driver {
  int (*Init)(unsigned);
  int (*GetErrorString)(int, const char**);
  int (*DeviceGetCount)(int*);
  int (*DeviceGet)(int*, int);
  int (*DeviceGetName)(char*, int, int);
  int (*DeviceGetUuid)(DriverUuid*, int);
  int (*DeviceGetAttribute)(int*, int, int);
  int (*DeviceTotalMem)(size_t*, int);
  int (*DriverGetVersion)(int*);
};

struct DriverFindings {
  std::vector<CudaDevice> devices;
  bool is_there = false;
  std::string version;
  int cuda_version = 0;
  std::string problem;
};

bool BindDriver(void* library, Driver* driver) {
  return BindFunction(library, "cuInit", &driver->Init) &&
         BindFunction(library, "cuGetErrorString", &driver->GetErrorString) &&
         BindFunction(library, "cuDeviceGetCount", &driver->DeviceGetCount) &&
         BindFunction(library, "cuDeviceGet", &driver->DeviceGet) &&
         BindFunction(library, "cuDeviceGetName", &driver->DeviceGetName) &&
         BindFunction(library, "cuDeviceGetUuid", &driver->DeviceGetUuid) &&
         BindFunction(library, "cuDeviceGetAttribute", &driver->DeviceGetAttribute) &&
         BindFunction(library, "cuDeviceTotalMem_v2", &driver->DeviceTotalMem) &&
         BindFunction(library, "cuDriverGetVersion", &driver->DriverGetVersion);
}

/// As nvidia-smi prints it: GPU-8-4-4-4-12 hexadecimal digits.
std::string UuidText(const DriverUuid& uuid) {
  std::string text = "GPU-";
  for (size_t i = 0; i < uuid.size(); i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    char digits[3];
    std::snprintf(digits, sizeof(digits), "%02x", uuid[i]);
    text += digits;
  }
  return text;
}

CudaDevice ReadDevice(const Driver& driver, int ordinal) {
  CudaDevice device{ordinal, "", "", 0, 0, 0};
  int handle = 0;
  if (driver.DeviceGet(&handle, ordinal) != 0) return device;
  char name[256] = {};
  DriverUuid uuid{};
  size_t bytes = 0;
  if (driver.DeviceGetName(name, sizeof(name) - 1, handle) == 0) device.name = name;
  if (driver.DeviceGetUuid(&uuid, handle) == 0) device.uuid = UuidText(uuid);
  if (driver.DeviceGetAttribute(&device.compute_major, kComputeMajor, handle) != 0) device.compute_major = 0;
  if (driver.DeviceGetAttribute(&device.compute_minor, kComputeMinor, handle) != 0) device.compute_minor = 0;
  if (driver.DeviceTotalMem(&bytes, handle) == 0) device.total_bytes = bytes;
  return device;
}

DriverFindings AskDriver() {
  DriverFindings findings;
  void* library = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) {
    findings.problem =
        "the NVIDIA driver is not installed (libcuda.so.1 cannot be opened); install it, or start the "
        "container with "
        "access to the GPU";
    return findings;
  }
  findings.is_there = true;
  findings.version = ReadDriverVersion();
  Driver driver;
  if (!BindDriver(library, &driver)) {
    findings.problem = "the NVIDIA driver is too old: libcuda.so.1 lacks a function; update the driver";
    return findings;
  }
  if (driver.DriverGetVersion(&findings.cuda_version) != 0) findings.cuda_version = 0;
  int count = 0;
  int code = driver.Init(0);
  if (code == 0) code = driver.DeviceGetCount(&count);
  if (code != 0) {
    const char* reason = nullptr;
    const bool is_known = driver.GetErrorString(code, &reason) == 0 && reason != nullptr;
    findings.problem = "the NVIDIA driver does not start: " +
                       (is_known ? std::string(reason) : "error " + std::to_string(code)) +
                       "; nvidia-smi should list a GPU";
    return findings;
  }
  for (int i = 0; i < count; i++) findings.devices.push_back(ReadDevice(driver, i));
  if (count == 0) {
    findings.problem =
        "the NVIDIA driver shows no GPU to this process; check nvidia-smi and CUDA_VISIBLE_DEVICES";
  }
  return findings;
}

const DriverFindings& Findings() noexcept {
  static const auto* findings = std::make_unique<DriverFindings>(AskDriver()).release();
  return *findings;
}

std::string NotBeside(const std::filesystem::path& library) {
  std::error_code ignored;
  return std::filesystem::exists(library, ignored)
             ? std::string()
             : library.filename().string() + " is not beside ONNX Runtime";
}

std::vector<CudaLibrary>& TheCudaLibraries() noexcept {
  static auto* libraries = std::make_unique<std::vector<CudaLibrary>>().release();
  return *libraries;
}

/// Lets the runtime open its CUDA provider. Empty when that works, else the loader's reason. The runtime has
/// to do it: the provider's initialisers call back into it, and if anything else opens the provider first,
/// they end the process.
std::string ProviderProblem() {
  constexpr std::string_view kLoaderSpeaks = "with error: ";
  const ort::Api& api = *ort::g_api;
  ort::OwnedCudaOptions options;
  Status status = FromOrt(api.CreateCudaOptions(ort::Out(options)));
  if (status.ok()) status = FromOrt(api.UpdateCudaOptions(options.get(), nullptr, nullptr, 0));
  if (status.ok()) return {};
  std::string reason = std::move(status.message);
  if (const auto at = reason.find(kLoaderSpeaks); at != std::string::npos)
    reason.erase(0, at + kLoaderSpeaks.size());
  while (!reason.empty() && std::isspace(static_cast<unsigned char>(reason.back())) != 0) reason.pop_back();
  return reason;
}

/// Missing libraries and ones that do not fit each other have one cure.
constexpr std::string_view kInstall =
    "run nereid gpu install, which brings all that is needed but the driver";

std::string FindCudaProblem(const Runtime& runtime) {
  const auto folder = std::filesystem::path(runtime.path).parent_path();
  const auto& providers = runtime.providers;
  if (std::find(providers.begin(), providers.end(), "CUDAExecutionProvider") == providers.end())
    return "ONNX Runtime " + runtime.version + " was built without CUDA; " + std::string(kInstall);
  std::string problem = NotBeside(folder / "libonnxruntime_providers_shared.so");
  if (problem.empty()) problem = NotBeside(folder / "libonnxruntime_providers_cuda.so");
  if (problem.empty() && !Findings().problem.empty()) return Findings().problem;
  if (problem.empty()) TheCudaLibraries() = OpenCudaLibraries(runtime.cuda_libraries);
  if (problem.empty()) problem = ProviderProblem();
  return problem.empty() ? problem : problem + "; " + std::string(kInstall);
}

}  // namespace

const std::vector<CudaDevice>& CudaDevices() noexcept { return Findings().devices; }

const std::string& DriverVersion() noexcept { return Findings().version; }

bool HasDriver() noexcept { return Findings().is_there; }

int DriverCudaVersion() noexcept { return Findings().cuda_version; }

const std::string& DriverProblem() noexcept { return Findings().problem; }

const std::vector<CudaLibrary>& OpenedCudaLibraries() noexcept { return TheCudaLibraries(); }

const std::string& CudaProblem(const Runtime& runtime) noexcept {
  static const auto* problem = std::make_unique<std::string>(FindCudaProblem(runtime)).release();
  return *problem;
}

}  // namespace nereid
