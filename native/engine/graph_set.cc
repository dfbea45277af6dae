#include "engine/graph_set.h"

#include <algorithm>

#include "engine/capture_gate.h"
#include "engine/gather.h"
#include "engine/host_block.h"
#include "engine/log_router.h"
#include "engine/ort_status.h"
#include "engine/run_options.h"
#include "engine/session.h"

namespace nereid {
GraphSet::GraphSet(Session& session) noexcept : session_(session), context_(*session.graphs()) {}

GraphSet::~GraphSet() {
  graphs_.clear();
  for (auto* tensors : {&inputs_, &outputs_})
    for (void* memory : *tensors)
      static_cast<void>(FromOrt(ort::g_api->AllocatorFree(allocator_.get(), memory)));
}

Result<std::unique_ptr<GraphSet>> GraphSet::Capture(Session& session,
                                                    const std::function<bool()>& is_ended) noexcept {
  std::unique_ptr<GraphSet> set(new GraphSet(session));
  ort::OwnedRunOptions plain;
  NEREID_RETURN_IF_ERROR(MakeRunOptions(session, kNoGraph, &plain));
  {
    const DeviceUse use(true);
    NEREID_RETURN_IF_ERROR(set->context_.stream->Enter());
    NEREID_RETURN_IF_ERROR(set->Allocate());
  }
  for (const int64_t rows : set->context_.rows) {
    if (is_ended()) break;
    Status captured = set->CaptureOne(rows, plain.get());
    if (captured.ok()) continue;
    const DeviceUse use(true);
    const Status abandoned = set->context_.stream->AbandonCapture();
    captured.message =
        "the batch of " + std::to_string(rows) + " rows cannot be captured: " + captured.message;
    if (!abandoned.ok()) captured.message += "; " + abandoned.message;
    return captured;
  }
  return set;
}

Status GraphSet::Allocate() noexcept {
  const ort::Api& api = *ort::g_api;
  NEREID_RETURN_IF_ORT(api.CreateAllocator(session_.handle(), context_.memory.get(), ort::Out(allocator_)));
  const auto largest = static_cast<size_t>(context_.rows.back());
  const auto allocate = [&](std::span<const RowTensor> tensors, std::vector<void*>* to) -> Status {
    for (const auto& tensor : tensors) {
      size_t bytes = 0;
      if (__builtin_mul_overflow(tensor.row_bytes, largest, &bytes))
        return ResourceExhausted("tensor '" + tensor.spec->name + "' is too large");
      void* memory = nullptr;
      NEREID_RETURN_IF_ORT(api.AllocatorAlloc(allocator_.get(), bytes, &memory));
      to->push_back(memory);
      // Captured runs see zeros, which every model with rows of a fixed size has to take: padding is zeros
      // too.
      NEREID_RETURN_IF_ERROR(context_.stream->Zero(memory, bytes));
    }
    return {};
  };
  NEREID_RETURN_IF_ERROR(allocate(context_.layout.inputs, &inputs_));
  NEREID_RETURN_IF_ERROR(allocate(context_.layout.outputs, &outputs_));
  return context_.stream->Synchronize();
}

Status GraphSet::Bind(int64_t rows, CapturedGraph* graph) noexcept {
  const ort::Api& api = *ort::g_api;
  NEREID_RETURN_IF_ORT(api.CreateIoBinding(session_.handle(), ort::Out(graph->binding)));
  const auto bind = [&](const RowTensor& tensor, void* memory, auto function) -> Status {
    ort::OwnedValue value;
    const auto shape = tensor.ShapeOf(rows);
    NEREID_RETURN_IF_ORT(api.CreateTensorWithDataAsOrtValue(
        context_.memory.get(), memory, tensor.row_bytes * static_cast<size_t>(rows), shape.data(),
        shape.size(), tensor.spec->datatype->code, ort::Out(value)));
    NEREID_RETURN_IF_ORT(function(graph->binding.get(), tensor.spec->name.c_str(), value.get()));
    graph->values.push_back(std::move(value));
    return {};
  };
  for (size_t i = 0; i < inputs_.size(); i++)
    NEREID_RETURN_IF_ERROR(bind(context_.layout.inputs[i], inputs_[i], api.BindInput));
  for (size_t i = 0; i < outputs_.size(); i++)
    NEREID_RETURN_IF_ERROR(bind(context_.layout.outputs[i], outputs_[i], api.BindOutput));
  return {};
}

Status GraphSet::CaptureOne(int64_t rows, const ort::RunOptions* plain) noexcept {
  CapturedGraph graph{rows, {}, {}, {}};
  NEREID_RETURN_IF_ERROR(Bind(rows, &graph));
  NEREID_RETURN_IF_ERROR(MakeRunOptions(session_, std::to_string(rows).c_str(), &graph.options));
  {
    // Chooses kernels for this size, which takes most of the time, while others may use the device.
    const DeviceUse use(true);
    NEREID_RETURN_IF_ERROR(Run(graph, plain));
    NEREID_RETURN_IF_ERROR(context_.stream->Synchronize());
  }
  {
    const CaptureTurn turn;
    NEREID_RETURN_IF_ERROR(Run(graph, graph.options.get()));
  }
  graphs_.push_back(std::move(graph));
  return {};
}

const CapturedGraph* GraphSet::Find(const Job& job, int64_t* rows) const noexcept {
  *rows = context_.layout.RowsOf(job);
  if (*rows == 0) return nullptr;
  const auto found =
      std::lower_bound(graphs_.begin(), graphs_.end(), *rows,
                       [](const CapturedGraph& graph, int64_t wanted) { return graph.rows < wanted; });
  return found == graphs_.end() ? nullptr : &*found;
}

size_t GraphSet::GatheredBytes(int64_t rows) const noexcept {
  size_t bytes = 0;
  for (const auto& tensor : context_.layout.inputs)
    bytes += AlignUp(tensor.row_bytes * static_cast<size_t>(rows));
  return bytes;
}

Status GraphSet::Upload(const Job& job, int64_t rows, const CapturedGraph& graph, std::byte* room) noexcept {
  NEREID_RETURN_IF_ERROR(context_.stream->Enter());
  for (size_t i = 0; i < job.input_count; i++) {
    const auto& input = job.inputs[i];
    const size_t row_bytes = context_.layout.inputs[input.index].row_bytes;
    const size_t bytes = row_bytes * static_cast<size_t>(rows);
    auto* to = static_cast<std::byte*>(inputs_[input.index]);
    Gather(input.parts, room);
    NEREID_RETURN_IF_ERROR(context_.stream->Upload(to, room, bytes));
    const auto padded = static_cast<size_t>(graph.rows - rows) * row_bytes;
    if (padded > 0) NEREID_RETURN_IF_ERROR(context_.stream->Zero(to + bytes, padded));
    room += AlignUp(bytes);
  }
  return {};
}

Status GraphSet::Replay(const CapturedGraph& graph) noexcept { return Run(graph, graph.options.get()); }

Status GraphSet::Run(const CapturedGraph& graph, const ort::RunOptions* options) noexcept {
  RepeatedErrors errors;
  Status status = FromOrt(ort::g_api->RunWithBinding(session_.handle(), options, graph.binding.get()));
  if (!status.ok()) errors.CallFailed();
  return status;
}

size_t GraphSet::Place(Job* job, int64_t rows) const noexcept {
  size_t total = 0;
  job->outputs.resize(job->wanted.size());
  for (size_t i = 0; i < job->wanted.size(); i++) {
    const auto& tensor = context_.layout.outputs[job->wanted[i]];
    auto& output = job->outputs[i];
    output.shape.assign(tensor.spec->shape.begin(), tensor.spec->shape.end());
    output.shape[0] = rows;
    output.bytes = tensor.row_bytes * static_cast<size_t>(rows);
    output.offset = total;
    total += AlignUp(output.bytes);
  }
  return total;
}

Status GraphSet::Download(const Job& job, std::byte* room) noexcept {
  Status status;
  for (size_t i = 0; i < job.wanted.size() && status.ok(); i++) {
    const auto& output = job.outputs[i];
    status = context_.stream->Download(room + output.offset, outputs_[job.wanted[i]], output.bytes);
  }
  // Also after an error: copies that were begun still use the room.
  Status done = context_.stream->Synchronize();
  return status.ok() ? std::move(done) : std::move(status);
}

}  // namespace nereid
