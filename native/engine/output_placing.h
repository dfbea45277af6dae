// Copies outputs that the runtime has allocated into their room, and computes how large that is. BYTES get
// their wire form.
#ifndef NEREID_ENGINE_OUTPUT_PLACING_H_
#define NEREID_ENGINE_OUTPUT_PLACING_H_

#include <span>
#include <vector>

#include "engine/gather.h"
#include "engine/job.h"
#include "engine/run_plan.h"

namespace nereid {

/// Threads: one at a time. Lifetime: its runner's. Memory: working memory of the largest string output.
class OutputPlacer {
 public:
  /// Writes shape, size and place of each output into the job, and the size of the room into `total`. Errors:
  /// internal, when an output is not what the signature says.
  Status Measure(std::span<const ort::OwnedValue> values, std::span<const PlannedOutput> planned, Job* job,
                 size_t* total) noexcept;

  /// Copies the outputs that were measured last into room of that size.
  Status Copy(std::span<const ort::OwnedValue> values, std::span<const PlannedOutput> planned, const Job& job,
              std::byte* room) noexcept;

 private:
  std::vector<size_t> string_offsets_;
  std::vector<WireSize> string_sizes_;
};

}  // namespace nereid

#endif  // NEREID_ENGINE_OUTPUT_PLACING_H_
