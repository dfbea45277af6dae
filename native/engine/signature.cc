#include "engine/signature.h"

#include <cstring>

#include "engine/ort_status.h"

namespace nereid {
namespace {

using CountFunction = ort::Status* (*ort::Api::*)(const ort::Session*, size_t*);
using TypeFunction = ort::Status* (*ort::Api::*)(const ort::Session*, size_t, ort::TypeInfo**);
using NameFunction = ort::Status* (*ort::Api::*)(const ort::Session*, size_t, ort::Allocator*, char**);

/// One of the three lists of a session: how to count it, and how to ask for the types and names in it.
struct List {
  const char* subject;
  CountFunction count;
  TypeFunction type;
  NameFunction name;
  bool is_optional;
};

constexpr List kInputs = {"input", &ort::Api::SessionGetInputCount, &ort::Api::SessionGetInputTypeInfo,
                          &ort::Api::SessionGetInputName, false};
constexpr List kOverridable = {"input", &ort::Api::SessionGetOverridableInitializerCount,
                               &ort::Api::SessionGetOverridableInitializerTypeInfo,
                               &ort::Api::SessionGetOverridableInitializerName, true};
constexpr List kOutputs = {"output", &ort::Api::SessionGetOutputCount, &ort::Api::SessionGetOutputTypeInfo,
                           &ort::Api::SessionGetOutputName, false};

/// Takes over a text made by the runtime's allocator.
std::string TakeText(ort::Allocator* allocator, char* raw) {
  if (raw == nullptr) return {};
  std::string text(raw);
  const Status ignored = FromOrt(ort::g_api->AllocatorFree(allocator, raw));
  static_cast<void>(ignored);
  return text;
}

/// e.g. `sequence(map(int64,tensor(float)))`. Nested types of the runtime are finite; the depth limit is for
/// safety.
std::string TypeName(const ort::TypeInfo* type, int depth = 0) {
  const ort::Api& api = *ort::g_api;
  int kind = ort::kUnknownKind;
  if (depth > 8 || !FromOrt(api.GetOnnxTypeFromTypeInfo(type, &kind)).ok()) return "unknown";
  ort::OwnedTypeInfo inner;
  switch (kind) {
    case ort::kTensor:
    case ort::kSparse: {
      const ort::TensorInfo* tensor = nullptr;
      int code = 0;
      const bool known = FromOrt(api.CastTypeInfoToTensorInfo(type, &tensor)).ok() && tensor != nullptr &&
                         FromOrt(api.GetTensorElementType(tensor, &code)).ok();
      const std::string element = known ? ElementTypeName(code) : "unknown";
      return (kind == ort::kTensor ? "tensor(" : "sparse_tensor(") + element + ")";
    }
    case ort::kSequence: {
      const ort::SequenceTypeInfo* sequence = nullptr;
      if (FromOrt(api.CastTypeInfoToSequenceTypeInfo(type, &sequence)).ok() && sequence != nullptr &&
          FromOrt(api.GetSequenceElementType(sequence, ort::Out(inner))).ok()) {
        return "sequence(" + TypeName(inner.get(), depth + 1) + ")";
      }
      return "sequence";
    }
    case ort::kMap: {
      const ort::MapTypeInfo* map = nullptr;
      int key = 0;
      if (FromOrt(api.CastTypeInfoToMapTypeInfo(type, &map)).ok() && map != nullptr &&
          FromOrt(api.GetMapKeyType(map, &key)).ok() &&
          FromOrt(api.GetMapValueType(map, ort::Out(inner))).ok()) {
        return "map(" + ElementTypeName(key) + "," + TypeName(inner.get(), depth + 1) + ")";
      }
      return "map";
    }
    case ort::kOptional: {
      const ort::OptionalTypeInfo* optional = nullptr;
      if (FromOrt(api.CastTypeInfoToOptionalTypeInfo(type, &optional)).ok() && optional != nullptr &&
          FromOrt(api.GetOptionalContainedTypeInfo(optional, ort::Out(inner))).ok()) {
        return "optional(" + TypeName(inner.get(), depth + 1) + ")";
      }
      return "optional";
    }
    default:
      return kind == ort::kOpaque ? "opaque" : "unknown";
  }
}

Status Refuse(const List& list, const std::string& name, const ort::TypeInfo* type) {
  return Unimplemented(std::string(list.subject) + " '" + name + "' has type " + TypeName(type) +
                       ", expected a tensor of BOOL, (U)INT8/16/32/64, FP16, FP32, FP64, BF16 or BYTES");
}

Status ReadShape(const ort::TensorInfo* tensor, TensorSpec* spec) {
  const ort::Api& api = *ort::g_api;
  size_t rank = 0;
  NEREID_RETURN_IF_ORT(api.GetDimensionsCount(tensor, &rank));
  spec->shape.resize(rank);
  std::vector<const char*> names(rank, nullptr);
  NEREID_RETURN_IF_ORT(api.GetDimensions(tensor, spec->shape.data(), rank));
  NEREID_RETURN_IF_ORT(api.GetSymbolicDimensions(tensor, names.data(), rank));
  for (auto& dim : spec->shape) dim = dim < 0 ? -1 : dim;
  for (const char* name : names) spec->dim_names.emplace_back(name == nullptr ? "" : name);
  return {};
}

Status ReadList(const ort::Session* session, ort::Allocator* allocator, const List& list,
                std::vector<TensorSpec>* specs) {
  const ort::Api& api = *ort::g_api;
  size_t count = 0;
  NEREID_RETURN_IF_ORT((api.*list.count)(session, &count));
  for (size_t i = 0; i < count; i++) {
    char* raw_name = nullptr;
    NEREID_RETURN_IF_ORT((api.*list.name)(session, i, allocator, &raw_name));
    TensorSpec spec{TakeText(allocator, raw_name), nullptr, {}, {}, list.is_optional};
    ort::OwnedTypeInfo type;
    NEREID_RETURN_IF_ORT((api.*list.type)(session, i, ort::Out(type)));
    int kind = ort::kUnknownKind;
    NEREID_RETURN_IF_ORT(api.GetOnnxTypeFromTypeInfo(type.get(), &kind));
    if (kind != ort::kTensor) return Refuse(list, spec.name, type.get());
    const ort::TensorInfo* tensor = nullptr;
    int code = 0;
    NEREID_RETURN_IF_ORT(api.CastTypeInfoToTensorInfo(type.get(), &tensor));
    NEREID_RETURN_IF_ORT(api.GetTensorElementType(tensor, &code));
    spec.datatype = DatatypeOfCode(code);
    if (spec.datatype == nullptr) return Refuse(list, spec.name, type.get());
    NEREID_RETURN_IF_ERROR(ReadShape(tensor, &spec));
    specs->push_back(std::move(spec));
  }
  return {};
}

Status ReadMetadata(const ort::Session* session, ort::Allocator* allocator, Signature* signature) {
  const ort::Api& api = *ort::g_api;
  ort::OwnedModelMetadata metadata;
  NEREID_RETURN_IF_ORT(api.SessionGetModelMetadata(session, ort::Out(metadata)));
  char* raw = nullptr;
  NEREID_RETURN_IF_ORT(api.ModelMetadataGetProducerName(metadata.get(), allocator, &raw));
  signature->producer = TakeText(allocator, raw);
  NEREID_RETURN_IF_ORT(api.ModelMetadataGetGraphName(metadata.get(), allocator, &raw));
  signature->graph_name = TakeText(allocator, raw);
  NEREID_RETURN_IF_ORT(api.ModelMetadataGetDescription(metadata.get(), allocator, &raw));
  signature->description = TakeText(allocator, raw);
  NEREID_RETURN_IF_ORT(api.ModelMetadataGetVersion(metadata.get(), &signature->model_version));

  char** keys = nullptr;
  int64_t count = 0;
  NEREID_RETURN_IF_ORT(api.ModelMetadataGetCustomMetadataMapKeys(metadata.get(), allocator, &keys, &count));
  for (int64_t i = 0; i < count; i++) {
    std::string key = TakeText(allocator, keys[i]);
    char* value = nullptr;
    auto status =
        FromOrt(api.ModelMetadataLookupCustomMetadataMap(metadata.get(), allocator, key.c_str(), &value));
    if (status.ok() && value != nullptr)
      signature->metadata.emplace_back(std::move(key), TakeText(allocator, value));
  }
  if (keys == nullptr) return {};
  return FromOrt(api.AllocatorFree(allocator, keys));
}

}  // namespace

Result<Signature> ReadSignature(const ort::Session* session, ort::Allocator* allocator) noexcept {
  Signature signature;
  NEREID_RETURN_IF_ERROR(ReadList(session, allocator, kInputs, &signature.inputs));
  NEREID_RETURN_IF_ERROR(ReadList(session, allocator, kOverridable, &signature.inputs));
  NEREID_RETURN_IF_ERROR(ReadList(session, allocator, kOutputs, &signature.outputs));
  NEREID_RETURN_IF_ERROR(ReadMetadata(session, allocator, &signature));
  return signature;
}

}  // namespace nereid
