#include "engine/plan_cache.h"

#include <algorithm>

namespace nereid {

Result<RunPlan*> PlanCache::Find(const Session& session, const Job& job, const ort::MemoryInfo* memory,
                                 bool binds_always) noexcept {
  WritePlanKey(job, &key_);
  if (last_ == nullptr || last_->key() != key_) {
    last_ = nullptr;
    for (const auto& plan : plans_)
      if (plan->key() == key_) last_ = plan.get();
  }
  if (last_ == nullptr) {
    auto made = RunPlan::Create(session, job, key_, memory, binds_always);
    if (!made.ok()) return made.status();
    if (plans_.size() < kMaxPlans) {
      plans_.push_back(std::move(made.value()));
      last_ = plans_.back().get();
    } else {
      auto oldest = std::min_element(plans_.begin(), plans_.end(), [](const auto& a, const auto& b) {
        return a->last_used < b->last_used;
      });
      *oldest = std::move(made.value());
      last_ = oldest->get();
    }
  }
  last_->last_used = ++uses_;
  return last_;
}

}  // namespace nereid
