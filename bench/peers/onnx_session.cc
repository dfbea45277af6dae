#include "onnx_session.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "ort/library.h"

namespace nereid::peers {
namespace {

constexpr int kEnableAllOptimizations = 99;

struct Datatype {
  std::string_view name;
  ort::ElementType type;
  size_t bytes;
};

constexpr Datatype kDatatypes[] = {
    {"FP32", ort::kFloat, 4},    {"FP64", ort::kDouble, 8},   {"FP16", ort::kFloat16, 2},
    {"INT8", ort::kInt8, 1},     {"INT16", ort::kInt16, 2},   {"INT32", ort::kInt32, 4},
    {"INT64", ort::kInt64, 8},   {"UINT8", ort::kUint8, 1},   {"UINT16", ort::kUint16, 2},
    {"UINT32", ort::kUint32, 4}, {"UINT64", ort::kUint64, 8}, {"BOOL", ort::kBool, 1},
};

const Datatype* DatatypeNamed(std::string_view name) {
  for (const Datatype& each : kDatatypes)
    if (each.name == name) return &each;
  return nullptr;
}

const Datatype* DatatypeOf(int type) {
  for (const Datatype& each : kDatatypes)
    if (each.type == type) return &each;
  return nullptr;
}

grpc::Status Invalid(const std::string& reason) { return {grpc::StatusCode::INVALID_ARGUMENT, reason}; }

[[noreturn]] void Fail(const std::string& reason) {
  std::fprintf(stderr, "grpcpp_onnx: %s\n", reason.c_str());
  std::exit(1);
}

/// Empty when it went well.
std::string FailureOf(ort::Status* status) {
  const ort::OwnedStatus owned(status);
  return owned == nullptr ? std::string() : ort::g_api->GetErrorMessage(owned.get());
}

void Check(ort::Status* status) {
  const std::string failure = FailureOf(status);
  if (!failure.empty()) Fail(failure);
}

grpc::Status StatusOf(ort::Status* status) {
  if (status == nullptr) return grpc::Status::OK;
  return {grpc::StatusCode::INTERNAL, FailureOf(status)};
}

void IgnoreLog(void*, int, const char*, const char*, const char*, const char*) {}

/// Elements of a tensor, or -1 where the shape has a negative dimension or too many elements.
int64_t ElementCount(const int64_t* shape, size_t rank) {
  int64_t count = 1;
  for (size_t i = 0; i < rank; i++)
    if (shape[i] < 0 || __builtin_mul_overflow(count, shape[i], &count)) return -1;
  return count;
}

}  // namespace

OnnxSession::OnnxSession(const std::string& library, const std::string& model) {
  static ort::Library opened;
  const std::string failure = ort::OpenLibrary(library, &opened);
  if (!failure.empty()) Fail(failure);
  ort::g_api = &opened.api;
  const ort::Api& api = opened.api;

  ort::Env* env = nullptr;
  Check(api.CreateEnvWithCustomLogger(IgnoreLog, nullptr, ort::kWarning, "grpcpp_onnx", &env));
  ort::OwnedSessionOptions options;
  Check(api.CreateSessionOptions(ort::Out(options)));
  Check(api.SetSessionGraphOptimizationLevel(options.get(), kEnableAllOptimizations));
  Check(api.SetIntraOpNumThreads(options.get(), 1));
  Check(api.CreateSession(env, model.c_str(), options.get(), ort::Out(session_)));
  Check(api.CreateCpuMemoryInfo(ort::kArenaAllocator, ort::kDefaultMemory, ort::Out(memory_)));
  Check(api.CreateIoBinding(session_.get(), ort::Out(binding_)));
  Check(api.GetAllocatorWithDefaultOptions(&allocator_));

  size_t outputs = 0;
  Check(api.SessionGetOutputCount(session_.get(), &outputs));
  for (size_t i = 0; i < outputs; i++) {
    char* name = nullptr;
    Check(api.SessionGetOutputName(session_.get(), i, allocator_, &name));
    Check(api.BindOutputToDevice(binding_.get(), name, memory_.get()));
    output_names_.emplace_back(name);
    Check(api.AllocatorFree(allocator_, name));
  }
}

grpc::Status OnnxSession::Infer(inference::ModelInferRequest& request,
                                inference::ModelInferResponse* response) {
  response->set_model_name(request.model_name());
  response->set_model_version("1");
  response->set_id(request.id());
  std::vector<ort::OwnedValue> inputs;
  grpc::Status status = Bind(request, &inputs);
  if (status.ok()) status = StatusOf(ort::g_api->RunWithBinding(session_.get(), nullptr, binding_.get()));
  return status.ok() ? Answer(response) : status;
}

grpc::Status OnnxSession::Bind(inference::ModelInferRequest& request, std::vector<ort::OwnedValue>* inputs) {
  if (request.inputs_size() != request.raw_input_contents_size()) {
    return Invalid("expected one element of raw_input_contents per input");
  }
  inputs->reserve(static_cast<size_t>(request.inputs_size()));
  for (int i = 0; i < request.inputs_size(); i++) {
    const auto& input = request.inputs(i);
    std::string& bytes = *request.mutable_raw_input_contents(i);
    const Datatype* datatype = DatatypeNamed(input.datatype());
    const auto rank = static_cast<size_t>(input.shape_size());
    const int64_t count = ElementCount(input.shape().data(), rank);
    if (datatype == nullptr || count < 0 || bytes.size() / datatype->bytes != static_cast<size_t>(count)) {
      return Invalid(input.name() + ": its bytes do not fit its datatype and shape");
    }
    ort::OwnedValue& value = inputs->emplace_back();
    grpc::Status status = StatusOf(ort::g_api->CreateTensorWithDataAsOrtValue(
        memory_.get(), bytes.data(), bytes.size(), input.shape().data(), rank, datatype->type,
        ort::Out(value)));
    if (status.ok())
      status = StatusOf(ort::g_api->BindInput(binding_.get(), input.name().c_str(), value.get()));
    if (!status.ok()) return status;
  }
  return grpc::Status::OK;
}

grpc::Status OnnxSession::Answer(inference::ModelInferResponse* response) {
  const ort::Api& api = *ort::g_api;
  ort::Value** values = nullptr;
  size_t count = 0;
  grpc::Status status = StatusOf(api.GetBoundOutputValues(binding_.get(), allocator_, &values, &count));
  if (!status.ok()) return status;
  std::vector<ort::OwnedValue> owned(values, values + count);
  Check(api.AllocatorFree(allocator_, values));

  for (size_t i = 0; i < count; i++) {
    ort::OwnedTensorInfo shape;
    size_t rank = 0;
    int type = ort::kUndefined;
    void* bytes = nullptr;
    Check(api.GetTensorTypeAndShape(owned[i].get(), ort::Out(shape)));
    Check(api.GetDimensionsCount(shape.get(), &rank));
    Check(api.GetTensorElementType(shape.get(), &type));
    Check(api.GetTensorMutableData(owned[i].get(), &bytes));
    const Datatype* datatype = DatatypeOf(type);
    if (datatype == nullptr)
      return {grpc::StatusCode::UNIMPLEMENTED, output_names_[i] + ": expected numbers"};

    auto* output = response->add_outputs();
    output->set_name(output_names_[i]);
    output->set_datatype(datatype->name.data(), datatype->name.size());
    output->mutable_shape()->Resize(static_cast<int>(rank), 0);
    Check(api.GetDimensions(shape.get(), output->mutable_shape()->mutable_data(), rank));
    const int64_t elements = ElementCount(output->shape().data(), rank);
    response->add_raw_output_contents(bytes, static_cast<size_t>(elements) * datatype->bytes);
  }
  return grpc::Status::OK;
}

}  // namespace nereid::peers
