// The one ONNX Runtime of this process: library, environment, default allocator. Which devices it can use is
// in device.h.
#ifndef NEREID_ENGINE_RUNTIME_H_
#define NEREID_ENGINE_RUNTIME_H_

#include <string>
#include <vector>

#include "engine/result.h"
#include "ort/handles.h"

namespace nereid {

struct RuntimeOptions {
  std::string library_path;
  /// One thread pool for all sessions that do not ask for their own.
  bool global_thread_pool = false;
  /// Sizes of that pool; 0 leaves them to the runtime.
  int global_intra_op_threads = 0;
  int global_inter_op_threads = 0;
  bool global_spinning = false;
  /// CUDA's libraries: absolute paths, or names that the loader looks for. Opened before the CUDA provider.
  std::vector<std::string> cuda_libraries;
};

/// Threads: made once, read by all. Lifetime: from the first load to the end of the process; never destroyed,
/// because the runtime's threads may outlive static destructors. Memory: a few handles.
struct Runtime {
  const ort::Api* api;
  ort::Env* env;
  /// The runtime's CPU allocator; owned by the runtime.
  ort::Allocator* cpu_allocator;
  /// Describes plain host memory.
  ort::OwnedMemoryInfo cpu_memory;
  std::string path;
  std::string version;
  std::string build_string;
  std::vector<std::string> providers;
  /// See RuntimeOptions.
  std::vector<std::string> cuda_libraries;
  bool has_global_thread_pool;
};

/// Opens the library, checks it and makes the environment. A second call gets the same runtime, whatever its
/// options but the path: another library than the first is refused, since a process can hold only one.
Result<const Runtime*> LoadRuntime(const RuntimeOptions& options) noexcept;

}  // namespace nereid

#endif  // NEREID_ENGINE_RUNTIME_H_
