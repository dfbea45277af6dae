// Converts the engine's structs to objects for JavaScript; every field is set, absence is null.
#ifndef NEREID_BINDING_REPLIES_H_
#define NEREID_BINDING_REPLIES_H_

#include <optional>
#include <vector>

#include "engine/graph_assignment.h"
#include "engine/management_library.h"
#include "engine/result.h"
#include "engine/runtime.h"
#include "engine/session.h"
#include "napi.h"

namespace nereid {

/// { error: { code, message } | null }; `code` is the position in `errorCodes`.
Napi::Object ErrorReply(Napi::Env env, const Status& status);

/// { error: null, id }
Napi::Object IdReply(Napi::Env env, int32_t id);

/// `NativeSessionReply`
Napi::Object SessionReply(Napi::Env env, int32_t id, const Session& session);

/// `NativeAssignmentReply`
Napi::Object AssignmentReply(Napi::Env env, const std::vector<AssignedPart>& parts);

/// `NativeDriver`
Napi::Object DriverReply(Napi::Env env);

/// `NativeDeviceMemory`, or null
Napi::Value DeviceMemoryReply(Napi::Env env, const std::optional<DeviceMemory>& memory);

/// `NativeDescription`
Napi::Object DescriptionReply(Napi::Env env, const Runtime& runtime);

/// [{ name, onnxCode, byteSize }]
Napi::Array DatatypeTable(Napi::Env env);

/// Names in the order of the codes.
Napi::Array ErrorCodeTable(Napi::Env env);

}  // namespace nereid

#endif  // NEREID_BINDING_REPLIES_H_
