// Listening sockets that several threads of the process share: Node 20 can take a socket over but cannot ask
// for SO_REUSEPORT.
#ifndef NEREID_BINDING_LISTENER_H_
#define NEREID_BINDING_LISTENER_H_

#include "napi.h"

namespace nereid {

/// Adds sharesPorts, openListener, closeSocket and duplicateSocket to `exports`; see
/// src/threads/native-threads.ts. They have no state and need no runtime.
void DefineListeners(Napi::Env env, Napi::Object exports);

}  // namespace nereid

#endif  // NEREID_BINDING_LISTENER_H_
