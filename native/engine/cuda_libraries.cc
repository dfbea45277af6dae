#include "engine/cuda_libraries.h"

#include <dlfcn.h>
#include <link.h>

namespace nereid {
namespace {

bool Open(CudaLibrary* library) {
  // Local: the loader finds an open library by its name all the same, and nobody else's symbols are changed.
  void* handle = dlopen(library->wanted.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    library->problem = reason == nullptr ? "cannot be opened" : reason;
    return false;
  }
  library->problem.clear();
  library->path = library->wanted;
  link_map* map = nullptr;
  if (dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map->l_name != nullptr && map->l_name[0] != '\0')
    library->path = map->l_name;
  return true;
}

}  // namespace

std::vector<CudaLibrary> OpenCudaLibraries(std::span<const std::string> wanted) {
  std::vector<CudaLibrary> libraries;
  for (const auto& name : wanted) libraries.push_back({name, {}, {}});
  // One that needs another, which comes later and lies where the loader does not look, opens in the next
  // turn.
  for (bool has_opened = true; has_opened;) {
    has_opened = false;
    for (auto& library : libraries)
      if (library.path.empty() && Open(&library)) has_opened = true;
  }
  return libraries;
}

}  // namespace nereid
