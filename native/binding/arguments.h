// Converts JavaScript values to plain structs. A wrong value throws a TypeError that names the field: the
// caller is our own TypeScript, so this catches bugs, not users' mistakes.
#ifndef NEREID_BINDING_ARGUMENTS_H_
#define NEREID_BINDING_ARGUMENTS_H_

#include <optional>
#include <string>
#include <vector>

#include "engine/runtime.h"
#include "engine/session.h"
#include "napi.h"

namespace nereid {

/// Fields of `NativeRuntimeOptions` in src/engine/native.ts. Nothing when an exception is pending.
std::optional<RuntimeOptions> ReadRuntimeOptions(const Napi::Value& value);

/// Fields of `NativeSessionSpec`. `model_bytes` refers to the value's own memory.
std::optional<SessionSpec> ReadSessionSpec(const Napi::Value& value);

}  // namespace nereid

#endif  // NEREID_BINDING_ARGUMENTS_H_
