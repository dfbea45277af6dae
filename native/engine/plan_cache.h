// The plans of the kinds of batches that an instance has seen last.
#ifndef NEREID_ENGINE_PLAN_CACHE_H_
#define NEREID_ENGINE_PLAN_CACHE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/run_plan.h"

namespace nereid {

/// Threads: the one that runs the batches. Lifetime: its runner's. Memory: at most `kMaxPlans` plans; a new
/// kind replaces the one that was not used for longest.
class PlanCache {
 public:
  static constexpr size_t kMaxPlans = 32;

  /// The plan for this job, made if there is none; it stays until the next call. `memory` and `binds_always`
  /// as in `RunPlan::Create`.
  Result<RunPlan*> Find(const Session& session, const Job& job, const ort::MemoryInfo* memory,
                        bool binds_always) noexcept;

 private:
  std::vector<std::unique_ptr<RunPlan>> plans_;
  RunPlan* last_ = nullptr;
  uint64_t uses_ = 0;
  PlanKey key_;
};

}  // namespace nereid

#endif  // NEREID_ENGINE_PLAN_CACHE_H_
