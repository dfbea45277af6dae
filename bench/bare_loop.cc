// The upper bound that a server is measured against: one session, whole batches ready in memory, run
// repeatedly on one thread. No queue, no protocol, no gathering. One input INPUT, one FP32 output OUTPUT
// of fixed shape.
//
//   bare_loop LIBRARY MODEL ROWS_FILE THREADS DEVICE DATATYPE OUTPUT_ELEMENTS_PER_ROW DIM...
//
// DEVICE is cpu or cuda (the first GPU), DATATYPE that of the input as the protocol names it, DIM... the
// shape of one row. ROWS_FILE holds rows of input; batches take them in turn and begin again at the first.
// Commands on standard input, one answer line each:
//   bind MODE ROWS BATCHES   ->  ok
//   run MILLISECONDS         ->  rows, seconds and CPU microseconds
//   answers                  ->  every output element of every batch, in order; in mode host only
//   open SESSIONS            ->  CPU microseconds and resident bytes of so many sessions, instead of the last
// Modes: `resident` has inputs and outputs on the device from the beginning, so that a run is only
// computing. `host` uploads each batch from pinned memory and downloads its answer there. On the CPU nothing
// is copied in either.

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "ort/handles.h"
#include "ort/library.h"

namespace {
namespace ort = nereid::ort;

constexpr int kEnableAllOptimizations = 99;
constexpr int kFirstDimArgument = 8;

[[noreturn]] void Fail(const std::string& reason) {
  std::fprintf(stderr, "bare_loop: %s\n", reason.c_str());
  std::exit(1);
}

void Check(ort::Status* status) {
  if (status != nullptr) Fail(ort::g_api->GetErrorMessage(status));
}

void IgnoreLog(void*, int, const char*, const char*, const char*, const char*) {}

struct Datatype {
  ort::ElementType code;
  size_t bytes;
};

Datatype DatatypeNamed(const std::string& name) {
  if (name == "FP32") return {ort::kFloat, 4};
  if (name == "FP16") return {ort::kFloat16, 2};
  if (name == "UINT8") return {ort::kUint8, 1};
  if (name == "INT64") return {ort::kInt64, 8};
  Fail("expected FP32, FP16, UINT8 or INT64, got " + name);
}

size_t ElementCount(const std::vector<int64_t>& shape) {
  size_t count = 1;
  for (const int64_t dim : shape) count *= static_cast<size_t>(dim);
  return count;
}

struct Task {
  const char* library;
  const char* model;
  int threads;
  bool on_cuda;
  Datatype datatype;
  int64_t output_elements;
  std::vector<int64_t> row_shape;
  std::string rows;

