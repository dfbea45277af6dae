// The addon's entry: runs once per JavaScript environment that loads it.
#include "binding/addon_data.h"
#include "binding/batch_binding.h"
#include "binding/doorbell.h"
#include "binding/engine_binding.h"
#include "binding/file_facts.h"
#include "binding/large_block.h"
#include "binding/listener.h"
#include "binding/plain_view.h"
#include "binding/socket_calls.h"
#include "binding/turn_watch.h"
#include "napi.h"

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(std::make_unique<nereid::AddonData>().release());
  nereid::DefineEngine(env, exports);
  nereid::DefineBatches(env, exports);
  nereid::DefineFileFacts(env, exports);
  nereid::DefineLargeBlocks(env, exports);
  nereid::DefineListeners(env, exports);
  nereid::DefineSocketCalls(env, exports);
  nereid::DefineDoorbells(env, exports);
  nereid::DefinePlainViews(env, exports);
  nereid::DefineTurnWatches(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(nereid, Init)
