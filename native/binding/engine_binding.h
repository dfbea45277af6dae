// The calls from JavaScript that happen once per model or instance, in the order of `NativeAddon` in
// src/engine/native.ts. The calls per batch are in batch_binding.h.
#ifndef NEREID_BINDING_ENGINE_BINDING_H_
#define NEREID_BINDING_ENGINE_BINDING_H_

#include "napi.h"

namespace nereid {

/// Adds loadRuntime, registerProvider, describeDriver, deviceMemory, describe, openSession, closeSession,
/// readAssignment, returnFreeMemory, createInstance, closeInstance, endBatch, createFrame, discardBuffer,
/// endBatches, leaveProcess and the tables for the parity tests to `exports`.
void DefineEngine(Napi::Env env, Napi::Object exports);

}  // namespace nereid

#endif  // NEREID_BINDING_ENGINE_BINDING_H_
