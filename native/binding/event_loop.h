// The few declarations of libuv that we call. Node exports them from its executable, and its ABI is stable
// within a major version of libuv, of which Node has had only one; its headers are not part of Node-API's.
#ifndef NEREID_BINDING_EVENT_LOOP_H_
#define NEREID_BINDING_EVENT_LOOP_H_

#include <cstddef>
#include <cstdint>

extern "C" {

struct uv_loop_s;
struct uv_handle_s;
struct uv_prepare_s;

/// The member UV_PREPARE of uv_handle_type.
constexpr int kUvPrepare = 9;

size_t uv_handle_size(int type);
void* uv_handle_get_data(const uv_handle_s* handle);
void uv_handle_set_data(uv_handle_s* handle, void* data);
void uv_close(uv_handle_s* handle, void (*closed)(uv_handle_s* handle));
void uv_unref(uv_handle_s* handle);
int uv_prepare_init(uv_loop_s* loop, uv_prepare_s* prepare);
/// `run` is called right before each wait for events.
int uv_prepare_start(uv_prepare_s* prepare, void (*run)(uv_prepare_s* prepare));
/// Nanoseconds of a monotonic clock.
uint64_t uv_hrtime(void);
/// Nanoseconds that the loop has waited for events so far; Node has every loop count them.
uint64_t uv_metrics_idle_time(uv_loop_s* loop);
}

#endif  // NEREID_BINDING_EVENT_LOOP_H_
