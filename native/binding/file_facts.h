// Facts of many files in one call, for scans of model repositories.
#ifndef NEREID_BINDING_FILE_FACTS_H_
#define NEREID_BINDING_FILE_FACTS_H_

#include "napi.h"

namespace nereid {

/// Adds statFiles to `exports`; see src/repository/file-facts.ts. It needs no runtime.
void DefineFileFacts(Napi::Env env, Napi::Object exports);

}  // namespace nereid

#endif  // NEREID_BINDING_FILE_FACTS_H_