  size_t RowBytes() const { return ElementCount(row_shape) * datatype.bytes; }
};

Task ReadTask(int argc, char** argv) {
  if (argc <= kFirstDimArgument)
    Fail("expected LIBRARY MODEL ROWS_FILE THREADS DEVICE DATATYPE OUTPUT_ELEMENTS_PER_ROW DIM...");
  const std::string device = argv[5];
  if (device != "cpu" && device != "cuda") Fail("expected cpu or cuda, got " + device);
  Task task{
      argv[1], argv[2], std::atoi(argv[4]), device == "cuda", DatatypeNamed(argv[6]), std::atoll(argv[7]),
      {},      {}};
  for (int i = kFirstDimArgument; i < argc; i++) task.row_shape.push_back(std::atoll(argv[i]));
  std::ifstream file(argv[3], std::ios::binary);
  task.rows.assign(std::istreambuf_iterator<char>(file), {});
  const size_t row_bytes = task.RowBytes();
  if (row_bytes == 0 || task.rows.empty() || task.rows.size() % row_bytes != 0)
    Fail(std::string("expected whole rows in ") + argv[3]);
  return task;
}

double CpuMicroseconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto micros = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

int64_t ResidentBytes() {
  std::ifstream pages("/proc/self/statm");
  int64_t all = 0;
  int64_t resident = 0;
  pages >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

ort::OwnedSession OpenSession(const ort::Env* env, const Task& task, bool spins) {
  const ort::Api& api = *ort::g_api;
  ort::OwnedSessionOptions options;
  Check(api.CreateSessionOptions(ort::Out(options)));
  Check(api.SetSessionGraphOptimizationLevel(options.get(), kEnableAllOptimizations));
  Check(api.SetIntraOpNumThreads(options.get(), task.threads));
  if (!spins) Check(api.AddSessionConfigEntry(options.get(), "session.intra_op.allow_spinning", "0"));
  if (task.on_cuda) {
    ort::OwnedCudaOptions cuda;
    Check(api.CreateCudaOptions(ort::Out(cuda)));
    // The server's own default.
    const char* keys[] = {"device_id", "cudnn_conv_algo_search"};
    const char* values[] = {"0", "HEURISTIC"};
    Check(api.UpdateCudaOptions(cuda.get(), keys, values, std::size(keys)));
    Check(api.SessionOptionsAppendCuda(options.get(), cuda.get()));
  }
  ort::OwnedSession session;
  Check(api.CreateSession(env, task.model, options.get(), ort::Out(session)));
  return session;
}

// The kinds of memory that tensors of the session lie in.
struct Memory {
  ort::OwnedMemoryInfo host;
  // Allocates `host`; pinned for a GPU.
  ort::OwnedAllocator host_allocator;
  // For outputs in the same block: the runtime refuses to copy an output into what it takes for pinned.
  ort::OwnedMemoryInfo output;
  // Where the model computes.
  ort::OwnedMemoryInfo device;
};

Memory MemoryOf(ort::Session* session, bool on_cuda) {
  const ort::Api& api = *ort::g_api;
  Memory memory;
  Check(api.CreateCpuMemoryInfo(ort::kArenaAllocator, ort::kDefaultMemory, ort::Out(memory.output)));
  if (on_cuda) {
    Check(
        api.CreateMemoryInfo("CudaPinned", ort::kDeviceAllocator, 0, ort::kCpuOutput, ort::Out(memory.host)));
    Check(
        api.CreateMemoryInfo("Cuda", ort::kDeviceAllocator, 0, ort::kDefaultMemory, ort::Out(memory.device)));
  } else {
    Check(api.CreateCpuMemoryInfo(ort::kArenaAllocator, ort::kDefaultMemory, ort::Out(memory.host)));
    Check(api.CreateCpuMemoryInfo(ort::kArenaAllocator, ort::kDefaultMemory, ort::Out(memory.device)));
  }
  Check(api.CreateAllocator(session, memory.host.get(), ort::Out(memory.host_allocator)));
  return memory;
}

// A block of host memory that the session's device copies from and to.
class HostBlock {
 public:
  HostBlock(ort::Allocator* allocator, size_t bytes) : allocator_(allocator), bytes_(bytes) {
    Check(ort::g_api->AllocatorAlloc(allocator, bytes, &address_));
  }
  HostBlock(HostBlock&& other) noexcept
      : allocator_(other.allocator_),
        address_(std::exchange(other.address_, nullptr)),
        bytes_(other.bytes_) {}
  ~HostBlock() {
    if (address_ != nullptr) Check(ort::g_api->AllocatorFree(allocator_, address_));
  }
  char* bytes() const { return static_cast<char*>(address_); }
  size_t size() const { return bytes_; }

 private:
  ort::Allocator* allocator_;
  void* address_ = nullptr;
  size_t bytes_;
};

ort::OwnedValue TensorOver(const ort::MemoryInfo* memory, const HostBlock& block,
                           const std::vector<int64_t>& shape, ort::ElementType code) {
  ort::OwnedValue tensor;
  Check(ort::g_api->CreateTensorWithDataAsOrtValue(memory, block.bytes(), block.size(), shape.data(),
                                                   shape.size(), code, ort::Out(tensor)));
  return tensor;
}

// One batch with its tensors and their binding.
struct BoundBatch {
  HostBlock input;
  HostBlock output;
  ort::OwnedValue input_tensor;
  ort::OwnedValue output_tensor;
  ort::OwnedIoBinding binding;
};

class Loop {
 public:
  Loop(const ort::Env* env, const Task& task)
      : task_(task), session_(OpenSession(env, task, true)), memory_(MemoryOf(session_.get(), task.on_cuda)) {}

  void Bind(bool is_resident, int64_t rows, size_t batch_count) {
    batches_.clear();
    is_resident_ = is_resident;
    rows_ = rows;
    size_t next_row = 0;
    for (size_t i = 0; i < batch_count; i++) batches_.push_back(MakeBatch(&next_row));
  }

  void Run(int milliseconds) {
    using Clock = std::chrono::steady_clock;
    if (batches_.empty()) Fail("run before bind");
    const double cpu_start = CpuMicroseconds();
    const auto start = Clock::now();
    const auto end = start + std::chrono::milliseconds(milliseconds);
    int64_t done = 0;
    while (Clock::now() < end) {
      RunBatch(batches_[static_cast<size_t>(done) % batches_.size()]);
      done++;
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    std::printf("%lld %.6f %.0f\n", static_cast<long long>(done * rows_), seconds,
                CpuMicroseconds() - cpu_start);
  }

  void PrintAnswers() {
    if (is_resident_) Fail("answers of a resident binding stay on the device");
    for (const BoundBatch& batch : batches_) {
      RunBatch(batch);
      const auto* values = reinterpret_cast<const float*>(batch.output.bytes());
      for (size_t i = 0; i < batch.output.size() / sizeof(float); i++)
        std::printf("%.9g ", static_cast<double>(values[i]));
    }
    std::printf("\n");
  }

 private:
  // Takes the rows from `next_row` on.
  BoundBatch MakeBatch(size_t* next_row) const {
    const ort::Api& api = *ort::g_api;
    std::vector<int64_t> shape = {rows_};
    shape.insert(shape.end(), task_.row_shape.begin(), task_.row_shape.end());
    const std::vector<int64_t> output_shape = {rows_, task_.output_elements};
    auto* allocator = memory_.host_allocator.get();
    const size_t row_bytes = task_.RowBytes();
    const auto rows = static_cast<size_t>(rows_);
    BoundBatch batch{{allocator, rows * row_bytes},
                     {allocator, ElementCount(output_shape) * sizeof(float)},
                     nullptr,
                     nullptr,
                     nullptr};
    for (size_t row = 0; row < rows; row++) {
      const size_t from = *next_row * row_bytes;
      std::memcpy(batch.input.bytes() + row * row_bytes, task_.rows.data() + from, row_bytes);
      *next_row = (*next_row + 1) % (task_.rows.size() / row_bytes);
    }
    batch.input_tensor = TensorOver(memory_.host.get(), batch.input, shape, task_.datatype.code);
    batch.output_tensor = TensorOver(memory_.output.get(), batch.output, output_shape, ort::kFloat);
    Check(api.CreateIoBinding(session_.get(), ort::Out(batch.binding)));
    BindInput(batch);
    if (is_resident_)
      Check(api.BindOutputToDevice(batch.binding.get(), "OUTPUT", memory_.device.get()));
    else
      Check(api.BindOutput(batch.binding.get(), "OUTPUT", batch.output_tensor.get()));
    return batch;
  }

  // The runtime copies to the device when an input is bound.
  static void BindInput(const BoundBatch& batch) {
    Check(ort::g_api->BindInput(batch.binding.get(), "INPUT", batch.input_tensor.get()));
  }

  void RunBatch(const BoundBatch& batch) const {
    if (!is_resident_) BindInput(batch);
    Check(ort::g_api->RunWithBinding(session_.get(), nullptr, batch.binding.get()));
  }

  const Task& task_;
  // In this order: memory is of a session, batches of both.
  ort::OwnedSession session_;
  Memory memory_;
  std::vector<BoundBatch> batches_;
  bool is_resident_ = false;
  int64_t rows_ = 0;
};

// Opens sessions and keeps them, as a server keeps its models, which also returns free memory.
void OpenMany(const ort::Env* env, const Task& task, int count) {
  static std::vector<ort::OwnedSession> kept;
  kept.clear();
  malloc_trim(0);
  const int64_t bytes = ResidentBytes();
  const double micros = CpuMicroseconds();
  // As the server does: threads of models that nobody calls must not spin.
  for (int i = 0; i < count; i++) kept.push_back(OpenSession(env, task, false));
  std::printf("%.0f %lld\n", CpuMicroseconds() - micros, static_cast<long long>(ResidentBytes() - bytes));
}

void Obey(const std::string& line, const ort::Env* env, const Task& task, Loop* loop) {
  std::istringstream words(line);
  std::string command;
  std::string mode;
  int64_t rows = 0;
  size_t batch_count = 0;
  int count = 0;
  words >> command;
  if (command == "bind" && words >> mode >> rows >> batch_count && rows > 0 && batch_count > 0) {
    if (mode != "resident" && mode != "host") Fail("unknown mode: " + mode);
    loop->Bind(mode == "resident", rows, batch_count);
    std::printf("ok\n");
  } else if (command == "run" && words >> count && count > 0) {
    loop->Run(count);
  } else if (command == "answers") {
    loop->PrintAnswers();
  } else if (command == "open" && words >> count && count >= 0) {
    OpenMany(env, task, count);
  } else {
    Fail("unknown command: " + line);
  }
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const Task task = ReadTask(argc, argv);
  ort::Library library;
  const std::string failure = ort::OpenLibrary(task.library, &library);
  if (!failure.empty()) Fail(failure);
  ort::g_api = &library.api;

  // Never released: nothing that could still use it outlives main.
  ort::Env* env = nullptr;
  Check(library.api.CreateEnvWithCustomLogger(IgnoreLog, nullptr, ort::kWarning, "bare_loop", &env));
  Loop loop(env, task);
  std::string line;
  while (std::getline(std::cin, line)) Obey(line, env, task, &loop);
  return 0;
}
