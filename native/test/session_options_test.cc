// Options of execution providers, against a runtime whose functions for them are stubs: the library of the
// tests is built for the CPU alone.

#include "engine/session_options.h"

#include "harness.h"

namespace nereid {
namespace {

int g_object = 0;
std::vector<std::string> g_keys;
std::vector<std::string> g_appended;
int g_made = 0;

template <typename T>
T* Object() noexcept {
  return reinterpret_cast<T*>(&g_object);
}

template <typename Options>
ort::Status* Create(Options** made) {
  g_made++;
  *made = Object<Options>();
  return nullptr;
}

template <typename Options>
void Release(Options*) {
  g_made--;
}

/// Refuses names that begin with `x`, without a word.
template <typename Options>
ort::Status* Update(Options*, const char* const* keys, const char* const* values, size_t count) {
  g_keys.clear();
  for (size_t i = 0; i < count; i++) {
    if (keys[i][0] == 'x') return Object<ort::Status>();
    g_keys.push_back(std::string(keys[i]) + "=" + values[i]);
  }
  return nullptr;
}

ort::Status* AppendTensorRtStub(ort::SessionOptions*, const ort::TensorRtOptions*) {
  g_appended.push_back("TensorRT");
  return nullptr;
}

ort::Status* AppendCudaStub(ort::SessionOptions*, const ort::CudaOptions*) {
  g_appended.push_back("CUDA");
  return nullptr;
}

/// The runtime with stubs, until the end of the scope.
class StubbedRuntime {
 public:
  StubbedRuntime() : real_(ort::g_api), stubbed_(*real_) {
    stubbed_.CreateTensorRtOptions = Create<ort::TensorRtOptions>;
    stubbed_.UpdateTensorRtOptions = Update<ort::TensorRtOptions>;
    stubbed_.ReleaseTensorRtOptions = Release<ort::TensorRtOptions>;
    stubbed_.SessionOptionsAppendTensorRt = AppendTensorRtStub;
    stubbed_.CreateCudaOptions = Create<ort::CudaOptions>;
    stubbed_.UpdateCudaOptions = Update<ort::CudaOptions>;
    stubbed_.ReleaseCudaOptions = Release<ort::CudaOptions>;
    stubbed_.SessionOptionsAppendCuda = AppendCudaStub;
    stubbed_.GetErrorMessage = [](const ort::Status*) { return ""; };
    stubbed_.ReleaseStatus = [](ort::Status*) {};
    stubbed_.GetErrorCode = [](const ort::Status*) { return 1; };
    g_appended.clear();
    ort::g_api = &stubbed_;
  }
  ~StubbedRuntime() { ort::g_api = real_; }
  StubbedRuntime(const StubbedRuntime&) = delete;
  StubbedRuntime& operator=(const StubbedRuntime&) = delete;

 private:
  const ort::Api* real_;
  ort::Api stubbed_;
};

SessionSpec GpuSpec(Entries cuda, Entries tensorrt, bool use_tensorrt) {
  SessionSpec spec;
  spec.cuda_ordinal = 3;
  spec.cuda_options = std::move(cuda);
  spec.tensorrt_options = std::move(tensorrt);
  spec.use_tensorrt = use_tensorrt;
  return spec;
}

TEST("appends TensorRT before CUDA, each for the device of the session") {
  const StubbedRuntime runtime;
  const auto spec = GpuSpec({{"device_id", "7"}}, {{"trt_fp16_enable", "1"}}, true);
  CHECK(AppendCuda(spec, Object<ort::SessionOptions>()).ok());
  REQUIRE(g_appended.size() == 2 && g_keys.size() == 2);
  CHECK_EQUAL(g_appended[0], "TensorRT");
  CHECK_EQUAL(g_appended[1], "CUDA");
  CHECK_EQUAL(g_keys[0], "device_id=3");
  CHECK_EQUAL(g_keys[1], "cudnn_conv_algo_search=HEURISTIC");
  CHECK_EQUAL(g_made, 0);
}

TEST("names the options of a provider when the runtime refuses one of them") {
  const StubbedRuntime runtime;
  const auto cuda = AppendCuda(GpuSpec({{"xlimit", "1"}}, {}, false), Object<ort::SessionOptions>());
  CHECK(!cuda.ok());
  CHECK(
      cuda.message.starts_with("ONNX Runtime refuses one of the options of the CUDA provider "
                               "(xlimit, device_id, cudnn_conv_algo_search): "));
  const auto tensorrt = AppendCuda(GpuSpec({}, {{"trt_fp16_enable", "1"}, {"xcache", "1"}}, true),
                                   Object<ort::SessionOptions>());
  CHECK(!tensorrt.ok());
  CHECK(
      tensorrt.message.starts_with("ONNX Runtime refuses one of the options of the TensorRT provider "
                                   "(trt_fp16_enable, xcache, device_id): "));
  CHECK(g_appended.empty());
  CHECK_EQUAL(g_made, 0);
}

}  // namespace
}  // namespace nereid
