// The calls per batch. They use Node-API's C functions directly: a wrapper's objects would cost as much as
// the calls do.
#ifndef NEREID_BINDING_BATCH_BINDING_H_
#define NEREID_BINDING_BATCH_BINDING_H_

#include "napi.h"

namespace nereid {

/// Adds runNow, submit, takeError, slabBuffer, releaseSlab and trimSlabs to `exports`.
void DefineBatches(Napi::Env env, Napi::Object exports);

}  // namespace nereid

#endif  // NEREID_BINDING_BATCH_BINDING_H_
