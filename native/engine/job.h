// One batch in an instance: its inputs and its results. Plain memory, reused from batch to batch, so that
// a steady load allocates nothing here.
#ifndef NEREID_ENGINE_JOB_H_
#define NEREID_ENGINE_JOB_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/result.h"

namespace nereid {

/// One input of a batch. Its bytes are `parts`, back to back.
struct JobInput {
  size_t index = 0;
  std::vector<int64_t> shape;
  /// Borrowed from the submitter until the job is done.
  std::vector<std::span<const std::byte>> parts;
};

struct JobOutput {
  std::vector<int64_t> shape;
  /// Where the bytes begin in the job's output slab, or in its target.
  size_t offset = 0;
  size_t bytes = 0;
};

/// Threads: belongs to the submitter before Submit and after the completion, to the instance in between.
/// Lifetime: the submitter's. Memory: grows to the largest batch seen.
struct Job {
  // In. Only the first `input_count` inputs mean something; the others keep their memory for later batches.
  std::vector<JobInput> inputs;
  size_t input_count = 0;
  /// Indexes in the signature's outputs.
  std::vector<size_t> wanted;
  /// How many times larger the largest batch is; sizes new slabs.
  size_t growth = 1;
  /// The submitter's mark, untouched.
  int32_t tag = 0;
  /// The submitter's number of this batch, by which it can be ended; no other unfinished job of the instance
  /// has it.
  uint64_t ticket = 0;
  /// Whether running it changes more than its outputs. Such a batch is run at most once.
  bool has_effects = false;
  /// Whether its run returns the memory that it took from the system.
  bool returns_memory = false;
  /// Memory of the submitter for the outputs, borrowed until the job is done; empty for none. It is used
  /// where all outputs fit into it, else a slab is.
  std::span<std::byte> target;

  // Out. `outputs` in the order of `wanted`.
  Status status;
  std::vector<JobOutput> outputs;
  /// Id in the instance's output pool; the submitter releases it. -1 for none.
  int32_t slab = -1;
  /// Whether the outputs lie in `target`; there is no slab then.
  bool is_in_target = false;
  int64_t input_ns = 0;
  int64_t infer_ns = 0;
  int64_t output_ns = 0;

  /// The instance's, while it has the job: whether it shall end early.
  bool is_ended = false;
};

}  // namespace nereid

#endif  // NEREID_ENGINE_JOB_H_
