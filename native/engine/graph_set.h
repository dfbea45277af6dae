// The captured CUDA graphs of one instance: one for each number of rows, all of them on the same memory of
// the device, whose addresses the graphs have learned. A batch is uploaded into that memory by copies of our
// own, the next larger graph is replayed, and the rows of the batch are downloaded.
#ifndef NEREID_ENGINE_GRAPH_SET_H_
#define NEREID_ENGINE_GRAPH_SET_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/device_stream.h"
#include "engine/graph_layout.h"
#include "engine/job.h"
#include "ort/handles.h"

namespace nereid {

class Session;

/// What a session has that was opened for graphs. Only one run of such a session may be under way.
struct GraphContext {
  /// The session computes on it.
  std::unique_ptr<DeviceStream> stream;
  /// Where tensors of the device lie.
  ort::OwnedMemoryInfo memory;
  GraphLayout layout;
  /// Rows of the graphs that are wanted, ascending.
  std::vector<int64_t> rows;
  /// Held by each run.
  std::mutex run;
  /// The graphs live in the runtime's data of one thread, so only the first instance has them; one that
  /// replaces it runs without.
  bool is_taken = false;
};

/// The run option that names a graph, and the number for a run that is not to be captured.
inline constexpr const char kGraphIdEntry[] = "gpu_graph_id";
inline constexpr const char kNoGraph[] = "-1";

struct CapturedGraph {
  int64_t rows;
  ort::OwnedIoBinding binding;
  ort::OwnedRunOptions options;
  /// The binding's; of all inputs and outputs.
  std::vector<ort::OwnedValue> values;
};

/// Threads: the one that captured, because the runtime keeps graphs for each thread. Lifetime: its runner's,
/// within the session's. Memory: inputs and outputs of the largest graph on the device, from the session's
/// allocator.
class GraphSet {
 public:
  /// Captures one graph after the other until `is_ended`; those that are captured by then remain. Fails when
  /// the runtime or the driver refuses one: there are no graphs then, and the session can be run without.
  static Result<std::unique_ptr<GraphSet>> Capture(Session& session,
                                                   const std::function<bool()>& is_ended) noexcept;
  ~GraphSet();
  GraphSet(const GraphSet&) = delete;
  GraphSet& operator=(const GraphSet&) = delete;

  /// The graph for this batch; null when it has to run without one.
  const CapturedGraph* Find(const Job& job, int64_t* rows) const noexcept;

  /// Bytes of the gathered inputs of so many rows, for `Upload`.
  size_t GatheredBytes(int64_t rows) const noexcept;
  /// Gathers the inputs in `room`, which stays unchanged until `Download` has returned, and uploads them;
  /// rows of the graph beyond those of the batch are zeros.
  Status Upload(const Job& job, int64_t rows, const CapturedGraph& graph, std::byte* room) noexcept;
  Status Replay(const CapturedGraph& graph) noexcept;
  /// Writes shape and place of each wanted output of so many rows into the job; returns the bytes of the room
  /// for them.
  size_t Place(Job* job, int64_t rows) const noexcept;
  Status Download(const Job& job, std::byte* room) noexcept;
  /// Waits for copies that were begun.
  Status Finish() noexcept { return context_.stream->Synchronize(); }

  size_t size() const noexcept { return graphs_.size(); }

 private:
  explicit GraphSet(Session& session) noexcept;
  Status Allocate() noexcept;
  Status Bind(int64_t rows, CapturedGraph* graph) noexcept;
  Status CaptureOne(int64_t rows, const ort::RunOptions* plain) noexcept;
  Status Run(const CapturedGraph& graph, const ort::RunOptions* options) noexcept;

  Session& session_;
  GraphContext& context_;
  ort::OwnedAllocator allocator_;
  /// On the device, in the order of the layout.
  std::vector<void*> inputs_;
  std::vector<void*> outputs_;
  /// Ascending.
  std::vector<CapturedGraph> graphs_;
};

}  // namespace nereid

#endif  // NEREID_ENGINE_GRAPH_SET_H_
