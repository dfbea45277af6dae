// Converts a session's spec to the runtime's options.
#ifndef NEREID_ENGINE_SESSION_OPTIONS_H_
#define NEREID_ENGINE_SESSION_OPTIONS_H_

#include "engine/session.h"

namespace nereid {

/// All options but those of the device.
Result<ort::OwnedSessionOptions> MakeSessionOptions(const Runtime& runtime, const SessionSpec& spec) noexcept;

/// Appends TensorRT (if configured) and CUDA. Fails when a library or a device is missing, and, with the
/// names of the options, when the runtime refuses one of them.
Status AppendCuda(const SessionSpec& spec, ort::SessionOptions* options) noexcept;

}  // namespace nereid

#endif  // NEREID_ENGINE_SESSION_OPTIONS_H_
