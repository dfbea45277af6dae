#include "binding/job_frame.h"

#include <cmath>

namespace nereid {
namespace {

constexpr double kMaxExact = 9007199254740992.0;

/// Reads numbers one after the other; after a wrong one or beyond the end it only says so.
class Reader {
 public:
  explicit Reader(std::span<const double> numbers) noexcept : numbers_(numbers) {}

  /// A whole number from 0 to 2^53.
  uint64_t Next() noexcept {
    if (at_ >= numbers_.size()) return Fail();
    const double number = numbers_[at_++];
    if (!(number >= 0 && number <= kMaxExact)) return Fail();
    return static_cast<uint64_t>(number);
  }
  size_t left() const noexcept { return numbers_.size() - at_; }
  bool ok() const noexcept { return ok_; }
  uint64_t Fail() noexcept {
    ok_ = false;
    at_ = numbers_.size();
    return 0;
  }

 private:
  std::span<const double> numbers_;
  size_t at_ = 0;
  bool ok_ = true;
};

void ReadInput(Reader* reader, const HostBlock& room, std::span<const std::span<const std::byte>>* parts,
               JobInput* input) noexcept {
  input->index = reader->Next();
  const size_t offset = reader->Next();
  const size_t bytes = reader->Next();
  const size_t part_count = reader->Next();
  const size_t rank = reader->Next();
  input->parts.clear();
  if (rank > reader->left() || part_count > parts->size() || bytes > room.size() ||
      offset > room.size() - bytes) {
    // With parts of their own, `bytes` and `offset` are written as 0.
    reader->Fail();
    return;
  }
  input->shape.resize(rank);
  for (auto& dim : input->shape) dim = static_cast<int64_t>(reader->Next());
  if (part_count == 0) {
    input->parts.emplace_back(room.data() + offset, bytes);
  } else {
    input->parts.assign(parts->begin(), parts->begin() + static_cast<std::ptrdiff_t>(part_count));
    *parts = parts->subspan(part_count);
  }
}

}  // namespace

bool ReadRequest(JobFrame* frame, std::span<const std::span<const std::byte>> parts) noexcept {
  Job& job = frame->job;
  Reader reader(frame->control());
  const size_t input_count = reader.Next();
  const size_t output_count = reader.Next();
  job.growth = reader.Next();
  job.ticket = reader.Next();
  const uint64_t flags = reader.Next();
  job.has_effects = (flags & kHasEffects) != 0;
  job.returns_memory = (flags & kReturnsMemory) != 0;
  if (input_count > reader.left() / kInputHead) return false;
  if (job.inputs.size() < input_count) job.inputs.resize(input_count);
  job.input_count = input_count;
  for (size_t i = 0; i < input_count; i++) ReadInput(&reader, *frame->input_block, &parts, &job.inputs[i]);
  if (output_count > reader.left()) return false;
  job.wanted.resize(output_count);
  for (auto& index : job.wanted) index = reader.Next();
  return reader.ok();
}

void WriteReply(JobFrame* frame) noexcept {
  Job& job = frame->job;
  const auto control = frame->control();
  size_t needed = kReplyHead;
  if (job.status.ok()) {
    for (const auto& output : job.outputs) needed += kOutputHead + output.shape.size();
    if (needed > control.size()) job.status = Internal("an output has more dimensions than can be told");
  }
  control[0] = static_cast<double>(job.status.code);
  control[1] = static_cast<double>(job.input_ns);
  control[2] = static_cast<double>(job.infer_ns);
  control[3] = static_cast<double>(job.output_ns);
  control[4] = static_cast<double>(job.is_in_target ? kInTarget : job.slab);
  control[5] = static_cast<double>(job.ticket);
  if (!job.status.ok()) return;
  size_t at = kReplyHead;
  for (const auto& output : job.outputs) {
    control[at++] = static_cast<double>(output.offset);
    control[at++] = static_cast<double>(output.bytes);
    control[at++] = static_cast<double>(output.shape.size());
    for (const int64_t dim : output.shape) control[at++] = static_cast<double>(dim);
  }
}

}  // namespace nereid
