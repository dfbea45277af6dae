#include "binding/replies.h"

#include "engine/device.h"
#include "engine/text_locale.h"

namespace nereid {
namespace {

Napi::String Text(Napi::Env env, const std::string& text) { return Napi::String::New(env, text); }

Napi::Value TextOrNull(Napi::Env env, const std::string& text) {
  if (text.empty()) return env.Null();
  return Text(env, text);
}

template <typename Items, typename Make>
Napi::Array List(Napi::Env env, const Items& items, Make make) {
  auto list = Napi::Array::New(env, items.size());
  for (size_t i = 0; i < items.size(); i++) list.Set(static_cast<uint32_t>(i), make(items[i]));
  return list;
}

Napi::Array Tensors(Napi::Env env, const std::vector<TensorSpec>& specs) {
  return List(env, specs, [env](const TensorSpec& spec) {
    auto object = Napi::Object::New(env);
    object.Set("name", Text(env, spec.name));
    object.Set("onnxCode", Napi::Number::New(env, spec.datatype->code));
    object.Set("shape", List(env, spec.shape, [env](int64_t dim) {
                 return Napi::Number::New(env, static_cast<double>(dim));
               }));
    object.Set("dimNames",
               List(env, spec.dim_names, [env](const std::string& name) { return Text(env, name); }));
    object.Set("isOptional", Napi::Boolean::New(env, spec.is_optional));
    return object;
  });
}

Napi::Array CudaDeviceList(Napi::Env env) {
  return List(env, CudaDevices(), [env](const CudaDevice& device) {
    auto object = Napi::Object::New(env);
    object.Set("ordinal", Napi::Number::New(env, device.ordinal));
    object.Set("name", Text(env, device.name));
    object.Set("uuid", Text(env, device.uuid));
    object.Set("computeMajor", Napi::Number::New(env, device.compute_major));
    object.Set("computeMinor", Napi::Number::New(env, device.compute_minor));
    object.Set("totalBytes", Napi::Number::New(env, static_cast<double>(device.total_bytes)));
    return object;
  });
}

}  // namespace

Napi::Object ErrorReply(Napi::Env env, const Status& status) {
  auto reply = Napi::Object::New(env);
  if (status.ok()) {
    reply.Set("error", env.Null());
    return reply;
  }
  auto error = Napi::Object::New(env);
  error.Set("code", Napi::Number::New(env, static_cast<int32_t>(status.code) - 1));
  error.Set("message", Text(env, status.message));
  reply.Set("error", error);
  return reply;
}

Napi::Object IdReply(Napi::Env env, int32_t id) {
  auto reply = ErrorReply(env, {});
  reply.Set("id", Napi::Number::New(env, id));
  return reply;
}

Napi::Object SessionReply(Napi::Env env, int32_t id, const Session& session) {
  const Signature& from = session.signature();
  auto signature = Napi::Object::New(env);
  signature.Set("inputs", Tensors(env, from.inputs));
  signature.Set("outputs", Tensors(env, from.outputs));
  signature.Set("producer", Text(env, from.producer));
  signature.Set("graphName", Text(env, from.graph_name));
  signature.Set("description", Text(env, from.description));
  signature.Set("modelVersion", Napi::Number::New(env, static_cast<double>(from.model_version)));
  signature.Set("metadata", List(env, from.metadata, [env](const auto& entry) {
                  auto pair = Napi::Array::New(env, 2);
                  pair.Set(0u, Text(env, entry.first));
                  pair.Set(1u, Text(env, entry.second));
                  return pair;
                }));
  auto reply = IdReply(env, id);
  reply.Set("cudaOrdinal", Napi::Number::New(env, session.cuda_ordinal()));
  reply.Set("fallbackReason", TextOrNull(env, session.fallback_reason()));
  reply.Set("mappingProblem", TextOrNull(env, session.mapping_problem()));
  reply.Set("graphProblem", TextOrNull(env, session.graph_problem()));
  reply.Set("pluginProblem", TextOrNull(env, session.plugin_problem()));
  reply.Set("signature", signature);
  return reply;
}

Napi::Object AssignmentReply(Napi::Env env, const std::vector<AssignedPart>& parts) {
  auto reply = ErrorReply(env, {});
  reply.Set("parts", List(env, parts, [env](const AssignedPart& part) {
              auto object = Napi::Object::New(env);
              object.Set("provider", Text(env, part.provider));
              object.Set("operators", List(env, part.operators,
                                           [env](const std::string& name) { return Text(env, name); }));
              return object;
            }));
  return reply;
}

Napi::Object DriverReply(Napi::Env env) {
  auto reply = Napi::Object::New(env);
  reply.Set("isThere", Napi::Boolean::New(env, HasDriver()));
  reply.Set("version", TextOrNull(env, DriverVersion()));
  reply.Set("cudaVersion", Napi::Number::New(env, DriverCudaVersion()));
  reply.Set("problem", TextOrNull(env, DriverProblem()));
  reply.Set("devices", CudaDeviceList(env));
  return reply;
}

Napi::Value DeviceMemoryReply(Napi::Env env, const std::optional<DeviceMemory>& memory) {
  if (!memory) return env.Null();
  auto reply = Napi::Object::New(env);
  reply.Set("totalBytes", Napi::Number::New(env, static_cast<double>(memory->total_bytes)));
  reply.Set("freeBytes", Napi::Number::New(env, static_cast<double>(memory->free_bytes)));
  return reply;
}

Napi::Object DescriptionReply(Napi::Env env, const Runtime& runtime) {
  auto reply = Napi::Object::New(env);
  reply.Set("runtimeVersion", Text(env, runtime.version));
  reply.Set("runtimePath", Text(env, runtime.path));
  reply.Set("buildInfo", Text(env, runtime.build_string));
  reply.Set("providers",
            List(env, runtime.providers, [env](const std::string& name) { return Text(env, name); }));
  reply.Set("cudaProblem", TextOrNull(env, CudaProblem(runtime)));
  reply.Set("hasTextLocale", Napi::Boolean::New(env, HasTextLocale()));
  reply.Set("driverVersion", TextOrNull(env, DriverVersion()));
  reply.Set("cudaDevices", CudaDeviceList(env));
  reply.Set("cudaLibraries", List(env, OpenedCudaLibraries(), [env](const CudaLibrary& library) {
              auto object = Napi::Object::New(env);
              object.Set("wanted", Text(env, library.wanted));
              object.Set("path", TextOrNull(env, library.path));
              object.Set("problem", TextOrNull(env, library.problem));
              return object;
            }));
  return reply;
}

Napi::Array DatatypeTable(Napi::Env env) {
  return List(env, kDatatypes, [env](const DatatypeFacts& facts) {
    auto object = Napi::Object::New(env);
    object.Set("name", Napi::String::New(env, facts.name));
    object.Set("onnxCode", Napi::Number::New(env, facts.code));
    object.Set("byteSize", Napi::Number::New(env, facts.byte_size));
    return object;
  });
}

Napi::Array ErrorCodeTable(Napi::Env env) {
  auto table = Napi::Array::New(env, std::size(kCodeNames));
  for (uint32_t i = 0; i < std::size(kCodeNames); i++) table.Set(i, Napi::String::New(env, kCodeNames[i]));
  return table;
}

}  // namespace nereid
