// Opening models, and running batches on instances with threads of their own.
#include <atomic>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "engine/instance.h"
#include "test/harness.h"
#include "test/onnx_bytes.h"

namespace nereid::test {
namespace {

std::string Wire(const std::vector<std::string>& elements) {
  std::string wire;
  for (const auto& element : elements) {
    const auto length = static_cast<uint32_t>(element.size());
    wire.append(reinterpret_cast<const char*>(&length), sizeof(length));
    wire += element;
  }
  return wire;
}

/// Waits for jobs and collects the runtime's lines.
class Recorder : public JobListener, public LogSink {
 public:
  void JobDone(Instance*, Job*) noexcept override {
    const std::lock_guard lock(mutex_);
    done_++;
    wake_.notify_all();
  }
  void Write(LogLine line) noexcept override {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  void WaitFor(int count) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return done_ >= count; });
  }
  int done() {
    const std::lock_guard lock(mutex_);
    return done_;
  }
  std::vector<LogLine> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  int done_ = 0;
  std::vector<LogLine> lines_;
};

void Fill(Job* job, std::string_view bytes, std::vector<int64_t> shape, size_t parts = 1) {
  job->inputs.resize(1);
  job->input_count = 1;
  job->inputs[0].index = 0;
  job->inputs[0].shape = std::move(shape);
  job->inputs[0].parts.clear();
  const size_t step = bytes.size() / parts;
  for (size_t i = 0; i < parts; i++) {
    const auto part = bytes.substr(i * step, i + 1 == parts ? std::string_view::npos : step);
    job->inputs[0].parts.emplace_back(reinterpret_cast<const std::byte*>(part.data()), part.size());
  }
  job->wanted = {0};
}

std::string OutputBytes(BatchRunner& runner, const Job& job) {
  const auto block = runner.outputs().BlockOf(job.slab);
  return {reinterpret_cast<const char*>(block->data()) + job.outputs[0].offset, job.outputs[0].bytes};
}

void Release(BatchRunner& runner, const Job& job) {
  std::vector<int32_t> dropped;
  runner.outputs().Release(job.slab, &dropped);
}

TEST("reads a signature and refuses what is no tensor") {
  auto session = Open(UnaryModel("Neg", ort::kFloat, {-1, 3}));
  REQUIRE(session.ok());
  const auto& signature = session.value()->signature();
  CHECK_EQUAL(signature.inputs.size(), 1u);
  CHECK_EQUAL(signature.inputs[0].name, "x");
  CHECK((signature.inputs[0].shape == std::vector<int64_t>{-1, 3}));
  auto refused = Open(SequenceModel());
  REQUIRE(!refused.ok());
  CHECK(refused.status().code == Code::kUnimplemented);
  CHECK(refused.status().message.find("'s' has type sequence(tensor(float))") != std::string::npos);
}

TEST("refuses bytes that are no model") {
  for (const std::string bytes : {"x", "\x08\x08\x3a\x05garb", "PK\x03\x04"}) {
    auto session = Open(bytes);
    REQUIRE(!session.ok());
    CHECK(session.status().code == Code::kInvalidArgument);
    CHECK(!session.status().message.empty());
  }
}

TEST("runs batches of one part, of several, and at odd addresses") {
  auto session = Open(UnaryModel("Neg", ort::kFloat, {-1, 2}));
  REQUIRE(session.ok());
  auto runner = BatchRunner::Create(session.value());
  REQUIRE(runner.ok());
  const float numbers[] = {1, 2, 3, 4};
  std::string bytes(1, '?');
  bytes.append(reinterpret_cast<const char*>(numbers), sizeof(numbers));
  const float negated[] = {-1, -2, -3, -4};
  const std::string expected(reinterpret_cast<const char*>(negated), sizeof(negated));
  Job job;
  for (int turn = 0; turn < 4; turn++) {
    for (const size_t parts : {1, 2, 4}) {
      Fill(&job, std::string_view(bytes).substr(1), {2, 2}, parts);
      runner.value()->Run(&job);
      REQUIRE(job.status.ok());
      CHECK(OutputBytes(*runner.value(), job) == expected);
      CHECK(job.infer_ns > 0);
      Release(*runner.value(), job);
    }
  }
}

