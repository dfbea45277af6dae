// Execution providers that are libraries of their own, registered with the runtime when the server starts.
#ifndef NEREID_ENGINE_PLUGIN_PROVIDER_H_
#define NEREID_ENGINE_PLUGIN_PROVIDER_H_

#include <string>

#include "engine/result.h"
#include "engine/runtime.h"
#include "engine/session.h"

namespace nereid {

/// Registers the library at `path` under `name`, once per process; again with the same path it does nothing.
/// A library that crashes takes the process with it. Errors: failed_precondition, with the name and the
/// reason.
Status RegisterPlugin(const Runtime& runtime, const std::string& name, const std::string& path) noexcept;

/// Lets the provider of the spec claim nodes before those that are appended later. The first of its devices
/// is used. Errors: failed_precondition when nothing is registered under the name, or the provider refuses an
/// option.
Status AppendPlugin(const Runtime& runtime, const SessionSpec& spec, ort::SessionOptions* options) noexcept;

/// Why the provider of the spec does not run the model, which was opened with it; empty when it runs a part.
std::string UnclaimedReason(const SessionSpec& spec, const ort::Session* session) noexcept;

}  // namespace nereid

#endif  // NEREID_ENGINE_PLUGIN_PROVIDER_H_
