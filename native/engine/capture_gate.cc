#include "engine/capture_gate.h"

namespace nereid {
namespace {

/// Never destroyed: instances may still run while the process ends.
CaptureLock& SessionLock() noexcept {
  static auto* lock = new CaptureLock();
  return *lock;
}

CaptureLock& UseLock() noexcept {
  static auto* lock = new CaptureLock();
  return *lock;
}

/// Uses of this thread that nest; also counts a capture of its own.
thread_local int t_uses = 0;
thread_local int t_changes = 0;

}  // namespace

void CaptureLock::Share() noexcept {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !is_closed_ && insisting_ == 0; });
  users_++;
}

void CaptureLock::Unshare() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (--users_ > 0) return;
  }
  changed_.notify_all();
}

void CaptureLock::Close() noexcept {
  std::unique_lock lock(mutex_);
  const auto is_free = [this] { return users_ == 0 && !is_closed_; };
  if (!changed_.wait_for(lock, kPatience, is_free)) {
    insisting_++;
    changed_.wait(lock, is_free);
    insisting_--;
  }
  is_closed_ = true;
}

void CaptureLock::Open() noexcept {
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = false;
  }
  changed_.notify_all();
}

DeviceUse::DeviceUse(bool is_on_gpu) noexcept : is_on_gpu_(is_on_gpu) {
  if (is_on_gpu_ && t_uses++ == 0) UseLock().Share();
}

DeviceUse::~DeviceUse() {
  if (is_on_gpu_ && --t_uses == 0) UseLock().Unshare();
}

SessionChange::SessionChange(bool is_on_gpu) noexcept : is_on_gpu_(is_on_gpu) {
  if (is_on_gpu_ && t_changes++ == 0) SessionLock().Share();
}

SessionChange::~SessionChange() {
  if (is_on_gpu_ && --t_changes == 0) SessionLock().Unshare();
}

CaptureTurn::CaptureTurn() noexcept {
  SessionLock().Close();
  UseLock().Close();
  t_uses++;
}

CaptureTurn::~CaptureTurn() {
  t_uses--;
  UseLock().Open();
  SessionLock().Open();
}

}  // namespace nereid