TEST("reads and writes where each batch lies, while answers to earlier ones are still looked at") {
  auto session = Open(UnaryModel("Neg", ort::kFloat, {-1, 2}));
  REQUIRE(session.ok());
  auto runner = BatchRunner::Create(session.value());
  REQUIRE(runner.ok());
  // Each batch brings memory of its own, which is gone with the next one, and up to four slabs are held.
  std::deque<std::pair<Job, float>> held;
  for (int turn = 0; turn < 64; turn++) {
    const int64_t rows = 1 + turn % 3;
    const auto number = static_cast<float>(turn);
    const std::vector<float> numbers(static_cast<size_t>(rows) * 2, number);
    const auto given = std::make_unique<std::string>(reinterpret_cast<const char*>(numbers.data()),
                                                     numbers.size() * sizeof(float));
    auto& [job, value] = held.emplace_back(Job{}, number);
    Fill(&job, *given, {rows, 2});
    runner.value()->Run(&job);
    REQUIRE(job.status.ok());
    for (const auto& [earlier, expected] : held) {
      const std::string bytes = OutputBytes(*runner.value(), earlier);
      float found = 0;
      std::memcpy(&found, bytes.data(), sizeof(found));
      CHECK_EQUAL(found, -expected);
    }
    if (held.size() <= static_cast<size_t>(turn % 5)) continue;
    Release(*runner.value(), held.front().first);
    held.pop_front();
  }
  for (const auto& [job, value] : held) Release(*runner.value(), job);
}

TEST("carries strings with NULs, empty ones and long ones") {
  auto session = Open(UnaryModel("Identity", ort::kString, {-1}));
  REQUIRE(session.ok());
  auto runner = BatchRunner::Create(session.value());
  REQUIRE(runner.ok());
  const std::string wire = Wire({std::string("a\0b", 3), "", std::string(100000, 'x'), "\xff\xfe"});
  Job job;
  for (int turn = 0; turn < 3; turn++) {
    Fill(&job, wire, {4});
    runner.value()->Run(&job);
    REQUIRE(job.status.ok());
    CHECK(OutputBytes(*runner.value(), job) == wire);
    Release(*runner.value(), job);
    Fill(&job, "", {0});
    runner.value()->Run(&job);
    REQUIRE(job.status.ok());
    CHECK_EQUAL(job.outputs[0].bytes, 0u);
    Release(*runner.value(), job);
  }
  for (const std::string& wrong :
       {wire.substr(0, 9), wire + "x", std::string(3, '\xff'), std::string(4, '\xff')}) {
    Fill(&job, wrong, {4});
    runner.value()->Run(&job);
    CHECK(job.status.code == Code::kInvalidArgument);
  }
}

TEST("follows a shape that changes with the values") {
  auto session = Open(UnaryModel("NonZero", ort::kFloat, {4}, ort::kInt64));
  REQUIRE(session.ok());
  auto runner = BatchRunner::Create(session.value());
  REQUIRE(runner.ok());
  Job job;
  for (int turn = 0; turn < 16; turn++) {
    float numbers[4];
    for (int i = 0; i < 4; i++) numbers[i] = (turn >> i & 1) != 0 ? 1.0f : 0.0f;
    Fill(&job, {reinterpret_cast<const char*>(numbers), sizeof(numbers)}, {4});
    runner.value()->Run(&job);
    REQUIRE(job.status.ok());
    CHECK_EQUAL(job.outputs[0].shape[1], __builtin_popcount(static_cast<unsigned>(turn)));
    Release(*runner.value(), job);
  }
}

TEST("takes more kinds of batches than it keeps prepared") {
  auto session = Open(UnaryModel("Neg", ort::kFloat, {-1}));
  REQUIRE(session.ok());
  auto runner = BatchRunner::Create(session.value());
  REQUIRE(runner.ok());
  const std::string zeros(4000, '\0');
  Job job;
  for (int round = 0; round < 2; round++) {
    for (size_t rows = 0; rows < 3 * BatchRunner::kMaxPlans; rows++) {
      Fill(&job, std::string_view(zeros).substr(0, rows * 4), {static_cast<int64_t>(rows)});
      runner.value()->Run(&job);
      REQUIRE(job.status.ok());
      CHECK_EQUAL(job.outputs[0].bytes, rows * 4);
      Release(*runner.value(), job);
    }
  }
}

