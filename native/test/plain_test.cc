// Code that needs no session: arithmetic, slabs, the runtime's texts, frames.
#include <cstring>
#include <limits>

#include "binding/job_frame.h"
#include "engine/datatype.h"
#include "engine/gather.h"
#include "engine/ort_status.h"
#include "engine/slab_pool.h"
#include "test/harness.h"

namespace nereid::test {
namespace {

std::span<const std::byte> Span(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

TEST("counts elements without overflowing") {
  using Shape = std::vector<int64_t>;
  CHECK_EQUAL(ElementCount(Shape{}).value(), 1u);
  CHECK_EQUAL(ElementCount(Shape{2, 3}).value(), 6u);
  CHECK_EQUAL(ElementCount(Shape{0, 1LL << 62, 1LL << 62}).value(), 0u);
  CHECK(!ElementCount(Shape{-1, 3}));
  CHECK(!ElementCount(Shape{0, -1}));
  CHECK(!ElementCount(Shape{1LL << 32, 1LL << 32}));
  CHECK(!TensorBytes(Shape{1LL << 61}, 8));
  CHECK_EQUAL(TensorBytes(Shape{3}, 8).value(), 24u);
}

TEST("knows the fourteen datatypes and refuses the rest") {
  size_t known = 0;
  for (int code = -2; code < 40; code++) known += DatatypeOfCode(code) != nullptr ? 1 : 0;
  CHECK_EQUAL(known, kDatatypes.size());
  CHECK(DatatypeOfCode(17) == nullptr);
  CHECK_EQUAL(ElementTypeName(22), "int4");
  CHECK_EQUAL(ElementTypeName(1000), "element type 1000");
}

TEST("gathers parts back to back, empty ones too") {
  const std::span<const std::byte> parts[] = {Span("ab"), {}, Span("c")};
  std::byte to[3];
  CHECK_EQUAL(TotalBytes(parts), 3u);
  Gather(parts, to);
  CHECK(std::memcmp(to, "abc", 3) == 0);
}

TEST("uses a slab again and keeps those in use apart") {
  SlabPool pool(nullptr);
  auto first = pool.Acquire(1000, 1000);
  auto second = pool.Acquire(1000, 1000);
  REQUIRE(first.ok() && second.ok());
  CHECK(first.value().id != second.value().id);
  CHECK_EQUAL(reinterpret_cast<uintptr_t>(first.value().block->data()) % kSlabAlignment, 0u);
  std::vector<int32_t> dropped;
  pool.Release(second.value().id, &dropped);
  auto third = pool.Acquire(500, 500);
  REQUIRE(third.ok());
  CHECK_EQUAL(third.value().id, second.value().id);
  CHECK(dropped.empty());
}

/// Takes `count` slabs at once and gives them back, in the same order.
static void TakeAndRelease(SlabPool* pool, int count, size_t bytes, std::vector<int32_t>* dropped) {
  std::vector<Slab> held;
  for (int i = 0; i < count; i++) {
    auto slab = pool->Acquire(bytes, bytes);
    REQUIRE(slab.ok());
    held.push_back(slab.value());
  }
  for (const auto& slab : held) pool->Release(slab.id, dropped);
}

TEST("drops slabs of odd sizes") {
  SlabPool pool(nullptr);
  std::vector<int32_t> dropped;
  auto odd = pool.Acquire(size_t{64} << 20, 0);
  REQUIRE(odd.ok());
  pool.Release(odd.value().id, &dropped);
  for (uint64_t turn = 0; turn <= SlabPool::kMaxIdleTurns + 1; turn++)
    TakeAndRelease(&pool, 1, 100, &dropped);
  CHECK(dropped.size() == 1 && dropped[0] == odd.value().id);
  CHECK(pool.TotalBytes() < 1000);
}

TEST("keeps as many slabs as batches have on their way, and drops them when fewer do") {
  SlabPool pool(nullptr);
  std::vector<int32_t> dropped;
  for (int round = 0; round < 100; round++) TakeAndRelease(&pool, 64, 100, &dropped);
  CHECK(dropped.empty());
  CHECK_EQUAL(pool.TotalBytes(), 64 * AlignUp(100));
  for (uint64_t turn = 0; turn <= SlabPool::kMaxIdleTurns + 64; turn += 2)
    TakeAndRelease(&pool, 2, 100, &dropped);
  CHECK_EQUAL(dropped.size(), 62u);
  CHECK_EQUAL(pool.TotalBytes(), 2 * AlignUp(100));
}

TEST("bounds the bytes of free slabs, however many batches were on their way") {
  SlabPool pool(nullptr);
  std::vector<int32_t> dropped;
  constexpr size_t kBytes = SlabPool::kMaxFreeBytes / 4;
  TakeAndRelease(&pool, 6, kBytes, &dropped);
  CHECK_EQUAL(dropped.size(), 2u);
  CHECK_EQUAL(pool.TotalBytes(), SlabPool::kMaxFreeBytes);
}

TEST("drops a slab that nothing has needed for long") {
  SlabPool pool(nullptr);
  std::vector<int32_t> dropped;
  auto slab = pool.Acquire(1000, 1000);
  REQUIRE(slab.ok());
  pool.Age(SlabPool::kMaxIdleTurns + 1);
  CHECK(pool.TotalBytes() > 0);
  pool.Release(slab.value().id, &dropped);
  pool.Age(1);
  CHECK_EQUAL(pool.TotalBytes(), 0u);
}

TEST("ignores a slab that is not in use") {
  SlabPool pool(nullptr);
  std::vector<int32_t> dropped;
  pool.Release(-1, &dropped);
  pool.Release(7, &dropped);
  auto slab = pool.Acquire(1, 1);
  REQUIRE(slab.ok());
  pool.Release(slab.value().id, &dropped);
  pool.Release(slab.value().id, &dropped);
  CHECK(dropped.empty());
}

TEST("drops the slabs that were not used between two trims, and none in use") {
  SlabPool pool(nullptr);
  std::vector<int32_t> dropped;
  auto held = pool.Acquire(100, 100);
  auto idle = pool.Acquire(100, 100);
  REQUIRE(held.ok() && idle.ok());
  pool.Release(idle.value().id, &dropped);
  CHECK_EQUAL(pool.Trim(&dropped), 2u);
  CHECK(dropped.empty());
  CHECK_EQUAL(pool.Trim(&dropped), 1u);
  CHECK(dropped == std::vector<int32_t>{idle.value().id});
  pool.Release(held.value().id, &dropped);
  CHECK_EQUAL(pool.Trim(&dropped), 0u);
  CHECK_EQUAL(pool.TotalBytes(), 0u);
}

TEST("says so when there is no memory for a slab") {
  SlabPool pool(nullptr);
  auto slab = pool.Acquire(std::numeric_limits<size_t>::max() / 4, 0);
  REQUIRE(!slab.ok());
  CHECK(slab.status().code == Code::kResourceExhausted);
}

TEST("leaves places in the runtime's source out of its messages") {
  CHECK_EQUAL(WithoutSourceLocation("failed:/a/b.cc:12 int a::B::C(const D&, E<F>) const text (x) y\n"),
              "failed:text (x) y");
  CHECK_EQUAL(WithoutSourceLocation("/a/b.h:46 Function text"), "text");
  CHECK_EQUAL(WithoutSourceLocation("/a/b.cc:1 a::B(const std::string&)::<lambda()> text"), "text");
  CHECK_EQUAL(WithoutSourceLocation("model.cc: not a place"), "model.cc: not a place");
  CHECK_EQUAL(WithoutSourceLocation("ends with /a/b.cc:12"), "ends with ");
  CHECK_EQUAL(WithoutSourceLocation("/a/b.cc:12 a::b("), "");
  CHECK_EQUAL(WithoutSourceLocation(""), "");
}

JobFrame MakeFrame(std::vector<double> numbers) {
  JobFrame frame;
  frame.control_block = HostBlock::Allocate(32 * sizeof(double), nullptr).value();
  frame.input_block = HostBlock::Allocate(128, nullptr).value();
  std::ranges::fill(frame.control(), 0);
  std::ranges::copy(numbers, frame.control().begin());
  return frame;
}

TEST("reads a batch out of a frame's numbers") {
  // Two inputs: one in the frame at offset 64, one in two parts of its own; output 1 wanted.
  auto frame = MakeFrame({2, 1, 4, 77, 1, 0, 64, 8, 0, 1, 2, 3, 0, 0, 2, 2, 5, 6, 1});
  const std::span<const std::byte> parts[] = {Span("ab"), Span("c")};
  REQUIRE(ReadRequest(&frame, parts));
  const Job& job = frame.job;
  CHECK_EQUAL(job.input_count, 2u);
  CHECK_EQUAL(job.growth, 4u);
  CHECK_EQUAL(job.ticket, 77u);
  CHECK(job.has_effects && !job.returns_memory);
  CHECK(job.inputs[0].shape == std::vector<int64_t>{2});
  CHECK(job.inputs[0].parts.size() == 1 && job.inputs[0].parts[0].data() == frame.input_block->data() + 64);
  CHECK(job.inputs[1].index == 3 && job.inputs[1].parts.size() == 2);
  CHECK((job.inputs[1].shape == std::vector<int64_t>{5, 6}));
  CHECK(job.wanted == std::vector<size_t>{1});
}

TEST("refuses numbers of a frame that would reach outside its memory") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::vector<double>> wrong = {
      {1e9, 0, 1, 0, 0},                 // more inputs than there is room for
      {0, 1e9, 1, 0, 0},                 // more outputs
      {1, 0, 1, 0, 0, 0, 64, 65, 0, 0},  // beyond the input block
      {1, 0, 1, 0, 0, 0, 1e18, 0, 0, 0},
      {1, 0, 1, 0, 0, 0, -1, 8, 0, 0},
      {1, 0, 1, 0, 0, 0, 0, 8, 0, 1e6},  // more dimensions than numbers
      {1, 0, 1, 0, 0, 0, 0, 0, 3, 0},    // more parts than were given
      {1, 0, 1, 0, 0, 0, 0, 8, 0, 1, nan},
      {1, 0, 1, 0, 0, 0, 0, 8, 0, 1, -1},
      {nan, 0, 1, 0, 0},
      {0, 0, 1, -1, 0},  // no ticket
  };
  for (const auto& numbers : wrong) {
    auto frame = MakeFrame(numbers);
    CHECK(!ReadRequest(&frame, {}));
  }
}

TEST("tells which batch an answer belongs to") {
  auto frame = MakeFrame({});
  frame.job.ticket = 9007199254740991;
  WriteReply(&frame);
  CHECK_EQUAL(frame.control()[5], 9007199254740991.0);
}

TEST("writes an answer that does not fit the frame as an error") {
  auto frame = MakeFrame({});
  frame.job.outputs.push_back({std::vector<int64_t>(100, 1), 0, 4});
  WriteReply(&frame);
  CHECK_EQUAL(frame.control()[0], static_cast<double>(Code::kInternal));
}

}  // namespace
}  // namespace nereid::test
