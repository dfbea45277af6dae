// Functions of libraries that are opened at run time.
#ifndef NEREID_ENGINE_LIBRARY_FUNCTION_H_
#define NEREID_ENGINE_LIBRARY_FUNCTION_H_

#include <dlfcn.h>

namespace nereid {

/// Finds a function in a library that `dlopen` returned. False, and null, when it has none of that name.
template <typename Function>
bool BindFunction(void* library, const char* name, Function* function) noexcept {
  *function = reinterpret_cast<Function>(dlsym(library, name));
  return *function != nullptr;
}

}  // namespace nereid

#endif  // NEREID_ENGINE_LIBRARY_FUNCTION_H_
