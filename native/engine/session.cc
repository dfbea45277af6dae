#include "engine/session.h"

#include <algorithm>

#include "engine/capture_gate.h"
#include "engine/device.h"
#include "engine/log_router.h"
#include "engine/mapped_files.h"
#include "engine/ort_status.h"
#include "engine/plugin_provider.h"
#include "engine/session_options.h"

namespace nereid {
namespace {

/// Why the GPU cannot be used at all; empty when it can.
std::string DeviceProblem(const Runtime& runtime, int ordinal) {
  std::string problem = CudaProblem(runtime);
  if (!problem.empty()) return problem;
  const auto devices = static_cast<int>(CudaDevices().size());
  if (ordinal < devices) return {};
  return "GPU " + std::to_string(ordinal) + " does not exist: this machine has " + std::to_string(devices);
}

Result<ort::OwnedSession> CreateHandle(const Runtime& runtime, const SessionSpec& spec,
                                       const ort::SessionOptions* options) {
  const ort::Api& api = *ort::g_api;
  ort::OwnedSession handle;
  if (spec.model_bytes.empty()) {
    NEREID_RETURN_IF_ORT(api.CreateSession(runtime.env, spec.path.c_str(), options, ort::Out(handle)));
  } else {
    NEREID_RETURN_IF_ORT(api.CreateSessionFromArray(runtime.env, spec.model_bytes.data(),
                                                    spec.model_bytes.size(), options, ort::Out(handle)));
  }
  return handle;
}

/// The runtime blames the model for most of what goes wrong while it opens one.
Status AsLoadError(Status status) {
  if (status.code == Code::kInternal) status.code = Code::kInvalidArgument;
  return status;
}

Result<std::shared_ptr<Session>> OpenOn(const Runtime& runtime, const SessionSpec& spec, bool on_cuda,
                                        std::string fallback_reason, CudaStream graph_stream = nullptr) {
  auto options = MakeSessionOptions(runtime, spec);
  if (!options.ok()) return AsLoadError(std::move(options.status()));
  if (!spec.plugin_provider.empty()) {
    auto status = AppendPlugin(runtime, spec, options.value().get());
    if (!status.ok()) return status;
  }
  if (on_cuda) {
    auto status = AppendCuda(spec, graph_stream, options.value().get());
    if (!status.ok()) return Status{Code::kFailedPrecondition, std::move(status.message)};
  }
  const MappedFiles files(spec.weight_files);
  auto handle = [&] {
    RepeatedErrors errors;
    auto created = CreateHandle(runtime, spec, options.value().get());
    if (!created.ok()) errors.CallFailed();
    return created;
  }();
  NEREID_RETURN_IF_ERROR(files.CheckWhole());
  if (!handle.ok()) return AsLoadError(std::move(handle.status()));
  Status detached;
  if (spec.owns_weights) detached = files.Detach();
  auto signature = ReadSignature(handle.value().get(), runtime.cpu_allocator);
  if (!signature.ok()) return AsLoadError(std::move(signature.status()));
  return std::make_shared<Session>(&runtime, std::move(handle.value()), std::move(signature.value()), spec,
                                   std::move(fallback_reason), std::move(detached.message),
                                   on_cuda ? spec.cuda_ordinal : -1);
}

/// A session for CUDA graphs. Fails, often for reasons that only concern graphs: ONNX Runtime refuses models
/// that are not on the GPU as a whole.
Result<std::shared_ptr<Session>> OpenForGraphs(const Runtime& runtime, const SessionSpec& spec) {
  const CudaDriver* driver = FindCudaDriver();
  if (driver == nullptr) return Unimplemented("libcuda.so.1 lacks a function; update the NVIDIA driver");
  auto context = std::make_unique<GraphContext>();
  auto stream = DeviceStream::Create(*driver, spec.cuda_ordinal);
  if (!stream.ok()) return std::move(stream.status());
  context->stream = std::move(stream.value());
  context->rows = spec.graph_rows;
  NEREID_RETURN_IF_ORT(ort::g_api->CreateMemoryInfo("Cuda", ort::kDeviceAllocator, spec.cuda_ordinal,
                                                    ort::kDefaultMemory, ort::Out(context->memory)));
  auto session = OpenOn(runtime, spec, true, {}, context->stream->handle());
  if (!session.ok()) return session;
  auto layout = GraphLayout::Of(session.value()->signature());
  if (!layout.ok()) {
    // Before the stream on which it computes.
    session.value().reset();
    return std::move(layout.status());
  }
  context->layout = std::move(layout.value());
  session.value()->UseGraphs(std::move(context));
  return session;
}

Result<std::shared_ptr<Session>> OpenOnCuda(const Runtime& runtime, const SessionSpec& spec) {
  if (spec.graph_rows.empty()) return OpenOn(runtime, spec, true, {});
  auto session = OpenForGraphs(runtime, spec);
  if (session.ok()) return session;
  std::string problem = std::move(session.status().message);
  session = OpenOn(runtime, spec, true, {});
  if (session.ok()) session.value()->SetGraphProblem(std::move(problem));
  return session;
}

}  // namespace

Session::Session(const Runtime* runtime, ort::OwnedSession handle, Signature signature,
                 const SessionSpec& spec, std::string fallback_reason, std::string mapping_problem,
                 int cuda_ordinal) noexcept
    : runtime_(runtime),
      handle_(std::move(handle)),
      signature_(std::move(signature)),
      run_entries_(spec.run_entries),
      label_(spec.label),
      has_arena_(spec.enable_memory_arena),
      fallback_reason_(std::move(fallback_reason)),
      mapping_problem_(std::move(mapping_problem)),
      cuda_ordinal_(cuda_ordinal),
      unpredictable_(signature_.outputs.size()) {
  const auto& inputs = signature_.inputs;
  for (size_t i = 0; i < unpredictable_.size(); i++) {
    const auto& name = signature_.outputs[i].name;
    const bool is_input = std::any_of(inputs.begin(), inputs.end(),
                                      [&](const TensorSpec& input) { return input.name == name; });
    // The runtime hands such an input through without writing to a bound output.
    if (is_input) MarkUnpredictable(i);
  }
}

Session::~Session() {
  const SessionChange change(cuda_ordinal_ >= 0);
  handle_.reset();
  graphs_.reset();
}

namespace {

Result<std::shared_ptr<Session>> OpenOnDevice(const Runtime& runtime, const SessionSpec& spec) {
  if (spec.cuda_ordinal < 0) return OpenOn(runtime, spec, false, {});
  std::string problem = DeviceProblem(runtime, spec.cuda_ordinal);
  if (problem.empty()) {
    const SessionChange change(true);
    auto session = OpenOnCuda(runtime, spec);
    if (session.ok() || spec.require_device) return session;
    // A model that is wrong is so on every device, and the CPU's complaint is the better one.
    problem = std::move(session.status().message);
  }
  if (spec.require_device) return Status{Code::kFailedPrecondition, std::move(problem)};
  return OpenOn(runtime, spec, false, std::move(problem));
}

bool ForbidsFallback(const SessionSpec& spec) {
  return std::any_of(spec.session_entries.begin(), spec.session_entries.end(), [](const auto& entry) {
    return entry.first == "session.disable_cpu_ep_fallback" && entry.second == "1";
  });
}

}  // namespace

Result<std::shared_ptr<Session>> OpenSession(const Runtime& runtime, const SessionSpec& spec) noexcept {
  auto session = OpenOnDevice(runtime, spec);
  if (spec.plugin_provider.empty()) return session;
  if (session.ok()) {
    session.value()->SetPluginProblem(UnclaimedReason(spec, session.value()->handle()));
    return session;
  }
  if (ForbidsFallback(spec)) return session;
  SessionSpec plain = spec;
  plain.plugin_provider.clear();
  // A model that is wrong is so for every provider, and the runtime's own complaint is the better one.
  auto without = OpenOnDevice(runtime, plain);
  if (without.ok()) without.value()->SetPluginProblem(std::move(session.status().message));
  return without;
}

}  // namespace nereid
