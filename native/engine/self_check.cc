#include "engine/self_check.h"

#include <cstring>
#include <string>

#include "engine/datatype.h"
#include "engine/ort_status.h"

namespace nereid {
namespace {

constexpr int64_t kShape[] = {1, 3};
constexpr size_t kElements = 3;

Status Mismatch(const DatatypeFacts& facts, const char* what) {
  return Internal(std::string("ONNX Runtime disagrees about ") + facts.name + " tensors (" + what +
                  "): this library cannot be used");
}

Status CheckDatatype(const DatatypeFacts& facts, ort::Allocator* allocator, ort::OwnedValue* value) {
  const ort::Api& api = *ort::g_api;
  NEREID_RETURN_IF_ORT(
      api.CreateTensorAsOrtValue(allocator, kShape, std::size(kShape), facts.code, ort::Out(*value)));
  ort::OwnedTensorInfo tensor;
  NEREID_RETURN_IF_ORT(api.GetTensorTypeAndShape(value->get(), ort::Out(tensor)));
  int code = 0;
  size_t rank = 0;
  size_t count = 0;
  int64_t dims[std::size(kShape)] = {};
  NEREID_RETURN_IF_ORT(api.GetTensorElementType(tensor.get(), &code));
  NEREID_RETURN_IF_ORT(api.GetDimensionsCount(tensor.get(), &rank));
  NEREID_RETURN_IF_ORT(api.GetTensorShapeElementCount(tensor.get(), &count));
  if (code != facts.code) return Mismatch(facts, "code");
  if (rank != std::size(kShape) || count != kElements) return Mismatch(facts, "size");
  NEREID_RETURN_IF_ORT(api.GetDimensions(tensor.get(), dims, rank));
  if (std::memcmp(dims, kShape, sizeof(dims)) != 0) return Mismatch(facts, "shape");
  return {};
}

Status CheckString(const DatatypeFacts& facts, ort::Value* value) {
  const ort::Api& api = *ort::g_api;
  constexpr char kText[] = {'a', '\0', 'b'};
  char* buffer = nullptr;
  NEREID_RETURN_IF_ORT(api.GetResizedStringTensorElementBuffer(value, 1, sizeof(kText), &buffer));
  std::memcpy(buffer, kText, sizeof(kText));
  size_t length = 0;
  NEREID_RETURN_IF_ORT(api.GetStringTensorDataLength(value, &length));
  if (length != sizeof(kText)) return Mismatch(facts, "length");
  char text[sizeof(kText)] = {};
  size_t offsets[kElements] = {};
  NEREID_RETURN_IF_ORT(api.GetStringTensorContent(value, text, length, offsets, kElements));
  if (std::memcmp(text, kText, sizeof(kText)) != 0 || offsets[1] != 0 || offsets[2] != length)
    return Mismatch(facts, "content");
  return {};
}

Status CheckFloat(const DatatypeFacts& facts, ort::Value* value) {
  void* data = nullptr;
  NEREID_RETURN_IF_ORT(ort::g_api->GetTensorMutableData(value, &data));
  auto* numbers = static_cast<float*>(data);
  for (size_t i = 0; i < kElements; i++) numbers[i] = 1.5f;
  int is_tensor = 0;
  NEREID_RETURN_IF_ORT(ort::g_api->IsTensor(value, &is_tensor));
  return is_tensor == 1 ? Status{} : Mismatch(facts, "kind");
}

}  // namespace

Status CheckRuntime(ort::Allocator* allocator) noexcept {
  for (const auto& facts : kDatatypes) {
    ort::OwnedValue value;
    NEREID_RETURN_IF_ERROR(CheckDatatype(facts, allocator, &value));
    if (facts.code == ort::kString) NEREID_RETURN_IF_ERROR(CheckString(facts, value.get()));
    if (facts.code == ort::kFloat) NEREID_RETURN_IF_ERROR(CheckFloat(facts, value.get()));
  }
  return {};
}

}  // namespace nereid
