#include "engine/session_options.h"

#include <algorithm>

#include "engine/ort_status.h"

namespace nereid {
namespace {

/// Keys and values in the form of the runtime's provider options.
struct OptionLists {
  explicit OptionLists(const Entries& entries) {
    for (const auto& [key, value] : entries) {
      keys.push_back(key.c_str());
      values.push_back(value.c_str());
    }
  }
  std::vector<const char*> keys;
  std::vector<const char*> values;
};

void SetDefault(Entries* entries, const char* key, std::string value) {
  const bool is_set =
      std::any_of(entries->begin(), entries->end(), [&](const auto& entry) { return entry.first == key; });
  if (!is_set) entries->emplace_back(key, std::move(value));
}

/// The server sets device_id: a configured one is replaced.
Entries WithDevice(Entries entries, int ordinal) {
  std::erase_if(entries, [](const auto& entry) { return entry.first == "device_id"; });
  entries.emplace_back("device_id", std::to_string(ordinal));
  return entries;
}

Status SetThreads(const Runtime& runtime, const SessionSpec& spec, ort::SessionOptions* options) {
  const ort::Api& api = *ort::g_api;
  const bool asks_for_own = spec.intra_op_threads > 0 || spec.inter_op_threads > 0;
  if (runtime.has_global_thread_pool && !asks_for_own) return FromOrt(api.DisablePerSessionThreads(options));
  if (spec.intra_op_threads > 0)
    NEREID_RETURN_IF_ORT(api.SetIntraOpNumThreads(options, spec.intra_op_threads));
  if (spec.inter_op_threads > 0)
    NEREID_RETURN_IF_ORT(api.SetInterOpNumThreads(options, spec.inter_op_threads));
  return {};
}

/// An execution provider, and the runtime's functions for its options.
template <typename Options, void (*ort::Api::*Release)(Options*)>
struct Provider {
  const char* name;
  ort::Status* (*ort::Api::*create)(Options**);
  ort::Status* (*ort::Api::*update)(Options*, const char* const*, const char* const*, size_t);
  ort::Status* (*ort::Api::*append)(ort::SessionOptions*, const Options*);

  Status Append(const Entries& entries, ort::SessionOptions* options) const {
    const ort::Api& api = *ort::g_api;
    ort::Owned<Options, Release> made;
    NEREID_RETURN_IF_ORT((api.*create)(ort::Out(made)));
    const OptionLists lists(entries);
    Status taken =
        FromOrt((api.*update)(made.get(), lists.keys.data(), lists.values.data(), lists.keys.size()));
    if (!taken.ok()) {
      // The runtime may refuse without a word (1.30 does for a name that it does not know).
      std::string names;
      for (const auto& [key, value] : entries) names += (names.empty() ? "" : ", ") + key;
      taken.message = "ONNX Runtime refuses one of the options of the " + std::string(name) + " provider (" +
                      names + "): " + taken.message;
      return taken;
    }
    return FromOrt((api.*append)(options, made.get()));
  }
};

constexpr Provider<ort::TensorRtOptions, &ort::Api::ReleaseTensorRtOptions> kTensorRt{
    "TensorRT", &ort::Api::CreateTensorRtOptions, &ort::Api::UpdateTensorRtOptions,
    &ort::Api::SessionOptionsAppendTensorRt};
constexpr Provider<ort::CudaOptions, &ort::Api::ReleaseCudaOptions> kCuda{
    "CUDA", &ort::Api::CreateCudaOptions, &ort::Api::UpdateCudaOptions, &ort::Api::SessionOptionsAppendCuda};

}  // namespace

Result<ort::OwnedSessionOptions> MakeSessionOptions(const Runtime& runtime,
                                                    const SessionSpec& spec) noexcept {
  const ort::Api& api = *ort::g_api;
  ort::OwnedSessionOptions options;
  NEREID_RETURN_IF_ORT(api.CreateSessionOptions(ort::Out(options)));
  NEREID_RETURN_IF_ORT(api.SetSessionLogId(options.get(), spec.label.c_str()));
  NEREID_RETURN_IF_ORT(api.SetSessionGraphOptimizationLevel(options.get(), spec.graph_optimization_level));
  NEREID_RETURN_IF_ORT(api.SetSessionExecutionMode(
      options.get(), spec.parallel_execution ? ort::kParallel : ort::kSequential));
  NEREID_RETURN_IF_ORT(spec.enable_memory_arena ? api.EnableCpuMemArena(options.get())
                                                : api.DisableCpuMemArena(options.get()));
  NEREID_RETURN_IF_ORT(spec.enable_memory_pattern ? api.EnableMemPattern(options.get())
                                                  : api.DisableMemPattern(options.get()));
  NEREID_RETURN_IF_ERROR(SetThreads(runtime, spec, options.get()));
  for (const auto& [key, value] : spec.session_entries)
    NEREID_RETURN_IF_ORT(api.AddSessionConfigEntry(options.get(), key.c_str(), value.c_str()));
  for (const auto& library : spec.custom_op_libraries)
    NEREID_RETURN_IF_ORT(api.RegisterCustomOpsLibrary(options.get(), library.c_str()));
  return options;
}

Status AppendCuda(const SessionSpec& spec, ort::SessionOptions* options) noexcept {
  if (spec.use_tensorrt)
    NEREID_RETURN_IF_ERROR(kTensorRt.Append(WithDevice(spec.tensorrt_options, spec.cuda_ordinal), options));
  Entries entries = WithDevice(spec.cuda_options, spec.cuda_ordinal);
  // The runtime's own default searches exhaustively for every new shape; batches change their size all the
  // time.
  SetDefault(&entries, "cudnn_conv_algo_search", "HEURISTIC");
  return kCuda.Append(entries, options);
}

}  // namespace nereid