TEST("runs instances of one session side by side") {
  auto session = Open(UnaryModel("Neg", ort::kFloat, {-1, 2}));
  REQUIRE(session.ok());
  constexpr int kInstances = 4;
  constexpr int kJobs = 200;
  Recorder recorder;
  std::vector<std::unique_ptr<Instance>> instances;
  for (int i = 0; i < kInstances; i++) {
    auto instance = Instance::Create(session.value(), i, &recorder, &recorder);
    REQUIRE(instance.ok());
    instances.push_back(std::move(instance.value()));
  }
  const float numbers[] = {1, 2, 3, 4};
  const std::string bytes(reinterpret_cast<const char*>(numbers), sizeof(numbers));
  std::vector<Job> jobs(kInstances * kJobs);
  for (size_t i = 0; i < jobs.size(); i++) {
    Fill(&jobs[i], bytes, {2, 2}, 1 + i % 2);
    instances[i % kInstances]->Submit(&jobs[i]);
  }
  recorder.WaitFor(kInstances * kJobs);
  for (size_t i = 0; i < jobs.size(); i++) {
    CHECK(jobs[i].status.ok());
    float first = 0;
    std::memcpy(&first, OutputBytes(instances[i % kInstances]->runner(), jobs[i]).data(), sizeof(first));
    CHECK_EQUAL(first, -1.0f);
    Release(instances[i % kInstances]->runner(), jobs[i]);
  }
}

TEST("ends the oldest batch early and runs the next one") {
  auto endless = Open(EndlessModel());
  REQUIRE(endless.ok());
  Recorder recorder;
  auto created = Instance::Create(endless.value(), 0, &recorder, &recorder);
  REQUIRE(created.ok());
  auto& instance = *created.value();
  instance.Terminate();
  const std::string zero(4, '\0');
  std::vector<Job> jobs(3);
  for (auto& job : jobs) {
    Fill(&job, zero, {});
    instance.Submit(&job);
  }
  for (int i = 0; i < 3; i++) {
    CHECK_EQUAL(recorder.done(), i);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    instance.Terminate();
    recorder.WaitFor(i + 1);
    CHECK(jobs[static_cast<size_t>(i)].status.code == Code::kCancelled);
  }
}

TEST("stops while batches run and wait") {
  auto endless = Open(EndlessModel());
  REQUIRE(endless.ok());
  for (int turn = 0; turn < 5; turn++) {
    Recorder recorder;
    auto instance = Instance::Create(endless.value(), 0, &recorder, &recorder);
    REQUIRE(instance.ok());
    const std::string zero(4, '\0');
    std::vector<Job> jobs(3);
    for (auto& job : jobs) {
      Fill(&job, zero, {});
      instance.value()->Submit(&job);
    }
    instance.value()->Stop();
    CHECK_EQUAL(recorder.done(), 3);
    for (const auto& job : jobs) CHECK(job.status.code == Code::kCancelled);
  }
}

TEST("brings the runtime's lines to the environment that caused them, with the model's label") {
  Recorder mine;
  Recorder other;
  AttachLogSink(&other);
  AttachLogSink(&mine);
  auto session = Open(EndlessModel());
  REQUIRE(session.ok());
  auto instance = Instance::Create(session.value(), 0, &mine, &mine);
  REQUIRE(instance.ok());
  const std::string zero(4, '\0');
  Job job;
  Fill(&job, zero, {});
  instance.value()->Submit(&job);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  instance.value()->Stop();
  DetachLogSink(&mine);
  DetachLogSink(&other);
  CHECK(other.lines().empty());
  CHECK(!mine.lines().empty());
  for (const auto& line : mine.lines()) CHECK_EQUAL(line.label, "test:1");
}

TEST("opens and closes sessions from several threads") {
  std::atomic<int> opened = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; i++) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 5; turn++)
        if (Open(UnaryModel("Neg", ort::kFloat, {-1, 2})).ok()) opened++;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK_EQUAL(opened.load(), 15);
}

}  // namespace
}  // namespace nereid::test
