// Batches that are replayed as CUDA graphs, on sessions of the CPU: a driver of the tests copies at once, and
// the runtime takes no notice of the number of a graph, so that everything of ours is run.

#include "engine/graph_set.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "engine/capture_gate.h"
#include "engine/instance.h"
#include "test/batches.h"
#include "test/harness.h"
#include "test/onnx_bytes.h"

namespace nereid::test {
namespace {

/// The calls of the driver, and the one that fails.
std::vector<std::string> g_calls;
std::string g_failing;
int g_contexts = 0;
int g_streams = 0;

int Called(const char* name) {
  g_calls.emplace_back(name);
  return g_failing == name ? 700 : 0;
}

const CudaDriver kFakeDriver{
    .GetErrorName = [](int, const char** name) { return *name = "CUDA_ERROR_ILLEGAL_ADDRESS", 0; },
    .DeviceGet = [](int* device, int ordinal) { return *device = ordinal, Called("DeviceGet"); },
    .DevicePrimaryCtxRetain = [](CudaContext*,
                                 int) { return g_contexts++, Called("DevicePrimaryCtxRetain"); },
    .DevicePrimaryCtxRelease = [](int) { return g_contexts--, 0; },
    .CtxSetCurrent = [](CudaContext) { return Called("CtxSetCurrent"); },
    .StreamCreate =
        [](CudaStream* stream, unsigned) {
          *stream = &g_streams;
          return g_streams++, Called("StreamCreate");
        },
    .StreamDestroy = [](CudaStream) { return g_streams--, 0; },
    .StreamSynchronize = [](CudaStream) { return Called("StreamSynchronize"); },
    .StreamIsCapturing = [](CudaStream, int* status) { return *status = 1, 0; },
    .StreamEndCapture = [](CudaStream,
                           CudaGraph* graph) { return *graph = nullptr, Called("StreamEndCapture"); },
    .GraphDestroy = [](CudaGraph) { return 0; },
    .MemcpyHtoDAsync =
        [](CudaAddress to, const void* from, size_t bytes, CudaStream) {
          std::memcpy(reinterpret_cast<void*>(to), from, bytes);
          return Called("MemcpyHtoDAsync");
        },
    .MemcpyDtoHAsync =
        [](void* to, CudaAddress from, size_t bytes, CudaStream) {
          std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
          return Called("MemcpyDtoHAsync");
        },
    .MemsetD8Async =
        [](CudaAddress to, unsigned char value, size_t bytes, CudaStream) {
          std::memset(reinterpret_cast<void*>(to), value, bytes);
          return Called("MemsetD8Async");
        },
};

std::unique_ptr<GraphContext> ContextFor(const Session& session, std::vector<int64_t> rows) {
  g_calls.clear();
  g_failing.clear();
  auto context = std::make_unique<GraphContext>();
  context->stream = std::move(DeviceStream::Create(kFakeDriver, 0).value());
  context->layout = std::move(GraphLayout::Of(session.signature()).value());
  context->rows = std::move(rows);
  static_cast<void>(
      ort::g_api->CreateCpuMemoryInfo(ort::kArenaAllocator, ort::kDefaultMemory, ort::Out(context->memory)));
  return context;
}

std::shared_ptr<Session> OpenWithGraphs(std::vector<int64_t> rows) {
  auto session = Open(UnaryModel("Neg", ort::kFloat, {-1, 2})).value();
  session->UseGraphs(ContextFor(*session, std::move(rows)));
  return session;
}

std::unique_ptr<BatchRunner> Prepared(const std::shared_ptr<Session>& session) {
  auto runner = std::move(BatchRunner::Create(session).value());
  CHECK(runner->Prepare([] { return false; }).ok());
  return runner;
}

std::string Floats(int64_t rows, float first) {
  std::string bytes;
  for (int64_t i = 0; i < rows * 2; i++) {
    const float number = first + static_cast<float>(i);
    bytes.append(reinterpret_cast<const char*>(&number), sizeof(number));
  }
  return bytes;
}

std::string Negated(std::string bytes) {
  for (size_t i = 3; i < bytes.size(); i += 4) bytes[i] = static_cast<char>(bytes[i] ^ 0x80);
  return bytes;
}

size_t CallsOf(const char* name) {
  return static_cast<size_t>(std::count(g_calls.begin(), g_calls.end(), name));
}

TEST("answers batches of any number of rows by the next larger graph, and others without") {
  const auto session = OpenWithGraphs({1, 2, 4, 8});
  const auto runner = Prepared(session);
  Job job;
  for (const int64_t rows : {8, 1, 3, 8, 5, 2, 7, 4, 6, 9, 1, 12, 3}) {
    const auto bytes = Floats(rows, static_cast<float>(rows) * 100);
    Fill(&job, bytes, {rows, 2}, static_cast<size_t>(rows));
    g_calls.clear();
    runner->Run(&job);
    REQUIRE(job.status.ok());
    CHECK((job.outputs[0].shape == std::vector<int64_t>{rows, 2}));
    CHECK(OutputBytes(*runner, job) == Negated(bytes));
    const bool is_padded = rows == 3 || rows == 5 || rows == 6 || rows == 7;
    CHECK_EQUAL(CallsOf("MemcpyHtoDAsync"), rows <= 8 ? 1u : 0u);
    CHECK_EQUAL(CallsOf("MemsetD8Async"), is_padded ? 1u : 0u);
    CHECK_EQUAL(CallsOf("MemcpyDtoHAsync"), rows <= 8 ? 1u : 0u);
    CHECK_EQUAL(CallsOf("StreamSynchronize"), rows <= 8 ? 1u : 0u);
    Release(*runner, job);
  }
}

TEST("gives a batch that does not fit the model the error that it gets without graphs") {
  const auto session = OpenWithGraphs({1, 2});
  const auto runner = Prepared(session);
  Job job;
  const auto bytes = Floats(1, 1);
  Fill(&job, bytes, {2, 2});
  runner->Run(&job);
  CHECK(job.status.code == Code::kInvalidArgument);
  CHECK(job.status.message.find("has 8 bytes, expected 16") != std::string::npos);
  Fill(&job, bytes, {1, 2});
  job.inputs[0].index = 7;
  runner->Run(&job);
  CHECK(job.status.message.find("there is no input 7") != std::string::npos);
}

TEST("reports the driver's error for the batch alone, and the next one is answered") {
  const auto session = OpenWithGraphs({1, 2});
  const auto runner = Prepared(session);
  const auto bytes = Floats(1, 1);
  Job job;
  for (const char* call : {"MemcpyHtoDAsync", "MemcpyDtoHAsync", "StreamSynchronize", "CtxSetCurrent"}) {
    Fill(&job, bytes, {1, 2});
    g_failing = call;
    runner->Run(&job);
    CHECK(job.status.code == Code::kInternal);
    CHECK_EQUAL(job.status.message,
                "cu" + std::string(call) + " of the NVIDIA driver failed: CUDA_ERROR_ILLEGAL_ADDRESS (700)");
    CHECK_EQUAL(job.slab, -1);
    g_failing.clear();
    runner->Run(&job);
    REQUIRE(job.status.ok());
    CHECK(OutputBytes(*runner, job) == Negated(bytes));
    Release(*runner, job);
  }
}

TEST("runs without graphs, and says why, when one cannot be captured") {
  const auto session = OpenWithGraphs({1, 2});
  auto runner = std::move(BatchRunner::Create(session).value());
  g_failing = "StreamSynchronize";
  const Status refused = runner->Prepare([] { return false; });
  CHECK(!refused.ok());
  CHECK(refused.message.find("cuStreamSynchronize") != std::string::npos);
  g_failing.clear();
  Job job;
  const auto bytes = Floats(2, 1);
  Fill(&job, bytes, {2, 2});
  g_calls.clear();
  runner->Run(&job);
  REQUIRE(job.status.ok());
  CHECK(OutputBytes(*runner, job) == Negated(bytes));
  CHECK(g_calls.empty());
}

TEST("captures no further graph when it is told to end, and uses those it has") {
  const auto session = OpenWithGraphs({1, 2, 4});
  auto runner = std::move(BatchRunner::Create(session).value());
  int asked = 0;
  CHECK(runner->Prepare([&] { return ++asked > 2; }).ok());
  Job job;
  for (const int64_t rows : {1, 2, 3}) {
    const auto bytes = Floats(rows, 1);
    Fill(&job, bytes, {rows, 2});
    g_calls.clear();
    runner->Run(&job);
    REQUIRE(job.status.ok());
    CHECK(OutputBytes(*runner, job) == Negated(bytes));
    CHECK_EQUAL(CallsOf("MemcpyHtoDAsync"), rows <= 2 ? 1u : 0u);
    Release(*runner, job);
  }
}

TEST("captures on the first instance of a session only, and gives everything back") {
  {
    const auto session = OpenWithGraphs({1, 2});
    const auto first = Prepared(session);
    const auto second = Prepared(session);
    Job job;
    const auto bytes = Floats(1, 1);
    Fill(&job, bytes, {1, 2});
    g_calls.clear();
    second->Run(&job);
    CHECK(job.status.ok());
    CHECK(g_calls.empty());
    CHECK_EQUAL(g_streams, 1);
  }
  CHECK_EQUAL(g_streams, 0);
  CHECK_EQUAL(g_contexts, 0);
}

TEST("gives the stream and the context back when either cannot be had") {
  for (const char* call : {"DevicePrimaryCtxRetain", "StreamCreate", "CtxSetCurrent"}) {
    g_failing = call;
    auto stream = DeviceStream::Create(kFakeDriver, 0);
    REQUIRE(!stream.ok());
    CHECK(stream.status().message.starts_with("cu" + std::string(call)));
  }
  g_failing.clear();
}

TEST("refuses graphs for models whose rows have no fixed size, and names the tensor") {
  const auto problem = [](const std::string& bytes) {
    auto session = Open(bytes).value();
    auto layout = GraphLayout::Of(session->signature());
    return layout.ok() ? std::string() : layout.status().message;
  };
  CHECK_EQUAL(problem(UnaryModel("Neg", ort::kFloat, {-1, 2})), "");
  CHECK(problem(UnaryModel("Neg", ort::kFloat, {-1, -1})).ends_with("input 'x' has other open dimensions"));
  CHECK(problem(UnaryModel("Neg", ort::kFloat, {3, 2})).ends_with("input 'x' has no open first dimension"));
  CHECK(problem(UnaryModel("Identity", ort::kString, {-1, 2})).ends_with("input 'x' is BYTES"));
}

TEST("keeps a capture apart from runs, which nest, and from the opening of sessions") {
  std::atomic<int> users{0};
  std::atomic<bool> is_capturing{false};
  std::atomic<bool> is_wrong{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; i++) {
    threads.emplace_back([&, i] {
      for (int turn = 0; turn < 200; turn++) {
        const SessionChange change(i == 0);
        const DeviceUse use(true);
        const DeviceUse nested(true);
        users++;
        if (is_capturing) is_wrong = true;
        std::this_thread::yield();
        users--;
      }
    });
  }
  for (int turn = 0; turn < 20; turn++) {
    const CaptureTurn capture;
    is_capturing = true;
    const DeviceUse within(true);
    if (users != 0) is_wrong = true;
    is_capturing = false;
  }
  for (auto& thread : threads) thread.join();
  CHECK(!is_wrong);
}

TEST("lets a capture through although uses overlap all the time") {
  std::atomic<bool> is_done{false};
  std::vector<std::thread> threads;
  CaptureLock lock;
  for (int i = 0; i < 2; i++) {
    threads.emplace_back([&] {
      while (!is_done) {
        lock.Share();
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        lock.Unshare();
      }
    });
  }
  lock.Close();
  lock.Open();
  is_done = true;
  for (auto& thread : threads) thread.join();
  CHECK(is_done);
}

/// Counts jobs, and keeps the lines of the log.
class Listener : public JobListener, public LogSink {
 public:
  void JobDone(Instance*, Job*) noexcept override { done++; }
  void Write(LogLine line) noexcept override {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line.message));
  }
  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  std::atomic<int> done{0};

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

TEST("captures on the thread of the instance before its first batch, and logs a refusal once") {
  for (const bool is_refused : {false, true}) {
    const auto session = OpenWithGraphs({1, 2});
    g_failing = is_refused ? "MemsetD8Async" : "";
    Listener listener;
    const auto bytes = Floats(2, 1);
    std::vector<Job> jobs(3);
    {
      InstanceThreads threads(&listener);
      auto instance = std::move(Instance::Create(session, 0, &threads, &listener, &listener).value());
      for (auto& job : jobs) {
        Fill(&job, bytes, {2, 2});
        instance->Submit(&job);
      }
      while (listener.done < 3) std::this_thread::yield();
      for (auto& job : jobs) {
        CHECK(job.status.ok());
        CHECK(OutputBytes(instance->runner(), job) == Negated(bytes));
      }
      CHECK_EQUAL(CallsOf("MemcpyDtoHAsync"), is_refused ? 0u : 3u);
    }
    const auto lines = listener.lines();
    CHECK_EQUAL(lines.size(), is_refused ? 1u : 0u);
    if (is_refused && !lines.empty())
      CHECK(lines[0].starts_with("this instance runs without CUDA graphs: cuMemsetD8Async"));
  }
  g_failing.clear();
}

}  // namespace
}  // namespace nereid::test
