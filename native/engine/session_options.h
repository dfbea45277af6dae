// Converts a session's spec to the runtime's options.
#ifndef NEREID_ENGINE_SESSION_OPTIONS_H_
#define NEREID_ENGINE_SESSION_OPTIONS_H_

#include "engine/session.h"

namespace nereid {

/// All options but those of the device.
Result<ort::OwnedSessionOptions> MakeSessionOptions(const Runtime& runtime, const SessionSpec& spec) noexcept;

/// Appends TensorRT (if configured) and CUDA. Fails when a library or a device is missing, and when the
/// runtime refuses options: the text names the provider and those that it also refuses one at a time, else
/// all.
/// With a stream, the session computes on it, which the caller owns, and captures CUDA graphs.
Status AppendCuda(const SessionSpec& spec, CudaStream graph_stream, ort::SessionOptions* options) noexcept;

}  // namespace nereid

#endif  // NEREID_ENGINE_SESSION_OPTIONS_H_
