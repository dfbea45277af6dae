#include "engine/runtime.h"

#include <cstdlib>
#include <memory>
#include <mutex>

#include "engine/free_memory.h"
#include "engine/log_router.h"
#include "engine/ort_status.h"
#include "engine/self_check.h"
#include "ort/library.h"

namespace nereid {
namespace {

constexpr char kProcessLabel[] = "nereid";

struct Process {
  /// Guards `runtime` while it is being made.
  std::mutex mutex;
  ort::Library library;
  std::unique_ptr<Runtime> runtime;
};

/// On the heap and never freed: see Runtime.
Process& TheProcess() noexcept {
  static auto* process = std::make_unique<Process>().release();
  return *process;
}

Status MakeEnv(const RuntimeOptions& options, Runtime* runtime) {
  const ort::Api& api = *ort::g_api;
  if (!options.global_thread_pool) {
    return FromOrt(
        api.CreateEnvWithCustomLogger(RouteLogLine, nullptr, ort::kWarning, kProcessLabel, &runtime->env));
  }
  ort::OwnedThreadingOptions threading;
  NEREID_RETURN_IF_ORT(api.CreateThreadingOptions(ort::Out(threading)));
  NEREID_RETURN_IF_ORT(api.SetGlobalIntraOpNumThreads(threading.get(), options.global_intra_op_threads));
  NEREID_RETURN_IF_ORT(api.SetGlobalInterOpNumThreads(threading.get(), options.global_inter_op_threads));
  NEREID_RETURN_IF_ORT(api.SetGlobalSpinControl(threading.get(), options.global_spinning ? 1 : 0));
  return FromOrt(api.CreateEnvWithCustomLoggerAndGlobalThreadPools(
      RouteLogLine, nullptr, ort::kWarning, kProcessLabel, threading.get(), &runtime->env));
}

Status ReadProviders(Runtime* runtime) {
  char** names = nullptr;
  int count = 0;
  NEREID_RETURN_IF_ORT(ort::g_api->GetAvailableProviders(&names, &count));
  for (int i = 0; i < count; i++) runtime->providers.emplace_back(names[i]);
  return FromOrt(ort::g_api->ReleaseAvailableProviders(names, count));
}

Status MakeRuntime(const RuntimeOptions& options, const ort::Library& library, Runtime* runtime) {
  const ort::Api& api = library.api;
  runtime->api = &api;
  runtime->path = library.path;
  runtime->version = library.version;
  runtime->build_string = api.GetBuildInfoString();
  runtime->has_global_thread_pool = options.global_thread_pool;
  runtime->cuda_libraries = options.cuda_libraries;
  NEREID_RETURN_IF_ORT(api.GetAllocatorWithDefaultOptions(&runtime->cpu_allocator));
  NEREID_RETURN_IF_ORT(
      api.CreateCpuMemoryInfo(ort::kArenaAllocator, ort::kDefaultMemory, ort::Out(runtime->cpu_memory)));
  NEREID_RETURN_IF_ERROR(CheckRuntime(runtime->cpu_allocator));
  NEREID_RETURN_IF_ERROR(ReadProviders(runtime));
  NEREID_RETURN_IF_ERROR(MakeEnv(options, runtime));
  return FromOrt(api.DisableTelemetryEvents(runtime->env));
}

}  // namespace

Result<const Runtime*> LoadRuntime(const RuntimeOptions& options) noexcept {
  Process& process = TheProcess();
  const std::lock_guard lock(process.mutex);
  if (process.runtime != nullptr) {
    if (process.runtime->path == options.library_path) return process.runtime.get();
    return Status{Code::kFailedPrecondition, "this process already uses ONNX Runtime " +
                                                 process.runtime->version + " at '" + process.runtime->path +
                                                 "' and cannot open a second one at '" +
                                                 options.library_path + "'"};
  }
  // Read once, when the library is opened: later its telemetry has written files already, whatever the
  // interface is told. The C environment, because the library does not see Node's.
  setenv("ORT_DISABLE_TELEMETRY", "1", 1);
  const std::string problem = ort::OpenLibrary(options.library_path, &process.library);
  if (!problem.empty()) return Status{Code::kFailedPrecondition, problem};
  ort::g_api = &process.library.api;
  if (process.library.later) ort::g_later = &*process.library.later;
  SettleAllocator();
  auto runtime = std::make_unique<Runtime>();
  NEREID_RETURN_IF_ERROR(MakeRuntime(options, process.library, runtime.get()));
  process.runtime = std::move(runtime);
  return process.runtime.get();
}

}  // namespace nereid
