#include "engine/plugin_provider.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "engine/graph_assignment.h"
#include "engine/ort_status.h"

namespace nereid {
namespace {

struct Plugin {
  std::string path;
  /// By the name that it gives itself, e.g. OpenVINOExecutionProvider.
  std::string provider;
  /// Owned by the runtime.
  const ort::EpDevice* device;
};

struct Registry {
  std::mutex mutex;
  std::map<std::string, Plugin> plugins;
};

/// On the heap and never freed, as the runtime is.
Registry& TheRegistry() noexcept {
  static auto* registry = std::make_unique<Registry>().release();
  return *registry;
}

Status Precondition(const std::string& name, const std::string& reason) {
  return {Code::kFailedPrecondition, "the execution provider '" + name + "' " + reason};
}

Status ListDevices(const ort::Env* env, std::vector<const ort::EpDevice*>* devices) {
  const ort::EpDevice* const* listed = nullptr;
  size_t count = 0;
  NEREID_RETURN_IF_ORT(ort::g_later->GetEpDevices(env, &listed, &count));
  devices->assign(listed, listed + count);
  return {};
}

Status Register(const Runtime& runtime, const std::string& name, const std::string& path, Plugin* plugin) {
  std::vector<const ort::EpDevice*> before;
  std::vector<const ort::EpDevice*> after;
  NEREID_RETURN_IF_ERROR(ListDevices(runtime.env, &before));
  if (auto status = FromOrt(ort::g_later->RegisterProviderLibrary(runtime.env, name.c_str(), path.c_str()));
      !status.ok())
    return Precondition(name, "cannot be registered: " + status.message);
  NEREID_RETURN_IF_ERROR(ListDevices(runtime.env, &after));
  const auto device = std::find_if(after.begin(), after.end(), [&](const ort::EpDevice* one) {
    return std::find(before.begin(), before.end(), one) == before.end();
  });
  if (device == after.end())
    return Precondition(
        name, "offers no device on this machine: it does not support the hardware, or lacks its driver");
  *plugin = {path, ort::g_later->EpDeviceProvider(*device), *device};
  return {};
}

/// Null when nothing is registered under the name. A registered plugin stays.
const Plugin* FindPlugin(const std::string& name) noexcept {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  const auto found = registry.plugins.find(name);
  return found == registry.plugins.end() ? nullptr : &found->second;
}

}  // namespace

Status RegisterPlugin(const Runtime& runtime, const std::string& name, const std::string& path) noexcept {
  if (ort::g_later == nullptr) {
    const std::string wanted = "1." + std::to_string(ort::kLaterApiVersion);
    return Precondition(name, "needs ONNX Runtime " + wanted + " or newer, and this is " + runtime.version);
  }
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  if (const auto known = registry.plugins.find(name); known != registry.plugins.end()) {
    if (known->second.path == path) return {};
    return Precondition(name, "is registered with another library in this process");
  }
  Plugin plugin{};
  NEREID_RETURN_IF_ERROR(Register(runtime, name, path, &plugin));
  registry.plugins.emplace(name, std::move(plugin));
  return {};
}

Status AppendPlugin(const Runtime& runtime, const SessionSpec& spec, ort::SessionOptions* options) noexcept {
  const Plugin* plugin = FindPlugin(spec.plugin_provider);
  if (plugin == nullptr) return Precondition(spec.plugin_provider, "is not registered");
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : spec.plugin_options) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  // Asked for by UnclaimedReason.
  NEREID_RETURN_IF_ORT(ort::g_api->AddSessionConfigEntry(options, kRecordAssignment, "1"));
  auto status = FromOrt(ort::g_later->SessionOptionsAppendDevices(options, runtime.env, &plugin->device, 1,
                                                                  keys.data(), values.data(), keys.size()));
  return status.ok() ? status : Precondition(spec.plugin_provider, "refuses its options: " + status.message);
}

std::string UnclaimedReason(const SessionSpec& spec, const ort::Session* session) noexcept {
  const Plugin* plugin = FindPlugin(spec.plugin_provider);
  auto parts = ReadAssignment(session);
  if (plugin == nullptr || !parts.ok()) return "it is not known which nodes it runs";
  size_t nodes = 0;
  for (const auto& part : parts.value()) {
    if (part.provider == plugin->provider) return {};
    nodes += part.operators.size();
  }
  return "it takes none of the model's " + std::to_string(nodes) + " nodes";
}

}  // namespace nereid
