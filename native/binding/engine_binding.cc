#include "binding/engine_binding.h"

#include <unistd.h>

#include <algorithm>

#include "binding/addon_data.h"
#include "binding/arguments.h"
#include "binding/replies.h"
#include "engine/device.h"
#include "engine/free_memory.h"
#include "engine/plugin_provider.h"

namespace nereid {
namespace {

/// Small inputs are copied into a frame by JavaScript; larger ones are gathered by the instance from where
/// they lie.
constexpr int32_t kMaxFrameInputBytes = 64 << 10;
constexpr size_t kMaxControlNumbers = size_t{1} << 20;

AddonData& DataOf(const Napi::CallbackInfo& info) { return *info.Env().GetInstanceData<AddonData>(); }

int32_t IdOf(const Napi::CallbackInfo& info, size_t position) {
  return info[position].IsNumber() ? info[position].As<Napi::Number>().Int32Value() : -1;
}

void ReportJobs(AddonData* data, Napi::Env env, const std::vector<Job*>& jobs) {
  auto ids = Napi::Int32Array::New(env, jobs.size());
  for (size_t i = 0; i < jobs.size(); i++) {
    auto* frame = data->frames.Find(jobs[i]->tag);
    frame->is_submitted = false;
    WriteReply(frame);
    ids[i] = jobs[i]->tag;
  }
  data->on_jobs.Call({ids});
}

void ReportLog(AddonData* data, Napi::Env env, const LogLine& line) {
  data->on_log.Call({Napi::Number::New(env, line.severity), Napi::String::New(env, line.label),
                     Napi::String::New(env, line.message)});
}

// loadRuntime(options, onJobs, onLog) → { error }
Napi::Value LoadRuntimeCall(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  AddonData& data = DataOf(info);
  const auto options = ReadRuntimeOptions(info[0]);
  if (!options) return env.Undefined();
  if (data.runtime != nullptr)
    return ErrorReply(env, {Code::kFailedPrecondition, "this thread has loaded the engine already"});
  auto runtime = LoadRuntime(*options);
  if (!runtime.ok()) return ErrorReply(env, runtime.status());
  data.on_jobs = Napi::Persistent(info[1].As<Napi::Function>());
  data.on_log = Napi::Persistent(info[2].As<Napi::Function>());
  Completions::Receiver receiver;
  receiver.jobs = [&data](Napi::Env at, const std::vector<Job*>& jobs) { ReportJobs(&data, at, jobs); };
  receiver.log = [&data](Napi::Env at, const LogLine& line) { ReportLog(&data, at, line); };
  if (!data.completions.Start(env, std::move(receiver)))
    return ErrorReply(env, Internal("Node refuses a thread-safe function"));
  AttachLogSink(&data.completions);
  data.runtime = runtime.value();
  // After the thread-safe function's own hook, so before it at the end: hooks run in reverse order.
  env.AddCleanupHook([](AddonData* at_end) { at_end->Shutdown(); }, &data);
  return ErrorReply(env, {});
}

// registerProvider(name, path) → { error }; after loadRuntime
Napi::Value RegisterProviderCall(const Napi::CallbackInfo& info) {
  const AddonData& data = DataOf(info);
  if (data.runtime == nullptr || !info[0].IsString() || !info[1].IsString())
    return ErrorReply(info.Env(), Internal("no runtime is open, or an argument is no string"));
  return ErrorReply(info.Env(), RegisterPlugin(*data.runtime, info[0].As<Napi::String>().Utf8Value(),
                                               info[1].As<Napi::String>().Utf8Value()));
}

// describeDriver() → facts; needs no runtime
Napi::Value DescribeDriver(const Napi::CallbackInfo& info) { return DriverReply(info.Env()); }

// deviceMemory(uuid) → facts or null; needs no runtime
Napi::Value DeviceMemoryCall(const Napi::CallbackInfo& info) {
  const std::string uuid = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : std::string();
  return DeviceMemoryReply(info.Env(), ReadDeviceMemory(uuid));
}

// describe() → facts; asks the GPU's driver
Napi::Value Describe(const Napi::CallbackInfo& info) {
  return DescriptionReply(info.Env(), *DataOf(info).runtime);
}

// openSession(spec) → Promise of a session reply
Napi::Value OpenSessionCall(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  AddonData& data = DataOf(info);
  auto spec = ReadSessionSpec(info[0]);
  if (!spec) return env.Undefined();
  auto deferred = std::make_shared<Napi::Promise::Deferred>(env);
  // Keeps `modelBytes` where it is.
  auto borrowed = std::make_shared<Napi::ObjectReference>(Napi::Persistent(info[0].As<Napi::Object>()));
  const Napi::Value promise = deferred->Promise();
  data.RunInBackground([&data, spec = std::move(*spec), deferred, borrowed]() mutable -> Completions::Task {
    auto opened = std::make_shared<Result<std::shared_ptr<Session>>>(OpenSession(*data.runtime, spec));
    return [&data, opened, deferred, borrowed](Napi::Env at) {
      borrowed->Reset();
      if (!opened->ok()) {
        deferred->Resolve(ErrorReply(at, opened->status()));
        return;
      }
      const auto& session = opened->value();
      const int32_t id = data.sessions.Add(std::make_unique<SessionEntry>(session));
      deferred->Resolve(SessionReply(at, id, *session));
    };
  });
  return promise;
}

// closeSession(id) → Promise<void>; frees the weights on another thread
Napi::Value CloseSession(const Napi::CallbackInfo& info) {
  AddonData& data = DataOf(info);
  auto deferred = std::make_shared<Napi::Promise::Deferred>(info.Env());
  const Napi::Value promise = deferred->Promise();
  std::shared_ptr<SessionEntry> entry = data.sessions.Take(IdOf(info, 0));
  data.RunInBackground([entry, deferred]() mutable -> Completions::Task {
    entry->session.reset();
    return [deferred](Napi::Env at) { deferred->Resolve(at.Undefined()); };
  });
  return promise;
}

// readAssignment(sessionId) → { error, parts }
Napi::Value ReadAssignmentCall(const Napi::CallbackInfo& info) {
  const auto* entry = DataOf(info).sessions.Find(IdOf(info, 0));
  if (entry == nullptr || entry->session == nullptr)
    return ErrorReply(info.Env(), Internal("the session is closed"));
  auto parts = ReadAssignment(entry->session->handle());
  return parts.ok() ? AssignmentReply(info.Env(), parts.value()) : ErrorReply(info.Env(), parts.status());
}

// returnFreeMemory() → Promise<void>; takes milliseconds on another thread
Napi::Value ReturnFreeMemoryCall(const Napi::CallbackInfo& info) {
  auto deferred = std::make_shared<Napi::Promise::Deferred>(info.Env());
  const Napi::Value promise = deferred->Promise();
  DataOf(info).RunInBackground([deferred]() -> Completions::Task {
    ReturnFreeMemory();
    return [deferred](Napi::Env at) { deferred->Resolve(at.Undefined()); };
  });
  return promise;
}

// createInstance(sessionId) → { error, id }
Napi::Value CreateInstance(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  AddonData& data = DataOf(info);
  const auto* entry = data.sessions.Find(IdOf(info, 0));
  if (entry == nullptr || entry->session == nullptr)
    return ErrorReply(env, Internal("the session is closed"));
  // The number first, because the instance carries it.
  const int32_t id = data.instances.Add(nullptr);
  auto instance =
      Instance::Create(entry->session, id, data.instance_threads.get(), &data.completions, &data.completions);
  if (!instance.ok()) return ErrorReply(env, instance.status());
  data.instances.all()[static_cast<size_t>(id)] = std::move(instance.value());
  return IdReply(env, id);
}

// closeInstance(id); its jobs are done. Its frames' and slabs' buffers are discarded by the caller.
Napi::Value CloseInstance(const Napi::CallbackInfo& info) {
  AddonData& data = DataOf(info);
  const int32_t id = IdOf(info, 0);
  const auto instance = data.instances.Take(id);
  if (instance != nullptr) instance->Stop();
  for (auto& frame : data.frames.all())
    if (frame != nullptr && frame->instance == id) frame.reset();
  return info.Env().Undefined();
}

// endBatch(instanceId, ticket)
Napi::Value EndBatch(const Napi::CallbackInfo& info) {
  auto* instance = DataOf(info).instances.Find(IdOf(info, 0));
  if (instance != nullptr && info[1].IsNumber())
    instance->End(static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value()));
  return info.Env().Undefined();
}

// createFrame(instanceId, controlNumbers, inputBytes) → { error, id, control, input }
Napi::Value CreateFrame(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  AddonData& data = DataOf(info);
  const int32_t instance_id = IdOf(info, 0);
  auto* instance = data.instances.Find(instance_id);
  const auto numbers = static_cast<size_t>(std::max(0, IdOf(info, 1)));
  if (instance == nullptr) return ErrorReply(env, Internal("the instance is closed"));
  if (numbers > kMaxControlNumbers)
    return ErrorReply(env, ResourceExhausted("the model has too many tensors"));
  auto control = HostBlock::Allocate(numbers * sizeof(double), nullptr);
  if (!control.ok()) return ErrorReply(env, control.status());
  const auto input_bytes = static_cast<size_t>(std::clamp(IdOf(info, 2), 0, kMaxFrameInputBytes));
  auto input = HostBlock::Allocate(input_bytes, instance->runner().pinned());
  if (!input.ok()) return ErrorReply(env, input.status());
  auto frame = std::make_unique<JobFrame>();
  frame->instance = instance_id;
  frame->control_block = control.value();
  frame->input_block = input.value();
  auto* made = frame.get();
  const int32_t id = data.frames.Add(std::move(frame));
  made->job.tag = id;
  auto reply = IdReply(env, id);
  reply.Set("control", data.buffers.Wrap(env, control.value()));
  reply.Set("input", data.buffers.Wrap(env, input.value()));
  return reply;
}

// discardBuffer(arrayBuffer)
Napi::Value DiscardBuffer(const Napi::CallbackInfo& info) {
  if (info[0].IsArrayBuffer()) DataOf(info).buffers.Discard(info[0].As<Napi::ArrayBuffer>());
  return info.Env().Undefined();
}

// endBatches(waitMs, exitCode): for the end of the process. A batch that does not end in time would meet the
// runtime's static destructors, so the process then leaves at once; exitCode -1 (a worker thread) only waits.
Napi::Value EndBatches(const Napi::CallbackInfo& info) {
  AddonData& data = DataOf(info);
  const bool is_idle = data.runtime == nullptr || data.EndBatches(IdOf(info, 0));
  const int32_t exit_code = IdOf(info, 1);
  if (!is_idle && exit_code >= 0) _exit(exit_code);
  return Napi::Boolean::New(info.Env(), is_idle);
}

// leaveProcess(exitCode): ends the process at once. `exit` would wait for libuv's pool, where a read of a
// dead file system may hang for ever, and for threads that run the runtime while its static destructors take
// it apart.
Napi::Value LeaveProcess(const Napi::CallbackInfo& info) { _exit(IdOf(info, 0)); }

}  // namespace

void DefineEngine(Napi::Env env, Napi::Object exports) {
  const auto define = [&](const char* name, Napi::Value (*call)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, call, name));
  };
  define("loadRuntime", LoadRuntimeCall);
  define("registerProvider", RegisterProviderCall);
  define("describeDriver", DescribeDriver);
  define("deviceMemory", DeviceMemoryCall);
  define("describe", Describe);
  define("openSession", OpenSessionCall);
  define("closeSession", CloseSession);
  define("readAssignment", ReadAssignmentCall);
  define("returnFreeMemory", ReturnFreeMemoryCall);
  define("createInstance", CreateInstance);
  define("closeInstance", CloseInstance);
  define("endBatch", EndBatch);
  define("createFrame", CreateFrame);
  define("discardBuffer", DiscardBuffer);
  define("endBatches", EndBatches);
  define("leaveProcess", LeaveProcess);
  exports.Set("datatypes", DatatypeTable(env));
  exports.Set("errorCodes", ErrorCodeTable(env));
}

}  // namespace nereid
