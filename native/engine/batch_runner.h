// Runs one batch from bytes to bytes: gathers the inputs, runs the session, places the outputs in a slab or
// where the submitter wants them.
#ifndef NEREID_ENGINE_BATCH_RUNNER_H_
#define NEREID_ENGINE_BATCH_RUNNER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "engine/graph_set.h"
#include "engine/job.h"
#include "engine/output_placing.h"
#include "engine/plan_cache.h"
#include "engine/run_options.h"
#include "engine/session.h"
#include "engine/slab_pool.h"

namespace nereid {

/// Threads: one at a time; `Terminate`, `ClearTerminate`, `inputs()` and `outputs()` from any. Lifetime: the
/// instance's. Memory: slabs, and plans.
class BatchRunner {
 public:
  static Result<std::unique_ptr<BatchRunner>> Create(std::shared_ptr<Session> session) noexcept;

  /// Once, on the thread of the runs, before the first: captures CUDA graphs, if the session is for them,
  /// until `is_ended`. When they are refused, runs go without; returns the reason then.
  Status Prepare(const std::function<bool()>& is_ended) noexcept;

  /// Fills the job's results. The inputs' bytes are not needed any more when it returns.
  void Run(Job* job) noexcept;

  /// Fills the results of a job that was cancelled before it ran.
  static void Skip(Job* job) noexcept;

  /// Makes a run end at the next operator; sticks until cleared.
  void Terminate() noexcept { run_options_.Terminate(); }
  void ClearTerminate() noexcept { run_options_.ClearTerminate(); }

  SlabPool& outputs() noexcept { return output_pool_; }
  SlabPool& inputs() noexcept { return input_pool_; }
  const Session& session() const noexcept { return *session_; }
  const std::shared_ptr<PinnedAllocator>& pinned() const noexcept { return pinned_; }

 private:
  BatchRunner(std::shared_ptr<Session> session, std::shared_ptr<PinnedAllocator> pinned) noexcept
      : session_(std::move(session)), pinned_(pinned), input_pool_(pinned), output_pool_(pinned) {}

  Status RunPlanned(Job* job, int64_t* bound, int64_t* ran) noexcept;
  Status RunGraph(Job* job, const CapturedGraph& graph, int64_t rows, int64_t* bound, int64_t* ran) noexcept;
  Status FindPlan(const Job& job) noexcept;
  Status BindInputs(Job* job) noexcept;
  Status BindOutputs(Job* job) noexcept;
  Status RunSession(const Job& job) noexcept;
  Status CallSession(const ort::RunOptions* options) noexcept;
  bool IsPredicted(const Job& job) const noexcept;
  Status RunOnce(Job* job) noexcept;
  Status PlaceOutputs(Job* job) noexcept;
  Status CheckPrediction(Job* job) noexcept;
  Result<std::vector<ort::OwnedValue>> BoundOutputs() noexcept;
  Result<std::byte*> FindRoom(Job* job, size_t bytes) noexcept;
  static bool HasRoom(const Job& job) noexcept { return job.slab >= 0 || job.is_in_target; }
  void LeaveRoom(Job* job) noexcept;

  std::shared_ptr<Session> session_;
  std::shared_ptr<PinnedAllocator> pinned_;
  /// The memory of gathered bytes; null for ordinary memory.
  ort::OwnedMemoryInfo pinned_memory_;
  SlabPool input_pool_;
  SlabPool output_pool_;
  RunOptions run_options_;
  PlanCache plans_;
  /// Of the current batch.
  RunPlan* plan_ = nullptr;
  uint64_t turn_ = 0;
  Slab input_slab_;
  OutputPlacer placer_;
  /// Null without graphs.
  std::unique_ptr<GraphSet> graphs_;
};

}  // namespace nereid

#endif  // NEREID_ENGINE_BATCH_RUNNER_H_
