// System calls on connected sockets.
#ifndef NEREID_BINDING_SOCKET_CALLS_H_
#define NEREID_BINDING_SOCKET_CALLS_H_

#include "napi.h"

namespace nereid {

/// Adds setReceiveLowWater and sendNow to `exports`; see src/sockets/socket-calls.ts. They have no state and
/// need no runtime.
void DefineSocketCalls(Napi::Env env, Napi::Object exports);

}  // namespace nereid

#endif  // NEREID_BINDING_SOCKET_CALLS_H_
