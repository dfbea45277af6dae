#include "engine/batch_runner.h"

#include <algorithm>
#include <chrono>

#include "engine/capture_gate.h"
#include "engine/gather.h"
#include "engine/log_router.h"
#include "engine/ort_status.h"

namespace nereid {
namespace {

/// How often the input slabs are checked when batches do not need them.
constexpr uint64_t kAgingTurns = 256;

/// The most bytes of a slab that is made for the largest batch instead of the current one.
constexpr size_t kMaxGrownBytes = size_t{64} << 20;

int64_t NowNs() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

size_t GrownBytes(size_t bytes, size_t growth) noexcept {
  size_t grown = 0;
  if (__builtin_mul_overflow(bytes, growth, &grown) || grown > kMaxGrownBytes) return bytes;
  return grown;
}

/// Bytes of the widest element that a tensor has.
constexpr size_t kWidestElement = 8;

bool IsAligned(const std::byte* bytes, size_t width) noexcept {
  return reinterpret_cast<uintptr_t>(bytes) % width == 0;
}

/// The runtime's allocator of memory that the GPU copies from and to without help of the CPU.
Result<std::shared_ptr<PinnedAllocator>> MakePinned(const std::shared_ptr<Session>& session,
                                                    ort::OwnedMemoryInfo* memory) {
  const ort::Api& api = *ort::g_api;
  ort::OwnedAllocator allocator;
  NEREID_RETURN_IF_ORT(api.CreateMemoryInfo("CudaPinned", ort::kDeviceAllocator, session->cuda_ordinal(),
                                            ort::kCpuOutput, ort::Out(*memory)));
  NEREID_RETURN_IF_ORT(api.CreateAllocator(session->handle(), memory->get(), ort::Out(allocator)));
  return std::make_shared<PinnedAllocator>(std::move(allocator), session);
}

}  // namespace

Result<std::unique_ptr<BatchRunner>> BatchRunner::Create(std::shared_ptr<Session> session) noexcept {
  std::shared_ptr<PinnedAllocator> pinned;
  ort::OwnedMemoryInfo pinned_memory;
  if (session->cuda_ordinal() >= 0) {
    auto made = MakePinned(session, &pinned_memory);
    if (!made.ok()) return made.status();
    pinned = std::move(made.value());
  }
  std::unique_ptr<BatchRunner> runner(new BatchRunner(std::move(session), std::move(pinned)));
  runner->pinned_memory_ = std::move(pinned_memory);
  NEREID_RETURN_IF_ERROR(runner->run_options_.Make(*runner->session_));
  return runner;
}

void BatchRunner::Skip(Job* job) noexcept {
  job->slab = -1;
  job->is_in_target = false;
  job->status = {Code::kCancelled, {}};
  job->input_ns = job->infer_ns = job->output_ns = 0;
}

Status BatchRunner::Prepare(const std::function<bool()>& is_ended) noexcept {
  auto* context = session_->graphs();
  if (context == nullptr) return {};
  const std::lock_guard lock(context->run);
  if (std::exchange(context->is_taken, true)) return {};
  auto captured = GraphSet::Capture(*session_, is_ended);
  if (!captured.ok()) return std::move(captured.status());
  graphs_ = std::move(captured.value());
  return {};
}

void BatchRunner::Run(Job* job) noexcept {
  std::unique_lock<std::mutex> only_run;
  // Before the device is taken: a capture of the same session has it all to itself.
  if (auto* context = session_->graphs()) only_run = std::unique_lock(context->run);
  const DeviceUse use(pinned_ != nullptr);
  const int64_t begin = NowNs();
  int64_t bound = begin;
  int64_t ran = begin;
  job->slab = -1;
  job->is_in_target = false;
  plan_ = nullptr;
  turn_++;
  int64_t rows = 0;
  const CapturedGraph* graph = graphs_ == nullptr ? nullptr : graphs_->Find(*job, &rows);
  Status status =
      graph == nullptr ? RunPlanned(job, &bound, &ran) : RunGraph(job, *graph, rows, &bound, &ran);
  if (!status.ok()) LeaveRoom(job);
  if (plan_ != nullptr) plan_->ReleaseStrings();
  if (input_slab_.id >= 0) {
    std::vector<int32_t> dropped;
    input_pool_.Release(input_slab_.id, &dropped);
    input_slab_ = {};
  } else if (turn_ % kAgingTurns == 0) {
    input_pool_.Age(kAgingTurns);
  }
  job->status = std::move(status);
  job->input_ns = bound - begin;
  job->infer_ns = ran - bound;
  job->output_ns = NowNs() - ran;
}

/// Binds, runs and places the outputs. Writes when the inputs were bound and when the run had ended.
Status BatchRunner::RunPlanned(Job* job, int64_t* bound, int64_t* ran) noexcept {
  NEREID_RETURN_IF_ERROR(FindPlan(*job));
  NEREID_RETURN_IF_ERROR(BindInputs(job));
  Status status = BindOutputs(job);
  *bound = *ran = NowNs();
  if (!status.ok()) return status;
  status = RunOnce(job);
  *ran = NowNs();
  if (!status.ok()) return status;
  return HasRoom(*job) ? CheckPrediction(job) : PlaceOutputs(job);
}

/// The same by the replay of a graph.
Status BatchRunner::RunGraph(Job* job, const CapturedGraph& graph, int64_t rows, int64_t* bound,
                             int64_t* ran) noexcept {
  const size_t gathered = graphs_->GatheredBytes(rows);
  auto slab = input_pool_.Acquire(gathered, GrownBytes(gathered, job->growth));
  if (!slab.ok()) return std::move(slab.status());
  input_slab_ = std::move(slab.value());
  Status status = graphs_->Upload(*job, rows, graph, input_slab_.block->data());
  *bound = *ran = NowNs();
  if (status.ok()) status = graphs_->Replay(graph);
  *ran = NowNs();
  std::byte* to = nullptr;
  if (status.ok()) {
    auto room = FindRoom(job, graphs_->Place(job, rows));
    if (room.ok())
      to = room.value();
    else
      status = std::move(room.status());
  }
  if (status.ok()) return graphs_->Download(*job, to);
  // The slab of the inputs goes back: nothing may copy from it any more.
  static_cast<void>(graphs_->Finish());
  return status;
}

Status BatchRunner::FindPlan(const Job& job) noexcept {
  const bool on_cuda = pinned_ != nullptr;
  const auto* memory = on_cuda ? pinned_memory_.get() : session_->runtime().cpu_memory.get();
  auto found = plans_.Find(*session_, job, memory, on_cuda);
  plan_ = found.ok() ? found.value() : nullptr;
  return found.ok() ? Status{} : std::move(found.status());
}

Status BatchRunner::BindInputs(Job* job) noexcept {
  const auto inputs = plan_->inputs();
  size_t gathered = 0;
  const auto binds_directly = [&](const JobInput& input, const PlannedInput& planned) {
    return pinned_ == nullptr && input.parts.size() == 1 &&
           IsAligned(input.parts[0].data(), planned.spec->datatype->byte_size);
  };
  for (size_t i = 0; i < inputs.size(); i++) {
    const auto& input = job->inputs[i];
    if (inputs[i].spec->datatype->byte_size == 0) continue;
    const size_t given = TotalBytes(input.parts);
    if (given != inputs[i].bytes) {
      return InvalidArgument("input '" + inputs[i].spec->name + "' has " + std::to_string(given) +
                             " bytes, expected " + std::to_string(inputs[i].bytes));
    }
    if (!binds_directly(input, inputs[i])) gathered += AlignUp(given);
  }
  std::byte* room = nullptr;
  if (gathered > 0) {
    auto slab = input_pool_.Acquire(gathered, GrownBytes(gathered, job->growth));
    if (!slab.ok()) return std::move(slab.status());
    input_slab_ = std::move(slab.value());
    room = input_slab_.block->data();
  }
  for (size_t i = 0; i < inputs.size(); i++) {
    const auto& input = job->inputs[i];
    if (inputs[i].spec->datatype->byte_size == 0) {
      ort::OwnedValue value;
      NEREID_RETURN_IF_ERROR(FillStrings(input.parts, input.shape, inputs[i].spec->name.c_str(),
                                         session_->runtime().cpu_allocator, &value));
      NEREID_RETURN_IF_ERROR(plan_->BindValue(i, std::move(value)));
    } else if (binds_directly(input, inputs[i])) {
      NEREID_RETURN_IF_ERROR(plan_->BindBytes(i, input.shape, input.parts[0].data()));
    } else {
      Gather(input.parts, room);
      NEREID_RETURN_IF_ERROR(plan_->BindBytes(i, input.shape, room));
      room += AlignUp(inputs[i].bytes);
    }
  }
  return {};
}

Status BatchRunner::BindOutputs(Job* job) noexcept {
  if (!IsPredicted(*job)) return plan_->BindOutputsToRuntime();
  job->outputs.resize(plan_->outputs().size());
  for (size_t i = 0; i < job->outputs.size(); i++) job->outputs[i] = plan_->outputs()[i].place;
  auto room = FindRoom(job, plan_->output_bytes());
  if (!room.ok()) return std::move(room.status());
  return plan_->BindOutputsTo(room.value());
}

/// Memory for the job's outputs, whose places are known, and which take `bytes` of a slab: the submitter's
/// where they fit and it is aligned for every datatype, else a slab. What a GPU copies into is pinned memory,
/// which only slabs are.
Result<std::byte*> BatchRunner::FindRoom(Job* job, size_t bytes) noexcept {
  const size_t end = job->outputs.empty() ? 0 : job->outputs.back().offset + job->outputs.back().bytes;
  if (!job->target.empty() && end <= job->target.size() && pinned_ == nullptr &&
      IsAligned(job->target.data(), kWidestElement)) {
    job->is_in_target = true;
    return job->target.data();
  }
  auto slab = output_pool_.Acquire(bytes, GrownBytes(bytes, job->growth));
  if (!slab.ok()) return std::move(slab.status());
  job->slab = slab.value().id;
  return slab.value().block->data();
}

Status BatchRunner::RunSession(const Job& job) noexcept {
  RepeatedErrors errors;
  Status status = CallSession(run_options_.For(job));
  if (!status.ok()) errors.CallFailed();
  return status;
}

Status BatchRunner::CallSession(const ort::RunOptions* options) noexcept {
  const ort::Api& api = *ort::g_api;
  if (pinned_ == nullptr) return FromOrt(api.RunWithBinding(session_->handle(), options, plan_->binding()));
  NEREID_RETURN_IF_ORT(api.SynchronizeBoundInputs(plan_->binding()));
  NEREID_RETURN_IF_ORT(api.RunWithBinding(session_->handle(), options, plan_->binding()));
  return FromOrt(api.SynchronizeBoundOutputs(plan_->binding()));
}

/// Whether the outputs are bound to their memory before the run. A wrongly predicted shape makes
/// the run fail, and the batch is run again, but not if its run has effects.
bool BatchRunner::IsPredicted(const Job& job) const noexcept { return plan_->predicts() && !job.has_effects; }

Status BatchRunner::RunOnce(Job* job) noexcept {
  Status status = RunSession(*job);
  if (status.ok() || !IsPredicted(*job) || run_options_.is_terminated()) return status;
  // An output whose shape depends on values does not fit the bound one. The runtime says so in many ways, so
  // every failure is retried once with outputs of the runtime's own: if that works, the prediction was wrong.
  LeaveRoom(job);
  NEREID_RETURN_IF_ERROR(plan_->BindOutputsToRuntime());
  Status again = RunSession(*job);
  plan_->Forget();
  if (again.ok())
    for (const auto& output : plan_->outputs()) session_->MarkUnpredictable(output.index);
  return again;
}

/// The runtime may answer with a tensor of its own instead of writing to the bound one (an output that is a
/// constant, for example). The first run with predicted outputs detects this; the runtime does the same with
/// all batches.
Status BatchRunner::CheckPrediction(Job* job) noexcept {
  if (!plan_->TakeFirstPrediction()) return {};
  auto values = BoundOutputs();
  if (!values.ok()) return std::move(values.status());
  bool is_written = true;
  for (size_t i = 0; i < values.value().size(); i++) {
    void* data = nullptr;
    NEREID_RETURN_IF_ORT(ort::g_api->GetTensorMutableData(values.value()[i].get(), &data));
    if (data == plan_->outputs()[i].bound || plan_->outputs()[i].place.bytes == 0) continue;
    session_->MarkUnpredictable(plan_->outputs()[i].index);
    is_written = false;
  }
  if (is_written) return {};
  plan_->Forget();
  LeaveRoom(job);
  return PlaceOutputs(job);
}

Result<std::vector<ort::OwnedValue>> BatchRunner::BoundOutputs() noexcept {
  const ort::Api& api = *ort::g_api;
  ort::Value** raw = nullptr;
  size_t count = 0;
  auto* allocator = session_->runtime().cpu_allocator;
  NEREID_RETURN_IF_ORT(api.GetBoundOutputValues(plan_->binding(), allocator, &raw, &count));
  std::vector<ort::OwnedValue> values;
  for (size_t i = 0; i < count; i++) values.emplace_back(raw[i]);
  if (raw != nullptr) NEREID_RETURN_IF_ORT(api.AllocatorFree(allocator, raw));
  if (count != plan_->outputs().size())
    return Internal("the runtime returned " + std::to_string(count) + " outputs, expected " +
                    std::to_string(plan_->outputs().size()));
  return values;
}

Status BatchRunner::PlaceOutputs(Job* job) noexcept {
  auto values = BoundOutputs();
  // Otherwise the binding would keep these tensors until the next run, and give them to it as if they were
  // bound.
  ort::g_api->ClearBoundOutputs(plan_->binding());
  if (!values.ok()) return std::move(values.status());
  size_t total = 0;
  NEREID_RETURN_IF_ERROR(placer_.Measure(values.value(), plan_->outputs(), job, &total));
  auto room = FindRoom(job, total);
  if (!room.ok()) return std::move(room.status());
  NEREID_RETURN_IF_ERROR(placer_.Copy(values.value(), plan_->outputs(), *job, room.value()));
  plan_->Learn(*session_, job->outputs, total);
  return {};
}

void BatchRunner::LeaveRoom(Job* job) noexcept {
  job->is_in_target = false;
  if (job->slab < 0) return;
  // Never seen by JavaScript, so it can go back without being looked at there; the pool trims when the others
  // come back.
  output_pool_.Return(job->slab);
  job->slab = -1;
}

}  // namespace nereid
