// The preparation for batches of one kind – the same inputs, shapes and requested outputs: an IO binding
// whose tensors are replaced only if their bytes have moved since the last batch, and the shapes of outputs
// once they are known.
#ifndef NEREID_ENGINE_RUN_PLAN_H_
#define NEREID_ENGINE_RUN_PLAN_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/job.h"
#include "engine/session.h"

namespace nereid {

/// The identity of a kind of batch: numbers that are equal exactly when the batches are of the same kind.
using PlanKey = std::vector<int64_t>;
void WritePlanKey(const Job& job, PlanKey* key) noexcept;

struct PlannedInput {
  const TensorSpec* spec;
  /// 0 for BYTES, whose length is not known from the shape.
  size_t bytes;
  ort::OwnedValue value;
  const void* bound = nullptr;
};

struct PlannedOutput {
  const TensorSpec* spec;
  size_t index;
  /// Learned from the first run of this kind, or by a run's answer.
  JobOutput place;
  ort::OwnedValue value;
  const void* bound = nullptr;
};

/// Threads: the one that runs the batch. Lifetime: its cache's, until replaced by a newer kind. Memory:
/// handles.
class RunPlan {
 public:
  /// Checks the properties that all batches of this kind share: indexes, required inputs, dimensions.
  /// `memory` is where gathered bytes lie; `binds_always` is for devices that copy when an input is bound.
  static Result<std::unique_ptr<RunPlan>> Create(const Session& session, const Job& job, PlanKey key,
                                                 const ort::MemoryInfo* memory, bool binds_always) noexcept;

  const PlanKey& key() const noexcept { return key_; }
  std::span<PlannedInput> inputs() noexcept { return inputs_; }
  std::span<PlannedOutput> outputs() noexcept { return outputs_; }
  ort::IoBinding* binding() const noexcept { return binding_.get(); }

  /// Binds the bytes of a fixed-width input.
  Status BindBytes(size_t position, std::span<const int64_t> shape, const std::byte* bytes) noexcept;
  /// Binds a tensor made elsewhere (strings).
  Status BindValue(size_t position, ort::OwnedValue value) noexcept;
  /// Frees the tensors of strings after a run. They have 32 bytes per element, and the next batch of this
  /// kind, which may never come, brings its own.
  void ReleaseStrings() noexcept;

  /// Whether the shapes of the outputs are known, so that they can be bound to memory of `output_bytes()`.
  bool predicts() const noexcept { return predicts_; }
  size_t output_bytes() const noexcept { return output_bytes_; }
  Status BindOutputsTo(std::byte* room) noexcept;
  /// Lets the runtime allocate the outputs.
  Status BindOutputsToRuntime() noexcept;

  /// Remembers the shapes of a run whose outputs the runtime allocated, where they may be predicted.
  void Learn(const Session& session, std::span<const JobOutput> outputs, size_t output_bytes) noexcept;
  /// Forgets them: a run did not answer as predicted.
  void Forget() noexcept;
  /// True once, for the first run with predicted outputs: the runner then looks whether they were really
  /// written.
  bool TakeFirstPrediction() noexcept { return std::exchange(is_unproven_, false); }

  uint64_t last_used = 0;

 private:
  RunPlan() = default;
  Status PlanInputs(const Session& session, const Job& job);

  PlanKey key_;
  const ort::MemoryInfo* input_memory_ = nullptr;
  /// Outputs are memory of the host to the runtime, also where the slab is pinned for a GPU: into what it
  /// takes for pinned it refuses to copy an output (1.30: `dst_data != src_data`), and strings it frees there
  /// without having made them. The driver knows a pinned address by itself.
  const ort::MemoryInfo* output_memory_ = nullptr;
  bool binds_always_ = false;
  // The tensors must outlive the binding's use of them.
  std::vector<PlannedInput> inputs_;
  std::vector<PlannedOutput> outputs_;
  bool has_string_inputs_ = false;
  ort::OwnedIoBinding binding_;
  bool predicts_ = false;
  bool is_unproven_ = true;
  size_t output_bytes_ = 0;
};

}  // namespace nereid

#endif  // NEREID_ENGINE_RUN_PLAN_H_
