#include "ort/library.h"

#include <dlfcn.h>

#include <cstring>

namespace nereid::ort {
namespace {

/// Copies the slots we use out of the runtime's table, in the order of `Api`.
void FillApi(const void* table, Api* api) noexcept {
  const auto* from = static_cast<const std::byte*>(table);
  auto* to = reinterpret_cast<std::byte*>(api);
  for (size_t i = 0; i < kSlots.size(); i++)
    std::memcpy(to + i * sizeof(void*), from + kSlots[i] * sizeof(void*), sizeof(void*));
}

}  // namespace

std::string OpenLibrary(const std::string& path, Library* library) noexcept {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    return "ONNX Runtime could not be opened: " + std::string(reason == nullptr ? path.c_str() : reason);
  }
  using GetApiBase = const ApiBase* (*)();
  const auto get_base = reinterpret_cast<GetApiBase>(dlsym(handle, "OrtGetApiBase"));
  const ApiBase* base = get_base == nullptr ? nullptr : get_base();
  if (base == nullptr) {
    dlclose(handle);
    return "'" + path + "' is no ONNX Runtime library: it does not export OrtGetApiBase";
  }
  library->path = path;
  library->version = base->GetVersionString();
  const void* table = base->GetApi(kApiVersion);
  if (table == nullptr) {
    return "ONNX Runtime " + library->version + " at '" + path + "' is too old: version 1." +
           std::to_string(kApiVersion) +
           " or newer is needed; point --onnxruntime-library at one, or install "
           "the npm package onnxruntime-node";
  }
  FillApi(table, &library->api);
  return {};
}

}  // namespace nereid::ort
