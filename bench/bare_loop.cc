// The upper bound that a server is measured against: one session, whole batches that lie ready in memory, bound once,
// run again and again on one thread. No queue, no protocol, no copies. One float input INPUT, one float output OUTPUT.
//
//   bare_loop LIBRARY MODEL BATCHES_FILE THREADS OUTPUT_ELEMENTS_PER_ROW ROWS DIM...
//
// BATCHES_FILE holds whole batches of ROWS x DIM... floats. Commands on standard input, one answer line each:
//   run MILLISECONDS   ->  rows, seconds and CPU microseconds
//   answers            ->  every output element of every batch, in order

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "ort/handles.h"
#include "ort/library.h"

namespace {

namespace ort = nereid::ort;

constexpr int kEnableAllOptimizations = 99;
constexpr int kFirstDimArgument = 6;

[[noreturn]] void Fail(const std::string& reason) {
  std::fprintf(stderr, "bare_loop: %s\n", reason.c_str());
  std::exit(1);
}

void Check(ort::Status* status) {
  if (status != nullptr) Fail(ort::g_api->GetErrorMessage(status));
}

void IgnoreLog(void*, int, const char*, const char*, const char*, const char*) {}

std::vector<float> ReadFloats(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  if (bytes.empty() || bytes.size() % sizeof(float) != 0) Fail(std::string("expected floats in ") + path);
  std::vector<float> values(bytes.size() / sizeof(float));
  bytes.copy(reinterpret_cast<char*>(values.data()), bytes.size());
  return values;
}

size_t ElementCount(const std::vector<int64_t>& shape) {
  size_t count = 1;
  for (const int64_t dim : shape) count *= static_cast<size_t>(dim);
  return count;
}

ort::OwnedValue TensorOver(const ort::MemoryInfo* memory, float* values, const std::vector<int64_t>& shape) {
  ort::OwnedValue tensor;
  Check(ort::g_api->CreateTensorWithDataAsOrtValue(memory, values, ElementCount(shape) * sizeof(float), shape.data(),
                                                   shape.size(), ort::kFloat, ort::Out(tensor)));
  return tensor;
}

// One batch with its tensors and their binding; it stays where it is once bound.
struct BoundBatch {
  std::vector<float> outputs;
  ort::OwnedValue input_tensor;
  ort::OwnedValue output_tensor;
  ort::OwnedIoBinding binding;
};

double CpuMicroseconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto micros = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

void Run(ort::Session* session, const std::vector<BoundBatch>& batches, int64_t rows, int milliseconds) {
  using Clock = std::chrono::steady_clock;
  const double cpu_start = CpuMicroseconds();
  const auto start = Clock::now();
  const auto end = start + std::chrono::milliseconds(milliseconds);
  int64_t done = 0;
  while (Clock::now() < end) {
    const BoundBatch& batch = batches[static_cast<size_t>(done) % batches.size()];
    Check(ort::g_api->RunWithBinding(session, nullptr, batch.binding.get()));
    done++;
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("%lld %.6f %.0f\n", static_cast<long long>(done * rows), seconds, CpuMicroseconds() - cpu_start);
}

void PrintAnswers(ort::Session* session, const std::vector<BoundBatch>& batches) {
  for (const BoundBatch& batch : batches) {
    Check(ort::g_api->RunWithBinding(session, nullptr, batch.binding.get()));
    for (const float value : batch.outputs) std::printf("%.9g ", static_cast<double>(value));
  }
  std::printf("\n");
}

ort::OwnedSession OpenSession(const ort::Env* env, const char* model, int threads) {
  const ort::Api& api = *ort::g_api;
  ort::OwnedSessionOptions options;
  Check(api.CreateSessionOptions(ort::Out(options)));
  Check(api.SetSessionGraphOptimizationLevel(options.get(), kEnableAllOptimizations));
  Check(api.SetIntraOpNumThreads(options.get(), threads));
  ort::OwnedSession session;
  Check(api.CreateSession(env, model, options.get(), ort::Out(session)));
  return session;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < kFirstDimArgument + 2) Fail("expected LIBRARY MODEL BATCHES_FILE THREADS OUTPUT_ELEMENTS ROWS DIM...");
  ort::Library library;
  const std::string failure = ort::OpenLibrary(argv[1], &library);
  if (!failure.empty()) Fail(failure);
  ort::g_api = &library.api;

  // The environment is never released: nothing that could still use it outlives main.
  ort::Env* env = nullptr;
  Check(library.api.CreateEnvWithCustomLogger(IgnoreLog, nullptr, ort::kWarning, "bare_loop", &env));
  const ort::OwnedSession session = OpenSession(env, argv[2], std::atoi(argv[4]));
  ort::OwnedMemoryInfo memory;
  Check(library.api.CreateCpuMemoryInfo(ort::kArenaAllocator, ort::kDefaultMemory, ort::Out(memory)));

  std::vector<float> inputs = ReadFloats(argv[3]);
  std::vector<int64_t> shape;
  for (int i = kFirstDimArgument; i < argc; i++) shape.push_back(std::atoll(argv[i]));
  const int64_t rows = shape[0];
  const std::vector<int64_t> output_shape = {rows, std::atoll(argv[5])};
  const size_t batch_elements = ElementCount(shape);
  if (batch_elements == 0 || inputs.size() % batch_elements != 0) Fail("expected whole batches in the file");

  std::vector<BoundBatch> batches(inputs.size() / batch_elements);
  for (size_t i = 0; i < batches.size(); i++) {
    BoundBatch& batch = batches[i];
    batch.outputs.resize(ElementCount(output_shape));
    batch.input_tensor = TensorOver(memory.get(), inputs.data() + i * batch_elements, shape);
    batch.output_tensor = TensorOver(memory.get(), batch.outputs.data(), output_shape);
    Check(library.api.CreateIoBinding(session.get(), ort::Out(batch.binding)));
    Check(library.api.BindInput(batch.binding.get(), "INPUT", batch.input_tensor.get()));
    Check(library.api.BindOutput(batch.binding.get(), "OUTPUT", batch.output_tensor.get()));
  }

  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string command;
    int milliseconds = 0;
    words >> command >> milliseconds;
    if (command == "run" && milliseconds > 0) Run(session.get(), batches, rows, milliseconds);
    else if (command == "answers") PrintAnswers(session.get(), batches);
    else Fail("unknown command: " + line);
    std::fflush(stdout);
  }
  return 0;
}
