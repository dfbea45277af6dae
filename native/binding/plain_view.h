// Shared memory as an ArrayBuffer that is not shared: V8 copies to and from a SharedArrayBuffer byte by byte,
// at less than 1 GB/s, unless both sides are aligned alike.
#ifndef NEREID_BINDING_PLAIN_VIEW_H_
#define NEREID_BINDING_PLAIN_VIEW_H_

#include "napi.h"

namespace nereid {

/// Adds plainView and discardMemory to `exports`; see src/threads/native-threads.ts. It needs no runtime.
void DefinePlainViews(Napi::Env env, Napi::Object exports);

}  // namespace nereid

#endif  // NEREID_BINDING_PLAIN_VIEW_H_
