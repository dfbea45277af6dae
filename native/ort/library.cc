#include "ort/library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <string_view>

namespace nereid::ort {
namespace {

/// Copies these slots out of the runtime's table, in the order of the members of `api`.
template <typename Functions, size_t count>
void FillApi(const void* table, const std::array<size_t, count>& slots, Functions* api) noexcept {
  static_assert(sizeof(Functions) == count * sizeof(void*));
  const auto* from = static_cast<const std::byte*>(table);
  std::array<void*, count> functions;
  for (size_t i = 0; i < count; i++)
    std::memcpy(&functions[i], from + slots[i] * sizeof(void*), sizeof(void*));
  std::memcpy(api, functions.data(), sizeof(Functions));
}

/// The version of the interface that a release 1.N has; 0 for another name. Asked for a version that it
/// lacks, the runtime writes a complaint to standard error.
uint32_t ApiVersionOf(const std::string& release) noexcept {
  constexpr std::string_view kMajor = "1.";
  if (release.rfind(kMajor, 0) != 0) return 0;
  return static_cast<uint32_t>(std::strtoul(release.c_str() + kMajor.size(), nullptr, 10));
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
  FillApi(table, kSlots, &library->api);
  const bool is_later = ApiVersionOf(library->version) >= kLaterApiVersion;
  if (const void* later = is_later ? base->GetApi(kLaterApiVersion) : nullptr; later != nullptr)
    FillApi(later, kLaterSlots, &library->later.emplace());
  return {};
}

}  // namespace nereid::ort
