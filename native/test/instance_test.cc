// Instances with threads of their own: order, ending early, stopping, and whose log lines are whose.
#include "engine/instance.h"

#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>

#include "test/batches.h"
#include "test/harness.h"
#include "test/onnx_bytes.h"

namespace nereid::test {
namespace {

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

TEST("runs instances of one session side by side") {
  auto session = Open(UnaryModel("Neg", ort::kFloat, {-1, 2}));
  REQUIRE(session.ok());
  constexpr int kInstances = 4;
  constexpr int kJobs = 200;
  Recorder recorder;
  InstanceThreads threads(&recorder);
  std::vector<std::unique_ptr<Instance>> instances;
  for (int i = 0; i < kInstances; i++) {
    auto instance = Instance::Create(session.value(), i, &threads, &recorder, &recorder);
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

/// Jobs with the tickets 1, 2, 3 …, all handed over.
std::vector<Job> SubmitAll(Instance* instance, const std::string& bytes, size_t count) {
  std::vector<Job> jobs(count);
  for (size_t i = 0; i < count; i++) {
    Fill(&jobs[i], bytes, {});
    jobs[i].ticket = i + 1;
    instance->Submit(&jobs[i]);
  }
  return jobs;
}

TEST("ends the batch that a ticket names: while it runs, and before it runs") {
  auto endless = Open(EndlessModel());
  REQUIRE(endless.ok());
  Recorder recorder;
  InstanceThreads threads(&recorder);
  auto created = Instance::Create(endless.value(), 0, &threads, &recorder, &recorder);
  REQUIRE(created.ok());
  auto& instance = *created.value();
  instance.End(1);
  const std::string zero(4, '\0');
  auto jobs = SubmitAll(&instance, zero, 3);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  // The one that waits: nothing happens to the one that runs.
  instance.End(2);
  instance.End(99);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK_EQUAL(recorder.done(), 0);
  instance.End(1);
  recorder.WaitFor(2);
  CHECK(jobs[0].status.code == Code::kCancelled);
  CHECK(jobs[1].status.code == Code::kCancelled);
  CHECK(jobs[0].infer_ns > 0);
  CHECK_EQUAL(jobs[1].infer_ns, 0);
  // Both are over: their tickets do nothing to the third.
  instance.End(1);
  instance.End(2);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK_EQUAL(recorder.done(), 2);
  instance.End(3);
  recorder.WaitFor(3);
  CHECK(jobs[2].status.code == Code::kCancelled);
}

TEST("ends no batch but the named one, whenever the ticket comes") {
  auto session = Open(UnaryModel("Neg", ort::kFloat, {-1, 2}));
  REQUIRE(session.ok());
  Recorder recorder;
  InstanceThreads threads(&recorder);
  auto created = Instance::Create(session.value(), 0, &threads, &recorder, &recorder);
  REQUIRE(created.ok());
  auto& instance = *created.value();
  const std::string zeros(65536, '\0');
  constexpr int kRounds = 2000;
  for (int round = 0; round < kRounds; round++) {
    Job ended;
    Job stays;
    Fill(&ended, zeros, {8192, 2});
    Fill(&stays, zeros, {8192, 2});
    ended.ticket = 2 * static_cast<uint64_t>(round) + 1;
    stays.ticket = ended.ticket + 1;
    instance.Submit(&ended);
    instance.Submit(&stays);
    // Somewhere between before the first begins and after the second is done.
    for (int spin = 0; spin < round % 100; spin++) std::this_thread::yield();
    instance.End(ended.ticket);
    recorder.WaitFor(2 * (round + 1));
    CHECK(ended.status.ok() || ended.status.code == Code::kCancelled);
    CHECK(stays.status.ok());
    if (ended.slab >= 0) Release(instance.runner(), ended);
    if (stays.slab >= 0) Release(instance.runner(), stays);
  }
}

TEST("stops while batches run and wait") {
  auto endless = Open(EndlessModel());
  REQUIRE(endless.ok());
  for (int turn = 0; turn < 5; turn++) {
    Recorder recorder;
    InstanceThreads threads(&recorder);
    auto instance = Instance::Create(endless.value(), 0, &threads, &recorder, &recorder);
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
  InstanceThreads threads(&mine);
  Recorder other;
  AttachLogSink(&other);
  AttachLogSink(&mine);
  auto session = Open(EndlessModel());
  REQUIRE(session.ok());
  auto instance = Instance::Create(session.value(), 0, &threads, &mine, &mine);
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
  for (const auto& line : mine.lines()) {
    CHECK_EQUAL(line.label, "test:1");
    // The run failed, which its job tells.
    CHECK(line.severity < ort::kWarning);
  }
}

}  // namespace
}  // namespace nereid::test
