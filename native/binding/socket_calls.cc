#include "binding/socket_calls.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace nereid {
namespace {

// setReceiveLowWater(fd, bytes)
Napi::Value SetReceiveLowWater(const Napi::CallbackInfo& info) {
  const int fd = info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : -1;
  const int bytes = info[1].IsNumber() ? info[1].As<Napi::Number>().Int32Value() : 1;
  // Where the system refuses, the socket is read as it was before.
  static_cast<void>(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes)));
  return info.Env().Undefined();
}

#ifdef MSG_NOSIGNAL
constexpr int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
#else
// Node ignores SIGPIPE.
constexpr int kSendFlags = MSG_DONTWAIT;
#endif

// sendNow(fd, bytes, from, end) → bytes that were taken
//
// Called for each write of each connection, so it uses the C functions: their wrappers cost as much as the
// rest.
napi_value SendNow(napi_env env, napi_callback_info info) {
  constexpr size_t kArguments = 4;
  size_t count = kArguments;
  napi_value arguments[kArguments];
  int32_t fd = -1;
  uint32_t from = 0;
  uint32_t end = 0;
  void* data = nullptr;
  size_t length = 0;
  ssize_t sent = 0;
  const bool are_valid = napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) == napi_ok &&
                         count == kArguments && napi_get_value_int32(env, arguments[0], &fd) == napi_ok &&
                         napi_get_buffer_info(env, arguments[1], &data, &length) == napi_ok &&
                         napi_get_value_uint32(env, arguments[2], &from) == napi_ok &&
                         napi_get_value_uint32(env, arguments[3], &end) == napi_ok;
  if (are_valid && from < end && end <= length) {
    do {
      sent = send(fd, static_cast<const char*>(data) + from, end - from, kSendFlags);
    } while (sent < 0 && errno == EINTR);
  }
  napi_value taken = nullptr;
  napi_create_uint32(env, sent > 0 ? static_cast<uint32_t>(sent) : 0, &taken);
  return taken;
}

}  // namespace

void DefineSocketCalls(Napi::Env env, Napi::Object exports) {
  exports.Set("setReceiveLowWater", Napi::Function::New(env, SetReceiveLowWater, "setReceiveLowWater"));
  napi_value send_now = nullptr;
  if (napi_create_function(env, "sendNow", NAPI_AUTO_LENGTH, SendNow, nullptr, &send_now) == napi_ok)
    exports.Set("sendNow", Napi::Function(env, send_now));
}

}  // namespace nereid
