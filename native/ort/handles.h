// Owning handles for objects of ONNX Runtime: each frees itself through the table it came from.
#ifndef NEREID_ORT_HANDLES_H_
#define NEREID_ORT_HANDLES_H_

#include <memory>

#include "ort/ort_abi.h"

namespace nereid::ort {

/// The table of the one library of this process. Set once by the runtime before any handle exists, then only
/// read.
inline const Api* g_api = nullptr;
/// Likewise, of a library that is new enough for it; else null.
inline const LaterApi* g_later = nullptr;

template <typename T, void (*Api::*Release)(T*)>
struct Releaser {
  void operator()(T* handle) const noexcept { (g_api->*Release)(handle); }
};

template <typename T, void (*Api::*Release)(T*)>
using Owned = std::unique_ptr<T, Releaser<T, Release>>;

using OwnedStatus = Owned<Status, &Api::ReleaseStatus>;
using OwnedMemoryInfo = Owned<MemoryInfo, &Api::ReleaseMemoryInfo>;
using OwnedSession = Owned<Session, &Api::ReleaseSession>;
using OwnedValue = Owned<Value, &Api::ReleaseValue>;
using OwnedRunOptions = Owned<RunOptions, &Api::ReleaseRunOptions>;
using OwnedTypeInfo = Owned<TypeInfo, &Api::ReleaseTypeInfo>;
using OwnedTensorInfo = Owned<TensorInfo, &Api::ReleaseTensorTypeAndShapeInfo>;
using OwnedSessionOptions = Owned<SessionOptions, &Api::ReleaseSessionOptions>;
using OwnedThreadingOptions = Owned<ThreadingOptions, &Api::ReleaseThreadingOptions>;
using OwnedModelMetadata = Owned<ModelMetadata, &Api::ReleaseModelMetadata>;
using OwnedAllocator = Owned<Allocator, &Api::ReleaseAllocator>;
using OwnedIoBinding = Owned<IoBinding, &Api::ReleaseIoBinding>;
using OwnedCudaOptions = Owned<CudaOptions, &Api::ReleaseCudaOptions>;
using OwnedTensorRtOptions = Owned<TensorRtOptions, &Api::ReleaseTensorRtOptions>;

/// Receives an out-parameter into an owning handle: `api.CreateX(…, Out(handle))`.
template <typename Handle>
class Out {
 public:
  explicit Out(Handle& handle) noexcept : handle_(handle) {}
  Out(const Out&) = delete;
  Out& operator=(const Out&) = delete;
  ~Out() { handle_.reset(raw_); }
  operator typename Handle::pointer *() noexcept { return &raw_; }

 private:
  Handle& handle_;
  typename Handle::pointer raw_ = nullptr;
};

}  // namespace nereid::ort

#endif  // NEREID_ORT_HANDLES_H_
