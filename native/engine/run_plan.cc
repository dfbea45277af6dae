#include "engine/run_plan.h"

#include <algorithm>

#include "engine/ort_status.h"

namespace nereid {
namespace {

/// The address of an empty tensor: the runtime wants one even if there are no bytes.
alignas(kSlabAlignment) std::byte g_nothing[kSlabAlignment];

std::string ShapeText(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); i++) {
    if (i > 0) text += ',';
    text += std::to_string(shape[i]);
  }
  return text += ']';
}

}  // namespace

void WritePlanKey(const Job& job, PlanKey* key) noexcept {
  key->clear();
  key->push_back(static_cast<int64_t>(job.input_count));
  for (size_t i = 0; i < job.input_count; i++) {
    const auto& input = job.inputs[i];
    key->push_back(static_cast<int64_t>(input.index));
    key->push_back(static_cast<int64_t>(input.shape.size()));
    key->insert(key->end(), input.shape.begin(), input.shape.end());
  }
  for (const size_t index : job.wanted) key->push_back(static_cast<int64_t>(index));
}

Result<std::unique_ptr<RunPlan>> RunPlan::Create(const Session& session, const Job& job, PlanKey key,
                                                 const ort::MemoryInfo* memory, bool binds_always) noexcept {
  std::unique_ptr<RunPlan> plan(new RunPlan());
  plan->key_ = std::move(key);
  plan->input_memory_ = memory;
  plan->output_memory_ = session.runtime().cpu_memory.get();
  plan->binds_always_ = binds_always;
  NEREID_RETURN_IF_ERROR(plan->PlanInputs(session, job));
  const auto& outputs = session.signature().outputs;
  for (const size_t index : job.wanted) {
    if (index >= outputs.size()) return InvalidArgument("there is no output " + std::to_string(index));
    plan->outputs_.push_back({&outputs[index], index, {}, nullptr, nullptr});
  }
  NEREID_RETURN_IF_ORT(ort::g_api->CreateIoBinding(session.handle(), ort::Out(plan->binding_)));
  return plan;
}

Status RunPlan::PlanInputs(const Session& session, const Job& job) {
  const auto& specs = session.signature().inputs;
  std::vector<bool> is_given(specs.size(), false);
  for (size_t i = 0; i < job.input_count; i++) {
    const auto& input = job.inputs[i];
    if (input.index >= specs.size())
      return InvalidArgument("there is no input " + std::to_string(input.index));
    const auto& spec = specs[input.index];
    if (is_given[input.index]) return InvalidArgument("input '" + spec.name + "' is given twice");
    is_given[input.index] = true;
    const uint32_t width = spec.datatype->byte_size;
    const auto bytes = TensorBytes(input.shape, width == 0 ? 1 : width);
    if (!bytes)
      return InvalidArgument("input '" + spec.name + "' has an impossible shape " + ShapeText(input.shape));
    if (width == 0) has_string_inputs_ = true;
    inputs_.push_back({&spec, width == 0 ? 0 : static_cast<size_t>(*bytes), nullptr, nullptr});
  }
  for (size_t i = 0; i < specs.size(); i++) {
    if (!is_given[i] && !specs[i].is_optional)
      return InvalidArgument("input '" + specs[i].name + "' is missing");
  }
  return {};
}

Status RunPlan::BindBytes(size_t position, std::span<const int64_t> shape, const std::byte* bytes) noexcept {
  const ort::Api& api = *ort::g_api;
  auto& input = inputs_[position];
  if (bytes == nullptr) bytes = g_nothing;
  if (input.bound == bytes && !binds_always_) return {};
  input.bound = nullptr;
  // The runtime does not write to inputs; its interface only lacks the const.
  NEREID_RETURN_IF_ORT(api.CreateTensorWithDataAsOrtValue(input_memory_, const_cast<std::byte*>(bytes),
                                                          input.bytes, shape.data(), shape.size(),
                                                          input.spec->datatype->code, ort::Out(input.value)));
  NEREID_RETURN_IF_ORT(api.BindInput(binding_.get(), input.spec->name.c_str(), input.value.get()));
  input.bound = bytes;
  return {};
}

Status RunPlan::BindValue(size_t position, ort::OwnedValue value) noexcept {
  auto& input = inputs_[position];
  input.value = std::move(value);
  return FromOrt(ort::g_api->BindInput(binding_.get(), input.spec->name.c_str(), input.value.get()));
}

void RunPlan::ReleaseStrings() noexcept {
  if (!has_string_inputs_) return;
  ort::g_api->ClearBoundInputs(binding_.get());
  for (auto& input : inputs_) {
    input.bound = nullptr;
    input.value.reset();
  }
}

Status RunPlan::BindOutputsTo(std::byte* room) noexcept {
  const ort::Api& api = *ort::g_api;
  for (auto& output : outputs_) {
    std::byte* bytes = room + output.place.offset;
    if (output.bound == bytes) continue;
    output.bound = nullptr;
    const auto& shape = output.place.shape;
    NEREID_RETURN_IF_ORT(api.CreateTensorWithDataAsOrtValue(
        output_memory_, bytes, output.place.bytes, shape.data(), shape.size(), output.spec->datatype->code,
        ort::Out(output.value)));
    NEREID_RETURN_IF_ORT(api.BindOutput(binding_.get(), output.spec->name.c_str(), output.value.get()));
    output.bound = bytes;
  }
  return {};
}

Status RunPlan::BindOutputsToRuntime() noexcept {
  for (auto& output : outputs_) {
    output.bound = nullptr;
    NEREID_RETURN_IF_ORT(
        ort::g_api->BindOutputToDevice(binding_.get(), output.spec->name.c_str(), output_memory_));
  }
  return {};
}

void RunPlan::Learn(const Session& session, std::span<const JobOutput> outputs,
                    size_t output_bytes) noexcept {
  for (size_t i = 0; i < outputs.size(); i++) {
    if (outputs_[i].spec->datatype->byte_size == 0 || session.IsOutputUnpredictable(outputs_[i].index))
      return;
  }
  for (size_t i = 0; i < outputs.size(); i++) outputs_[i].place = outputs[i];
  output_bytes_ = output_bytes;
  predicts_ = true;
}

void RunPlan::Forget() noexcept {
  predicts_ = false;
  for (auto& output : outputs_) output.bound = nullptr;
}

}  // namespace nereid
