// A frame: the memory through which one batch crosses between JavaScript and the engine without an object per
// tensor. The submitter writes numbers into `control` and small inputs into `input`, and reads the answer out
// of `control`. The layout is the same in src/engine/job-frame.ts.
#ifndef NEREID_BINDING_JOB_FRAME_H_
#define NEREID_BINDING_JOB_FRAME_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/host_block.h"
#include "engine/job.h"

namespace nereid {

// Request: input count, output count, growth, ticket, flags; then per input: index,
// offset, bytes, part count, rank, dimensions; then the wanted outputs' indexes. With a part count of 0 the
// input's `bytes` lie in `input` at `offset`; otherwise that many elements of the call's array of parts,
// taken in order, hold it.
inline constexpr size_t kRequestHead = 5;
inline constexpr uint64_t kHasEffects = 1;
inline constexpr uint64_t kReturnsMemory = 2;
inline constexpr size_t kInputHead = 5;
// Reply: code, input ns, infer ns, output ns, slab id, ticket; then per output: offset, bytes, rank,
// dimensions. In place of a slab's id stands `kInTarget` where the outputs lie in the memory that was given
// for them.
inline constexpr int32_t kInTarget = -2;
inline constexpr size_t kReplyHead = 6;
inline constexpr size_t kOutputHead = 3;

/// Threads: the environment's; its job also the instance's while submitted. Lifetime: from createFrame until
/// the instance is closed. Memory: two blocks that JavaScript sees too.
struct JobFrame {
  int32_t instance = -1;
  std::shared_ptr<HostBlock> control_block;
  std::shared_ptr<HostBlock> input_block;
  Job job;
  bool is_submitted = false;

  std::span<double> control() const noexcept {
    return {reinterpret_cast<double*>(control_block->data()), control_block->size() / sizeof(double)};
  }
};

/// Fills the frame's job from its control numbers. `parts` are the call's parts in order. Checks what memory
/// safety needs. False when the numbers are inconsistent, which is a bug of the caller.
bool ReadRequest(JobFrame* frame, std::span<const std::span<const std::byte>> parts) noexcept;

/// Writes the finished job's answer into the control numbers.
void WriteReply(JobFrame* frame) noexcept;

}  // namespace nereid

#endif  // NEREID_BINDING_JOB_FRAME_H_
