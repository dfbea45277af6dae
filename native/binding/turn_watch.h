// Measures how long each turn of an event loop holds it: the time from the end of one wait for events to the
// begin of the next. An event that arrives meanwhile waits for so long.
#ifndef NEREID_BINDING_TURN_WATCH_H_
#define NEREID_BINDING_TURN_WATCH_H_

#include "napi.h"

namespace nereid {

/// Adds watchTurns to `exports`; see src/event-loop/native-turns.ts. They need no runtime.
void DefineTurnWatches(Napi::Env env, Napi::Object exports);

}  // namespace nereid

#endif  // NEREID_BINDING_TURN_WATCH_H_
