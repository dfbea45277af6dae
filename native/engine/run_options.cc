#include "engine/run_options.h"

#include <algorithm>

#include "engine/log_router.h"
#include "engine/ort_status.h"

namespace nereid {
namespace {

/// Makes the runtime's arena of the host return free memory to the system when the run has ended. Its first
/// region, which is small, stays.
constexpr char kShrinkEntry[] = "memory.enable_memory_arena_shrinkage";
constexpr char kHostArena[] = "cpu:0";

Status MakePlain(const Session& session, ort::OwnedRunOptions* options) {
  // Unnamed, a session for graphs would capture the run, and answer later ones from its inputs.
  return MakeRunOptions(session, session.graphs() == nullptr ? nullptr : kNoGraph, options);
}

Status MakeReturning(const Session& session, ort::OwnedRunOptions* options) {
  NEREID_RETURN_IF_ERROR(MakePlain(session, options));
  const bool is_configured = std::any_of(session.run_entries().begin(), session.run_entries().end(),
                                         [](const auto& entry) { return entry.first == kShrinkEntry; });
  // The runtime fails a run that shall shrink an arena which is not there.
  if (is_configured || !session.has_arena()) return {};
  return FromOrt(ort::g_api->AddRunConfigEntry(options->get(), kShrinkEntry, kHostArena));
}

}  // namespace

Status MakeRunOptions(const Session& session, const char* graph, ort::OwnedRunOptions* options) noexcept {
  const ort::Api& api = *ort::g_api;
  NEREID_RETURN_IF_ORT(api.CreateRunOptions(ort::Out(*options)));
  NEREID_RETURN_IF_ORT(api.RunOptionsSetRunTag(options->get(), kRunTag));
  for (const auto& [key, value] : session.run_entries())
    NEREID_RETURN_IF_ORT(api.AddRunConfigEntry(options->get(), key.c_str(), value.c_str()));
  if (graph == nullptr) return {};
  return FromOrt(api.AddRunConfigEntry(options->get(), kGraphIdEntry, graph));
}

Status RunOptions::Make(const Session& session) noexcept {
  NEREID_RETURN_IF_ERROR(MakePlain(session, &plain_));
  return MakeReturning(session, &returning_);
}

void RunOptions::Terminate() noexcept {
  is_terminated_.store(true);
  for (auto* options : {plain_.get(), returning_.get()})
    static_cast<void>(FromOrt(ort::g_api->RunOptionsSetTerminate(options)));
}

void RunOptions::ClearTerminate() noexcept {
  is_terminated_.store(false);
  for (auto* options : {plain_.get(), returning_.get()})
    static_cast<void>(FromOrt(ort::g_api->RunOptionsUnsetTerminate(options)));
}

}  // namespace nereid
