// Opening models, and running batches one at a time.
#include <atomic>
#include <cstring>
#include <deque>
#include <memory>
#include <thread>

#include "test/batches.h"
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

TEST("writes outputs where they are wanted, if they fit and the address is good for numbers") {
  auto session = Open(UnaryModel("Neg", ort::kFloat, {-1, 2}));
  REQUIRE(session.ok());
  auto runner = BatchRunner::Create(session.value());
  REQUIRE(runner.ok());
  struct Offer {
    size_t at;
    size_t bytes;
    bool is_taken;
  };
  alignas(64) std::byte memory[64];
  Job job;
  // The first run of a kind copies, the later ones are bound; each offer comes in both ways.
  for (int turn = 0; turn < 4; turn++) {
    for (const Offer offer : {Offer{8, 16, true}, Offer{8, 15, false}, Offer{4, 16, false},
                              Offer{0, 64, true}, Offer{0, 0, false}}) {
      const auto number = static_cast<float>(turn + 1);
      const std::vector<float> numbers(4, number);
      std::memset(memory, 0x55, sizeof(memory));
      Fill(&job, {reinterpret_cast<const char*>(numbers.data()), 16}, {2, 2});
      job.target = {memory + offer.at, offer.bytes};
      runner.value()->Run(&job);
      REQUIRE(job.status.ok());
      CHECK_EQUAL(job.is_in_target, offer.is_taken);
      CHECK_EQUAL(job.slab >= 0, !offer.is_taken);
      if (!offer.is_taken) {
        CHECK(memory[offer.at] == std::byte{0x55});
        Release(*runner.value(), job);
        continue;
      }
      float first = 0;
      std::memcpy(&first, memory + offer.at, sizeof(first));
      CHECK_EQUAL(first, -number);
      CHECK(memory[offer.at + 16] == std::byte{0x55});
    }
  }
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
    for (size_t rows = 0; rows < 3 * PlanCache::kMaxPlans; rows++) {
      Fill(&job, std::string_view(zeros).substr(0, rows * 4), {static_cast<int64_t>(rows)});
      runner.value()->Run(&job);
      REQUIRE(job.status.ok());
      CHECK_EQUAL(job.outputs[0].bytes, rows * 4);
      Release(*runner.value(), job);
    }
  }
}

TEST("runs a batch with effects once, also where a shape was predicted wrongly") {
  auto session = Open(UnaryModel("NonZero", ort::kFloat, {4}, ort::kInt64));
  REQUIRE(session.ok());
  auto runner = BatchRunner::Create(session.value());
  REQUIRE(runner.ok());
  Job job;
  for (const float last : {1.0f, 0.0f}) {
    const float numbers[] = {1, 1, 1, last};
    Fill(&job, {reinterpret_cast<const char*>(numbers), sizeof(numbers)}, {4});
    job.has_effects = true;
    runner.value()->Run(&job);
    REQUIRE(job.status.ok());
    CHECK_EQUAL(job.outputs[0].shape[1], last == 1.0f ? 4 : 3);
    Release(*runner.value(), job);
  }
  // Nothing was predicted, so nothing was disproved.
  CHECK(!session.value()->IsOutputUnpredictable(0));
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
