// The threads that instances share: how many there are, and that no work is forgotten.
#include "engine/instance_threads.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "test/harness.h"

namespace nereid::test {
namespace {

using std::chrono::milliseconds;

class NoLog : public LogSink {
 public:
  void Write(LogLine) noexcept override {}
};

/// Works until it is let go, if it is to wait for that.
class User : public ThreadUser {
 public:
  void Work() noexcept override {
    std::unique_lock lock(mutex_);
    calls_++;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !is_held_; });
    ends_++;
    changed_.notify_all();
  }
  void Hold() { Set(true); }
  void LetGo() { Set(false); }
  void WaitForCalls(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return calls_ >= count; });
  }
  void WaitForEnds(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ends_ >= count; });
  }

 private:
  void Set(bool is_held) {
    const std::lock_guard lock(mutex_);
    is_held_ = is_held;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_held_ = false;
  int calls_ = 0;
  int ends_ = 0;
};

TEST("gives each of the users that work at the same time a thread") {
  NoLog log;
  InstanceThreads threads(&log);
  REQUIRE(threads.Reserve().ok());
  User users[4];
  for (auto& user : users) {
    user.Hold();
    threads.Start(&user);
  }
  // Would hang if one waited for another.
  for (auto& user : users) user.WaitForCalls(1);
  CHECK(threads.count() >= 4);
  for (auto& user : users) user.LetGo();
  for (auto& user : users) user.WaitForEnds(1);
}

TEST("makes no thread for each of many users that work one after the other") {
  NoLog log;
  InstanceThreads threads(&log);
  REQUIRE(threads.Reserve().ok());
  User users[100];
  for (auto& user : users) {
    threads.Start(&user);
    user.WaitForEnds(1);
    // A thread that is just about to be free would not be waited for.
    while (threads.idle_count() < threads.count()) std::this_thread::sleep_for(milliseconds(1));
  }
  CHECK(threads.count() <= 2);
}

TEST("ends threads that have had nothing to do, and keeps one") {
  NoLog log;
  InstanceThreads threads(&log, milliseconds(1));
  REQUIRE(threads.Reserve().ok());
  User users[4];
  for (int turn = 1; turn <= 3; turn++) {
    for (auto& user : users) {
      user.Hold();
      threads.Start(&user);
    }
    for (auto& user : users) user.WaitForCalls(turn);
    for (auto& user : users) user.LetGo();
    while (threads.count() > 1) std::this_thread::sleep_for(milliseconds(1));
    for (auto& user : users) user.WaitForEnds(turn);
  }
}

TEST("forgets no work, whenever it comes") {
  NoLog log;
  InstanceThreads threads(&log, milliseconds(1));
  REQUIRE(threads.Reserve().ok());
  User users[3];
  for (int turn = 1; turn <= 2000; turn++) {
    for (auto& user : users) threads.Start(&user);
    if (turn % 100 == 0) std::this_thread::sleep_for(milliseconds(turn % 3));
    if (turn % 2 == 0)
      for (auto& user : users) user.WaitForEnds(turn);
  }
  for (auto& user : users) user.WaitForEnds(2000);
}

}  // namespace
}  // namespace nereid::test
