// The state of the addon for one JavaScript environment (the main thread or a worker): sessions, instances,
// frames and background threads. Environments share only the runtime itself, doorbells and shared slabs.
#ifndef NEREID_BINDING_ADDON_DATA_H_
#define NEREID_BINDING_ADDON_DATA_H_

#include <functional>
#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>

#include "binding/completions.h"
#include "binding/doorbell.h"
#include "binding/host_buffer.h"
#include "binding/job_frame.h"
#include "binding/large_block.h"
#include "engine/instance.h"
#include "engine/runtime.h"
#include "napi.h"

namespace nereid {

/// Objects by small numbers, which JavaScript holds instead of pointers; a number is reused after its object
/// is removed.
template <typename Handle>
class Table {
 public:
  int32_t Add(Handle handle) {
    for (size_t i = 0; i < handles_.size(); i++) {
      if (handles_[i] != nullptr) continue;
      handles_[i] = std::move(handle);
      return static_cast<int32_t>(i);
    }
    handles_.push_back(std::move(handle));
    return static_cast<int32_t>(handles_.size() - 1);
  }
  /// Null for an unused number.
  auto* Find(int32_t id) const noexcept {
    const auto index = static_cast<size_t>(id);
    return id >= 0 && index < handles_.size() ? handles_[index].get() : nullptr;
  }
  Handle Take(int32_t id) noexcept {
    return Find(id) == nullptr ? Handle() : std::move(handles_[static_cast<size_t>(id)]);
  }
  std::vector<Handle>& all() noexcept { return handles_; }

 private:
  std::vector<Handle> handles_;
};

/// A session in a table: the table's entry is one of its owners.
struct SessionEntry {
  std::shared_ptr<Session> session;
};

/// Threads: the environment's. Lifetime: the environment's; `Shutdown` runs in its cleanup hook, before V8
/// frees the memory that jobs may be reading. Memory: see the members.
struct AddonData {
  const Runtime* runtime = nullptr;
  Completions completions;
  HostBuffers buffers;
  LargeBlocks large_blocks;
  Table<std::unique_ptr<SessionEntry>> sessions;
  std::unique_ptr<InstanceThreads> instance_threads = std::make_unique<InstanceThreads>(&completions);
  Table<std::unique_ptr<Instance>> instances;
  Table<std::unique_ptr<JobFrame>> frames;
  KnownDoorbells known_doorbells;
  Napi::FunctionReference on_jobs;
  Napi::FunctionReference on_log;
  /// Working memory of a submission and of a release.
  std::vector<std::span<const std::byte>> parts;
  std::vector<int32_t> dropped;

  /// Runs `work` on a thread of its own; its result runs on the environment's thread afterwards.
  void RunInBackground(std::function<Completions::Task()> work);

  /// Ends running batches early and waits for them; false when some still run after `wait_ms`.
  bool EndBatches(int wait_ms) noexcept;

  /// Stops every thread and frees everything, in order. Nothing may be called afterwards.
  void Shutdown() noexcept;

 private:
  uint64_t next_thread_ = 0;
  std::unordered_map<uint64_t, std::thread> threads_;
};

}  // namespace nereid

#endif  // NEREID_BINDING_ADDON_DATA_H_
