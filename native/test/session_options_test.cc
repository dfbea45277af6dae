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

/// Refuses names that begin with `x`, without a word. Those that begin with `y` are left for `append` to
/// refuse, and two that begin with `z` exclude each other.
template <typename Options>
ort::Status* Update(Options*, const char* const* keys, const char* const* values, size_t count) {
  g_keys.clear();
  for (size_t i = 0; i < count; i++) {
    if (keys[i][0] == 'x') return Object<ort::Status>();
    g_keys.push_back(std::string(keys[i]) + "=" + values[i]);
  }
  return nullptr;
}

bool g_has_provider = true;

/// Keeps what the options under test were appended to, not the trials on fresh options.
template <const char* name, typename Options>
ort::Status* Append(ort::SessionOptions* options, const Options*) {
  int exclusive = 0;
  for (const auto& key : g_keys) {
    if (key[0] == 'y') return Object<ort::Status>();
    if (key[0] == 'z') exclusive++;
  }
  if (exclusive > 1 || !g_has_provider) return Object<ort::Status>();
  if (options == Object<ort::SessionOptions>()) g_appended.push_back(name);
  return nullptr;
}

constexpr char kTensorRtName[] = "TensorRT";
constexpr char kCudaName[] = "CUDA";

/// The runtime with stubs, until the end of the scope.
class StubbedRuntime {
 public:
  StubbedRuntime() : real_(ort::g_api), stubbed_(*real_) {
    stubbed_.CreateTensorRtOptions = Create<ort::TensorRtOptions>;
    stubbed_.UpdateTensorRtOptions = Update<ort::TensorRtOptions>;
    stubbed_.ReleaseTensorRtOptions = Release<ort::TensorRtOptions>;
    stubbed_.SessionOptionsAppendTensorRt = Append<kTensorRtName, ort::TensorRtOptions>;
    stubbed_.CreateCudaOptions = Create<ort::CudaOptions>;
    stubbed_.UpdateCudaOptions = Update<ort::CudaOptions>;
    stubbed_.ReleaseCudaOptions = Release<ort::CudaOptions>;
    stubbed_.SessionOptionsAppendCuda = Append<kCudaName, ort::CudaOptions>;
    stubbed_.GetErrorMessage = [](const ort::Status*) { return ""; };
    stubbed_.ReleaseStatus = [](ort::Status*) {};
    stubbed_.GetErrorCode = [](const ort::Status*) { return 1; };
    g_appended.clear();
    g_has_provider = true;
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
  CHECK(AppendCuda(spec, nullptr, Object<ort::SessionOptions>()).ok());
  REQUIRE(g_appended.size() == 2 && g_keys.size() == 2);
  CHECK_EQUAL(g_appended[0], "TensorRT");
  CHECK_EQUAL(g_appended[1], "CUDA");
  CHECK_EQUAL(g_keys[0], "device_id=3");
  CHECK_EQUAL(g_keys[1], "cudnn_conv_algo_search=HEURISTIC");
  CHECK_EQUAL(g_made, 0);
}

TEST("lets a session for graphs compute on the stream that it is given") {
  const StubbedRuntime runtime;
  const auto spec = GpuSpec({{"cudnn_conv_algo_search", "DEFAULT"}}, {}, false);
  CHECK(AppendCuda(spec, reinterpret_cast<CudaStream>(4096), Object<ort::SessionOptions>()).ok());
  const std::vector<std::string> expected{"cudnn_conv_algo_search=DEFAULT", "device_id=3",
                                          "enable_cuda_graph=1", "has_user_compute_stream=1",
                                          "user_compute_stream=4096"};
  CHECK(g_keys == expected);
}

TEST("names the options that the runtime refuses, whichever of its functions refuses") {
  const StubbedRuntime runtime;
  for (const char* key : {"xlimit", "ylimit"}) {
    const auto cuda = AppendCuda(GpuSpec({{"gpu_mem_limit", "1"}, {key, "2"}}, {}, false), nullptr,
                                 Object<ort::SessionOptions>());
    CHECK(!cuda.ok());
    CHECK(cuda.message.starts_with("ONNX Runtime refuses option '" + std::string(key) +
                                   "'='2' of the CUDA provider: "));
    const auto tensorrt =
        AppendCuda(GpuSpec({}, {{key, "2"}, {"trt_fp16_enable", "1"}, {"xcache", "3"}}, true), nullptr,
                   Object<ort::SessionOptions>());
    CHECK(!tensorrt.ok());
    CHECK(tensorrt.message.starts_with("ONNX Runtime refuses options '" + std::string(key) +
                                       "'='2', 'xcache'='3' of the TensorRT provider: "));
  }
  CHECK(g_appended.empty());
  CHECK_EQUAL(g_made, 0);
}

TEST("names all options of a provider when the runtime takes each of them alone") {
  const StubbedRuntime runtime;
  const auto cuda =
      AppendCuda(GpuSpec({{"zone", "1"}, {"ztwo", "2"}, {"cudnn_conv_algo_search", "DEFAULT"}}, {}, false),
                 nullptr, Object<ort::SessionOptions>());
  CHECK(!cuda.ok());
  CHECK(cuda.message.starts_with(
      "ONNX Runtime refuses the combination of the options of the CUDA provider "
      "('zone'='1', 'ztwo'='2', 'cudnn_conv_algo_search'='DEFAULT', 'device_id'='3'): "));
}

TEST("blames no option when the runtime refuses the provider without any") {
  const StubbedRuntime runtime;
  g_has_provider = false;
  const auto cuda = AppendCuda(GpuSpec({{"xlimit", "1"}}, {}, false), nullptr, Object<ort::SessionOptions>());
  CHECK(!cuda.ok());
  CHECK_EQUAL(cuda.message,
              "ONNX Runtime refuses the CUDA provider: onnx runtime error 1: it gives no reason");
}

}  // namespace
}  // namespace nereid
