// Checks at load that the runtime's function table matches our declarations, before any model depends on it.
#ifndef NEREID_ENGINE_SELF_CHECK_H_
#define NEREID_ENGINE_SELF_CHECK_H_

#include "engine/result.h"
#include "ort/handles.h"

namespace nereid {

/// Makes a small tensor of each of the fourteen datatypes, asks the runtime for its type and size, and writes
/// and reads numbers and a string with a NUL in it.
Status CheckRuntime(ort::Allocator* allocator) noexcept;

}  // namespace nereid

#endif  // NEREID_ENGINE_SELF_CHECK_H_
