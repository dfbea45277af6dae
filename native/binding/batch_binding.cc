#include "binding/batch_binding.h"

#include <array>

#include "binding/addon_data.h"

namespace nereid {
namespace {

/// The numbers of a call; a missing or wrong one is -1, which is no id.
template <size_t Count>
struct Call {
  Call(napi_env env, napi_callback_info info) noexcept {
    size_t count = Count;
    void* pointer = nullptr;
    napi_get_cb_info(env, info, &count, values.data(), nullptr, &pointer);
    data = static_cast<AddonData*>(pointer);
  }
  int32_t Id(napi_env env, size_t position) const noexcept {
    int32_t id = -1;
    return napi_get_value_int32(env, values[position], &id) == napi_ok ? id : -1;
  }
  std::array<napi_value, Count> values{};
  AddonData* data = nullptr;
};

napi_value Throw(napi_env env, const char* message) noexcept {
  napi_throw_error(env, nullptr, message);
  return nullptr;
}

napi_value Nothing() noexcept { return nullptr; }

/// Reads the array of parts; its Uint8Arrays stay referenced by the caller until the job is done.
bool ReadParts(napi_env env, napi_value value, std::vector<std::span<const std::byte>>* parts) noexcept {
  parts->clear();
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  if (type != napi_object) return true;
  uint32_t count = 0;
  if (napi_get_array_length(env, value, &count) != napi_ok) return false;
  for (uint32_t i = 0; i < count; i++) {
    napi_value part = nullptr;
    napi_typedarray_type kind = napi_int8_array;
    size_t bytes = 0;
    void* memory = nullptr;
    if (napi_get_element(env, value, i, &part) != napi_ok ||
        napi_get_typedarray_info(env, part, &kind, &bytes, &memory, nullptr, nullptr) != napi_ok ||
        kind != napi_uint8_array) {
      return false;
    }
    parts->emplace_back(static_cast<const std::byte*>(memory), bytes);
  }
  return true;
}

/// Reads the memory for outputs; it stays referenced and unread by the caller until the job is done.
bool ReadTarget(napi_env env, napi_value value, std::span<std::byte>* target) noexcept {
  *target = {};
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  if (type != napi_object) return true;
  napi_typedarray_type kind = napi_int8_array;
  size_t bytes = 0;
  void* memory = nullptr;
  if (napi_get_typedarray_info(env, value, &kind, &bytes, &memory, nullptr, nullptr) != napi_ok ||
      kind != napi_uint8_array) {
    return false;
  }
  *target = {static_cast<std::byte*>(memory), bytes};
  return true;
}

/// The frame and its instance, with the job ready to run; null after throwing.
JobFrame* Prepare(napi_env env, const Call<3>& call, Instance** instance) noexcept {
  JobFrame* frame = call.data->frames.Find(call.Id(env, 0));
  *instance = frame == nullptr ? nullptr : call.data->instances.Find(frame->instance);
  if (*instance == nullptr || frame->is_submitted) {
    Throw(env, "native: the frame is in use or its instance is closed");
    return nullptr;
  }
  if (!ReadParts(env, call.values[1], &call.data->parts) || !ReadRequest(frame, call.data->parts) ||
      !ReadTarget(env, call.values[2], &frame->job.target)) {
    Throw(env, "native: the frame's numbers or parts make no sense");
    return nullptr;
  }
  return frame;
}

// runNow(frameId, parts | null, target | null): runs on this thread; the answer is in the frame's numbers.
// The caller has no unfinished batch on the instance.
napi_value RunNow(napi_env env, napi_callback_info info) {
  const Call<3> call(env, info);
  Instance* instance = nullptr;
  JobFrame* frame = Prepare(env, call, &instance);
  if (frame == nullptr) return Nothing();
  instance->RunNow(&frame->job);
  WriteReply(frame);
  return Nothing();
}

// submit(frameId, parts | null, target | null): onJobs reports when it is done.
napi_value Submit(napi_env env, napi_callback_info info) {
  const Call<3> call(env, info);
  Instance* instance = nullptr;
  JobFrame* frame = Prepare(env, call, &instance);
  if (frame == nullptr) return Nothing();
  frame->is_submitted = true;
  call.data->completions.Expect();
  instance->Submit(&frame->job);
  return Nothing();
}

// takeError(frameId) → the message of a reply whose code is not 0
napi_value TakeError(napi_env env, napi_callback_info info) {
  const Call<1> call(env, info);
  JobFrame* frame = call.data->frames.Find(call.Id(env, 0));
  if (frame == nullptr) return Throw(env, "native: no such frame");
  const std::string message = std::exchange(frame->job.status.message, {});
  napi_value text = nullptr;
  napi_create_string_utf8(env, message.data(), message.size(), &text);
  return text;
}

// slabBuffer(instanceId, slabId) → ArrayBuffer over an output slab; asked once per slab
napi_value SlabBuffer(napi_env env, napi_callback_info info) {
  const Call<2> call(env, info);
  auto* instance = call.data->instances.Find(call.Id(env, 0));
  const auto block = instance == nullptr ? nullptr : instance->runner().outputs().BlockOf(call.Id(env, 1));
  if (block == nullptr) return Throw(env, "native: no such slab");
  return call.data->buffers.Wrap(env, block);
}

// releaseSlab(instanceId, slabId) → null, or the ids of slabs that were dropped, whose buffers the caller
// discards
napi_value ReleaseSlab(napi_env env, napi_callback_info info) {
  const Call<2> call(env, info);
  auto* instance = call.data->instances.Find(call.Id(env, 0));
  auto& dropped = call.data->dropped;
  dropped.clear();
  if (instance != nullptr) instance->runner().outputs().Release(call.Id(env, 1), &dropped);
  napi_value reply = nullptr;
  if (dropped.empty()) {
    napi_get_null(env, &reply);
    return reply;
  }
  napi_create_array_with_length(env, dropped.size(), &reply);
  for (uint32_t i = 0; i < dropped.size(); i++) {
    napi_value id = nullptr;
    napi_create_int32(env, dropped[i], &id);
    napi_set_element(env, reply, i, id);
  }
  return reply;
}

// trimSlabs(instanceId) → [slabs left, ids of output slabs that were dropped …], whose buffers the caller
// discards
napi_value TrimSlabs(napi_env env, napi_callback_info info) {
  const Call<1> call(env, info);
  auto* instance = call.data->instances.Find(call.Id(env, 0));
  std::vector<int32_t> numbers;
  numbers.push_back(0);
  if (instance != nullptr) {
    std::vector<int32_t> inputs;
    size_t left = instance->runner().outputs().Trim(&numbers);
    left += instance->runner().inputs().Trim(&inputs);
    numbers[0] = static_cast<int32_t>(left);
  }
  napi_value reply = nullptr;
  napi_create_array_with_length(env, numbers.size(), &reply);
  for (uint32_t i = 0; i < numbers.size(); i++) {
    napi_value number = nullptr;
    napi_create_int32(env, numbers[i], &number);
    napi_set_element(env, reply, i, number);
  }
  return reply;
}

}  // namespace

void DefineBatches(Napi::Env env, Napi::Object exports) {
  auto* data = env.GetInstanceData<AddonData>();
  const auto define = [&](const char* name, napi_callback call) {
    napi_value function = nullptr;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, call, data, &function);
    exports.Set(name, Napi::Value(env, function));
  };
  define("runNow", RunNow);
  define("submit", Submit);
  define("takeError", TakeError);
  define("slabBuffer", SlabBuffer);
  define("releaseSlab", ReleaseSlab);
  define("trimSlabs", TrimSlabs);
}

}  // namespace nereid
