#include "binding/file_facts.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace nereid {
namespace {

/// The numbers of one file; the same order as in src/repository/file-facts.ts.
enum Fact : size_t { kMode, kSize, kInode, kDevice, kContentNs, kAttributesNs, kFacts };

int64_t Nanoseconds(const timespec& time) noexcept {
  return int64_t{time.tv_sec} * 1'000'000'000 + int64_t{time.tv_nsec};
}

/// Zeros for a file that is not there, a negative mode for one that cannot be looked at.
void ReadFacts(const char* path, int64_t* facts) noexcept {
  struct stat found {};
  if (stat(path, &found) != 0) {
    const bool is_absent = errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG;
    if (!is_absent) facts[kMode] = -errno;
    return;
  }
  facts[kMode] = int64_t{found.st_mode};
  facts[kSize] = int64_t{found.st_size};
  facts[kInode] = static_cast<int64_t>(found.st_ino);
  facts[kDevice] = static_cast<int64_t>(found.st_dev);
  facts[kContentNs] = Nanoseconds(found.st_mtim);
  facts[kAttributesNs] = Nanoseconds(found.st_ctim);
}

/// Threads: made and ended on the environment's, executes on one of libuv's pool. Lifetime: deletes itself
/// after the answer. Memory: its own.
class StatWork : public Napi::AsyncWorker {
 public:
  StatWork(Napi::Env env, std::string paths)
      : AsyncWorker(env, "nereid:statFiles"), deferred_(env), paths_(std::move(paths)) {}

  Napi::Promise Answer() const { return deferred_.Promise(); }

  void Execute() override {
    const char* const end = paths_.data() + paths_.size();
    for (const char* path = paths_.data(); path < end; path += std::char_traits<char>::length(path) + 1) {
      facts_.resize(facts_.size() + kFacts);
      ReadFacts(path, &facts_[facts_.size() - kFacts]);
    }
  }

  void OnOK() override {
    auto answer = Napi::BigInt64Array::New(Env(), facts_.size());
    std::copy(facts_.begin(), facts_.end(), answer.Data());
    deferred_.Resolve(answer);
  }

  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  std::string paths_;
  std::vector<int64_t> facts_;
};

// statFiles(paths) → Promise<BigInt64Array>; each path ends with NUL
Napi::Value StatFiles(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString()) {
    Napi::TypeError::New(env, "native: statFiles(paths)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  auto* work = new StatWork(env, info[0].As<Napi::String>().Utf8Value());
  const Napi::Promise answer = work->Answer();
  work->Queue();
  return answer;
}

}  // namespace

void DefineFileFacts(Napi::Env env, Napi::Object exports) {
  exports.Set("statFiles", Napi::Function::New(env, StatFiles, "statFiles"));
}

}  // namespace nereid
