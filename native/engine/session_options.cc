#include "engine/session_options.h"

#include <algorithm>
#include <iterator>

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

std::string TextOf(const Entries& entries) {
  std::string text;
  for (const auto& [key, value] : entries) text += (text.empty() ? "'" : ", '") + key + "'='" + value + "'";
  return text;
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

  /// Fails with one text, whichever of the runtime's functions refuses: some of them refuse without a word.
  Status Append(const Entries& entries, ort::SessionOptions* options) const {
    Status taken = TryAppend(entries, options);
    if (taken.ok()) return taken;
    std::string subject = "the " + std::string(name) + " provider";
    if (IsTakenAlone({})) {
      Entries refused;
      std::copy_if(entries.begin(), entries.end(), std::back_inserter(refused),
                   [&](const auto& entry) { return !IsTakenAlone({entry}); });
      if (refused.empty())
        subject = "the combination of the options of " + subject + " (" + TextOf(entries) + ")";
      else
        subject = (refused.size() == 1 ? "option " : "options ") + TextOf(refused) + " of " + subject;
    }
    taken.message = "ONNX Runtime refuses " + subject + ": " + taken.message;
    return taken;
  }

 private:
  Status TryAppend(const Entries& entries, ort::SessionOptions* options) const {
    const ort::Api& api = *ort::g_api;
    ort::Owned<Options, Release> made;
    NEREID_RETURN_IF_ORT((api.*create)(ort::Out(made)));
    const OptionLists lists(entries);
    NEREID_RETURN_IF_ORT(
        (api.*update)(made.get(), lists.keys.data(), lists.values.data(), lists.keys.size()));
    return FromOrt((api.*append)(options, made.get()));
  }

  bool IsTakenAlone(const Entries& entries) const {
    ort::OwnedSessionOptions options;
    if (!FromOrt(ort::g_api->CreateSessionOptions(ort::Out(options))).ok()) return true;
    return TryAppend(entries, options.get()).ok();
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

Status AppendCuda(const SessionSpec& spec, CudaStream graph_stream, ort::SessionOptions* options) noexcept {
  if (spec.use_tensorrt)
    NEREID_RETURN_IF_ERROR(kTensorRt.Append(WithDevice(spec.tensorrt_options, spec.cuda_ordinal), options));
  Entries entries = WithDevice(spec.cuda_options, spec.cuda_ordinal);
  // The runtime's own default searches exhaustively for every new shape; batches change their size all the
  // time.
  SetDefault(&entries, "cudnn_conv_algo_search", "HEURISTIC");
  if (graph_stream != nullptr) {
    entries.emplace_back("enable_cuda_graph", "1");
    entries.emplace_back("has_user_compute_stream", "1");
    entries.emplace_back("user_compute_stream", std::to_string(reinterpret_cast<uintptr_t>(graph_stream)));
  }
  return kCuda.Append(entries, options);
}

}  // namespace nereid
