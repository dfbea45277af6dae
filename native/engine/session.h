// A model opened by the runtime: its weights on one device, shared by the instances that run it (instance.h).
#ifndef NEREID_ENGINE_SESSION_H_
#define NEREID_ENGINE_SESSION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/graph_set.h"
#include "engine/host_block.h"
#include "engine/result.h"
#include "engine/runtime.h"
#include "engine/signature.h"

namespace nereid {

using Entries = std::vector<std::pair<std::string, std::string>>;

/// Mirror of the fields of SessionSpec in src/engine/engine.ts that the native side needs.
struct SessionSpec {
  std::string label;
  /// Absolute path of the model, used when `model_bytes` is empty.
  std::string path;
  /// The model itself; borrowed until OpenSession returns.
  std::span<const std::byte> model_bytes;
  /// -1 for the CPU.
  int cuda_ordinal = -1;
  /// False: the CPU may replace the GPU.
  bool require_device = false;
  /// 0: the process's pool when there is one, else the runtime's choice.
  int intra_op_threads = 0;
  int inter_op_threads = 0;
  bool parallel_execution = false;
  int graph_optimization_level = 99;
  bool enable_memory_arena = true;
  bool enable_memory_pattern = true;
  Entries session_entries;
  Entries run_entries;
  Entries cuda_options;
  bool use_tensorrt = false;
  Entries tensorrt_options;
  /// The name of a registered provider that claims nodes before all others; empty for none.
  std::string plugin_provider;
  Entries plugin_options;
  /// Rows of the batches that shall be replayed as CUDA graphs, ascending; empty for none. Without TensorRT.
  std::vector<int64_t> graph_rows;
  std::vector<std::string> custom_op_libraries;
  /// Absolute paths of the files with weights that the runtime may map.
  std::vector<std::string> weight_files;
  /// Whether the weights in those files become memory of the process; false for a session that never runs.
  bool owns_weights = true;
};

/// Threads: `handle()` may be run from many threads at once; the rest is read-only but for the atomics.
/// Lifetime: until the last instance and slab let go. Memory: the weights and the runtime's arenas.
class Session {
 public:
  Session(const Runtime* runtime, ort::OwnedSession handle, Signature signature, const SessionSpec& spec,
          std::string fallback_reason, std::string mapping_problem, int cuda_ordinal) noexcept;
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const Runtime& runtime() const noexcept { return *runtime_; }
  ort::Session* handle() const noexcept { return handle_.get(); }
  const Signature& signature() const noexcept { return signature_; }
  const Entries& run_entries() const noexcept { return run_entries_; }
  const std::string& label() const noexcept { return label_; }
  /// Whether runs take memory of the host from an arena, which does not return it to the system.
  bool has_arena() const noexcept { return has_arena_; }
  /// Why the session is not on the requested GPU; empty when it is.
  const std::string& fallback_reason() const noexcept { return fallback_reason_; }
  /// Why weights are still mapped from files that others may change; empty when none are.
  const std::string& mapping_problem() const noexcept { return mapping_problem_; }
  /// -1 on the CPU.
  int cuda_ordinal() const noexcept { return cuda_ordinal_; }

  /// What is needed for CUDA graphs; null for a session that was not opened for them.
  GraphContext* graphs() noexcept { return graphs_.get(); }
  const GraphContext* graphs() const noexcept { return graphs_.get(); }
  /// Before the first instance.
  void UseGraphs(std::unique_ptr<GraphContext> graphs) noexcept { graphs_ = std::move(graphs); }
  /// Why the session was opened without the graphs that were asked for; empty when it was not.
  const std::string& graph_problem() const noexcept { return graph_problem_; }
  void SetGraphProblem(std::string problem) noexcept { graph_problem_ = std::move(problem); }

  /// Why the provider of the spec runs nothing of the model; empty when it does, and without one.
  const std::string& plugin_problem() const noexcept { return plugin_problem_; }
  void SetPluginProblem(std::string problem) noexcept { plugin_problem_ = std::move(problem); }

  /// Whether an output's shape must not be predicted: it is an input passed through, or a run disproved a
  /// prediction.
  bool IsOutputUnpredictable(size_t output) const noexcept { return unpredictable_[output].load(); }
  void MarkUnpredictable(size_t output) noexcept { unpredictable_[output].store(true); }

 private:
  const Runtime* runtime_;
  /// Before the handle, which computes on its stream.
  std::unique_ptr<GraphContext> graphs_;
  std::string graph_problem_;
  std::string plugin_problem_;
  ort::OwnedSession handle_;
  Signature signature_;
  Entries run_entries_;
  std::string label_;
  bool has_arena_;
  std::string fallback_reason_;
  std::string mapping_problem_;
  int cuda_ordinal_;
  std::vector<std::atomic<bool>> unpredictable_;
};

/// Opens a model; slow, so never on an event loop. Errors: invalid_argument (the model is wrong),
/// unimplemented (it needs a missing feature), not_found, failed_precondition (a required device is not
/// available), internal.
Result<std::shared_ptr<Session>> OpenSession(const Runtime& runtime, const SessionSpec& spec) noexcept;

}  // namespace nereid

#endif  // NEREID_ENGINE_SESSION_H_
