// The part of ONNX Runtime's C interface that we call: opaque handles, the enumerations we pass or read, and
// the slots of its function table. The interface is a versioned ABI: one exported function hands out an array
// of function pointers whose order never changes, so nothing of the runtime's own headers is needed. Opening
// the library and filling `Api` is in library.h; owning handles are in handles.h.
#ifndef NEREID_ORT_ORT_ABI_H_
#define NEREID_ORT_ORT_ABI_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace nereid::ort {

struct Env;
struct Status;
struct MemoryInfo;
struct IoBinding;
struct Session;
struct Value;
struct RunOptions;
struct TypeInfo;
struct TensorInfo;
struct SessionOptions;
struct ThreadingOptions;
struct ModelMetadata;
struct CudaOptions;
struct TensorRtOptions;
struct MapTypeInfo;
struct SequenceTypeInfo;
struct OptionalTypeInfo;
struct EpDevice;
struct AssignedSubgraph;
struct AssignedNode;
/// Only ever used through the allocator slots of the table.
struct Allocator;

/// ONNXTensorElementDataType.
enum ElementType : int {
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13,
  kBfloat16 = 16,
};

/// ONNXType.
enum ValueKind : int {
  kUnknownKind = 0,
  kTensor = 1,
  kSequence = 2,
  kMap = 3,
  kOpaque = 4,
  kSparse = 5,
  kOptional = 6
};

/// OrtErrorCode.
enum ErrorCode : int {
  kOk = 0,
  kFail = 1,
  kInvalidArgument = 2,
  kNoSuchFile = 3,
  kNoModel = 4,
  kEngineError = 5,
  kRuntimeException = 6,
  kInvalidProtobuf = 7,
  kModelLoaded = 8,
  kNotImplemented = 9,
  kInvalidGraph = 10,
  kEpFail = 11,
};

/// OrtLoggingLevel.
enum Severity : int { kVerbose = 0, kInfo = 1, kWarning = 2, kError = 3, kFatal = 4 };

enum AllocatorType : int { kDeviceAllocator = 0, kArenaAllocator = 1 };
enum MemoryType : int { kCpuOutput = -1, kDefaultMemory = 0 };
enum ExecutionMode : int { kSequential = 0, kParallel = 1 };

using LogFunction = void (*)(void* param, int severity, const char* category, const char* log_id,
                             const char* code_location, const char* message);

// X(slot, name, result, arguments…): every function we call, by its index in the table.
#define NEREID_ORT_SLOTS(X)                                                                                \
  X(1, GetErrorCode, int, const Status*)                                                                   \
  X(2, GetErrorMessage, const char*, const Status*)                                                        \
  X(4, CreateEnvWithCustomLogger, Status*, LogFunction, void*, int, const char*, Env**)                    \
  X(6, DisableTelemetryEvents, Status*, const Env*)                                                        \
  X(7, CreateSession, Status*, const Env*, const char*, const SessionOptions*, Session**)                  \
  X(8, CreateSessionFromArray, Status*, const Env*, const void*, size_t, const SessionOptions*, Session**) \
  X(10, CreateSessionOptions, Status*, SessionOptions**)                                                   \
  X(13, SetSessionExecutionMode, Status*, SessionOptions*, int)                                            \
  X(16, EnableMemPattern, Status*, SessionOptions*)                                                        \
  X(17, DisableMemPattern, Status*, SessionOptions*)                                                       \
  X(18, EnableCpuMemArena, Status*, SessionOptions*)                                                       \
  X(19, DisableCpuMemArena, Status*, SessionOptions*)                                                      \
  X(20, SetSessionLogId, Status*, SessionOptions*, const char*)                                            \
  X(23, SetSessionGraphOptimizationLevel, Status*, SessionOptions*, int)                                   \
  X(24, SetIntraOpNumThreads, Status*, SessionOptions*, int)                                               \
  X(25, SetInterOpNumThreads, Status*, SessionOptions*, int)                                               \
  X(30, SessionGetInputCount, Status*, const Session*, size_t*)                                            \
  X(31, SessionGetOutputCount, Status*, const Session*, size_t*)                                           \
  X(32, SessionGetOverridableInitializerCount, Status*, const Session*, size_t*)                           \
  X(33, SessionGetInputTypeInfo, Status*, const Session*, size_t, TypeInfo**)                              \
  X(34, SessionGetOutputTypeInfo, Status*, const Session*, size_t, TypeInfo**)                             \
  X(35, SessionGetOverridableInitializerTypeInfo, Status*, const Session*, size_t, TypeInfo**)             \
  X(36, SessionGetInputName, Status*, const Session*, size_t, Allocator*, char**)                          \
  X(37, SessionGetOutputName, Status*, const Session*, size_t, Allocator*, char**)                         \
  X(38, SessionGetOverridableInitializerName, Status*, const Session*, size_t, Allocator*, char**)         \
  X(39, CreateRunOptions, Status*, RunOptions**)                                                           \
  X(42, RunOptionsSetRunTag, Status*, RunOptions*, const char*)                                            \
  X(46, RunOptionsSetTerminate, Status*, RunOptions*)                                                      \
  X(47, RunOptionsUnsetTerminate, Status*, RunOptions*)                                                    \
  X(48, CreateTensorAsOrtValue, Status*, Allocator*, const int64_t*, size_t, int, Value**)                 \
  X(49, CreateTensorWithDataAsOrtValue, Status*, const MemoryInfo*, void*, size_t, const int64_t*, size_t, \
    int, Value**)                                                                                          \
  X(50, IsTensor, Status*, const Value*, int*)                                                             \
  X(51, GetTensorMutableData, Status*, Value*, void**)                                                     \
  X(53, GetStringTensorDataLength, Status*, const Value*, size_t*)                                         \
  X(54, GetStringTensorContent, Status*, const Value*, void*, size_t, size_t*, size_t)                     \
  X(55, CastTypeInfoToTensorInfo, Status*, const TypeInfo*, const TensorInfo**)                            \
  X(56, GetOnnxTypeFromTypeInfo, Status*, const TypeInfo*, int*)                                           \
  X(60, GetTensorElementType, Status*, const TensorInfo*, int*)                                            \
  X(61, GetDimensionsCount, Status*, const TensorInfo*, size_t*)                                           \
  X(62, GetDimensions, Status*, const TensorInfo*, int64_t*, size_t)                                       \
  X(63, GetSymbolicDimensions, Status*, const TensorInfo*, const char**, size_t)                           \
  X(64, GetTensorShapeElementCount, Status*, const TensorInfo*, size_t*)                                   \
  X(65, GetTensorTypeAndShape, Status*, const Value*, TensorInfo**)                                        \
  X(68, CreateMemoryInfo, Status*, const char*, int, int, int, MemoryInfo**)                               \
  X(69, CreateCpuMemoryInfo, Status*, int, int, MemoryInfo**)                                              \
  X(75, AllocatorAlloc, Status*, Allocator*, size_t, void**)                                               \
  X(76, AllocatorFree, Status*, Allocator*, void*)                                                         \
  X(78, GetAllocatorWithDefaultOptions, Status*, Allocator**)                                              \
  X(93, ReleaseStatus, void, Status*)                                                                      \
  X(94, ReleaseMemoryInfo, void, MemoryInfo*)                                                              \
  X(95, ReleaseSession, void, Session*)                                                                    \
  X(96, ReleaseValue, void, Value*)                                                                        \
  X(97, ReleaseRunOptions, void, RunOptions*)                                                              \
  X(98, ReleaseTypeInfo, void, TypeInfo*)                                                                  \
  X(99, ReleaseTensorTypeAndShapeInfo, void, TensorInfo*)                                                  \
  X(100, ReleaseSessionOptions, void, SessionOptions*)                                                     \
  X(103, CastTypeInfoToMapTypeInfo, Status*, const TypeInfo*, const MapTypeInfo**)                         \
  X(104, CastTypeInfoToSequenceTypeInfo, Status*, const TypeInfo*, const SequenceTypeInfo**)               \
  X(105, GetMapKeyType, Status*, const MapTypeInfo*, int*)                                                 \
  X(106, GetMapValueType, Status*, const MapTypeInfo*, TypeInfo**)                                         \
  X(107, GetSequenceElementType, Status*, const SequenceTypeInfo*, TypeInfo**)                             \
  X(111, SessionGetModelMetadata, Status*, const Session*, ModelMetadata**)                                \
  X(112, ModelMetadataGetProducerName, Status*, const ModelMetadata*, Allocator*, char**)                  \
  X(113, ModelMetadataGetGraphName, Status*, const ModelMetadata*, Allocator*, char**)                     \
  X(115, ModelMetadataGetDescription, Status*, const ModelMetadata*, Allocator*, char**)                   \
  X(116, ModelMetadataLookupCustomMetadataMap, Status*, const ModelMetadata*, Allocator*, const char*,     \
    char**)                                                                                                \
  X(117, ModelMetadataGetVersion, Status*, const ModelMetadata*, int64_t*)                                 \
  X(118, ReleaseModelMetadata, void, ModelMetadata*)                                                       \
  X(120, DisablePerSessionThreads, Status*, SessionOptions*)                                               \
  X(121, CreateThreadingOptions, Status*, ThreadingOptions**)                                              \
  X(122, ReleaseThreadingOptions, void, ThreadingOptions*)                                                 \
  X(123, ModelMetadataGetCustomMetadataMapKeys, Status*, const ModelMetadata*, Allocator*, char***,        \
    int64_t*)                                                                                              \
  X(125, GetAvailableProviders, Status*, char***, int*)                                                    \
  X(126, ReleaseAvailableProviders, Status*, char**, int)                                                  \
  X(130, AddSessionConfigEntry, Status*, SessionOptions*, const char*, const char*)                        \
  X(131, CreateAllocator, Status*, const Session*, const MemoryInfo*, Allocator**)                         \
  X(132, ReleaseAllocator, void, Allocator*)                                                               \
  X(133, RunWithBinding, Status*, Session*, const RunOptions*, const IoBinding*)                           \
  X(134, CreateIoBinding, Status*, Session*, IoBinding**)                                                  \
  X(135, ReleaseIoBinding, void, IoBinding*)                                                               \
  X(136, BindInput, Status*, IoBinding*, const char*, const Value*)                                        \
  X(137, BindOutput, Status*, IoBinding*, const char*, const Value*)                                       \
  X(138, BindOutputToDevice, Status*, IoBinding*, const char*, const MemoryInfo*)                          \
  X(140, GetBoundOutputValues, Status*, const IoBinding*, Allocator*, Value***, size_t*)                   \
  X(141, ClearBoundInputs, void, IoBinding*)                                                               \
  X(142, ClearBoundOutputs, void, IoBinding*)                                                              \
  X(147, SetGlobalIntraOpNumThreads, Status*, ThreadingOptions*, int)                                      \
  X(148, SetGlobalInterOpNumThreads, Status*, ThreadingOptions*, int)                                      \
  X(149, SetGlobalSpinControl, Status*, ThreadingOptions*, int)                                            \
  X(151, CreateEnvWithCustomLoggerAndGlobalThreadPools, Status*, LogFunction, void*, int, const char*,     \
    const ThreadingOptions*, Env**)                                                                        \
  X(165, AddRunConfigEntry, Status*, RunOptions*, const char*, const char*)                                \
  X(170, SessionOptionsAppendTensorRt, Status*, SessionOptions*, const TensorRtOptions*)                   \
  X(171, CreateTensorRtOptions, Status*, TensorRtOptions**)                                                \
  X(172, UpdateTensorRtOptions, Status*, TensorRtOptions*, const char* const*, const char* const*, size_t) \
  X(174, ReleaseTensorRtOptions, void, TensorRtOptions*)                                                   \
  X(202, SynchronizeBoundInputs, Status*, IoBinding*)                                                      \
  X(203, SynchronizeBoundOutputs, Status*, IoBinding*)                                                     \
  X(204, SessionOptionsAppendCuda, Status*, SessionOptions*, const CudaOptions*)                           \
  X(205, CreateCudaOptions, Status*, CudaOptions**)                                                        \
  X(206, UpdateCudaOptions, Status*, CudaOptions*, const char* const*, const char* const*, size_t)         \
  X(208, ReleaseCudaOptions, void, CudaOptions*)                                                           \
  X(228, RegisterCustomOpsLibrary, Status*, SessionOptions*, const char*)                                  \
  X(250, CastTypeInfoToOptionalTypeInfo, Status*, const TypeInfo*, const OptionalTypeInfo**)               \
  X(251, GetOptionalContainedTypeInfo, Status*, const OptionalTypeInfo*, TypeInfo**)                       \
  X(252, GetResizedStringTensorElementBuffer, Status*, Value*, size_t, size_t, char**)                     \
  X(254, GetBuildInfoString, const char*, void)

/// The functions above, copied out of the runtime's table by `OpenLibrary`.
struct Api {
#define NEREID_ORT_MEMBER(slot, name, result, ...) result (*name)(__VA_ARGS__);
  NEREID_ORT_SLOTS(NEREID_ORT_MEMBER)
};

#define NEREID_ORT_INDEX(slot, name, result, ...) slot,
inline constexpr auto kSlots = std::to_array<size_t>({NEREID_ORT_SLOTS(NEREID_ORT_INDEX)});

/// The lowest version of the interface that has every slot above; its table ends with GetBuildInfoString.
inline constexpr uint32_t kApiVersion = 15;
inline constexpr size_t kLastSlotOfApiVersion = 254;

constexpr bool SlotsAscend() {
  for (size_t i = 1; i < kSlots.size(); i++)
    if (kSlots[i - 1] >= kSlots[i]) return false;
  return true;
}
static_assert(SlotsAscend(), "a slot is listed twice or out of order");
static_assert(kSlots.back() <= kLastSlotOfApiVersion, "a slot needs a newer kApiVersion");
static_assert(sizeof(void (*)()) == sizeof(void*) && sizeof(Api) == kSlots.size() * sizeof(void*),
              "Api must be an array of function pointers");

/// The same slots by name.
#define NEREID_ORT_NAMED(slot, name, result, ...) name = slot,
enum class Slot : size_t { NEREID_ORT_SLOTS(NEREID_ORT_NAMED) };
#undef NEREID_ORT_NAMED
// Each version of the interface ends with a certain function for ever; these two end versions 2 and 15.
static_assert(Slot::ReleaseModelMetadata == Slot{118} &&
              Slot::GetBuildInfoString == Slot{kLastSlotOfApiVersion});
static_assert(sizeof(int) == 4 && sizeof(size_t) == 8, "the ABI was read on a 64-bit platform");

// Functions of a later version of the interface, which a library may lack.
#define NEREID_ORT_LATER_SLOTS(X)                                                                          \
  X(301, RegisterProviderLibrary, Status*, Env*, const char*, const char*)                                 \
  X(303, GetEpDevices, Status*, const Env*, const EpDevice* const**, size_t*)                              \
  X(304, SessionOptionsAppendDevices, Status*, SessionOptions*, Env*, const EpDevice* const*, size_t,      \
    const char* const*, const char* const*, size_t)                                                        \
  X(312, EpDeviceProvider, const char*, const EpDevice*)                                                   \
  X(407, SessionGetAssignment, Status*, const Session*, const AssignedSubgraph* const**, size_t*)          \
  X(408, AssignedSubgraphGetProvider, Status*, const AssignedSubgraph*, const char**)                      \
  X(409, AssignedSubgraphGetNodes, Status*, const AssignedSubgraph*, const AssignedNode* const**, size_t*) \
  X(411, AssignedNodeGetDomain, Status*, const AssignedNode*, const char**)                                \
  X(412, AssignedNodeGetOperator, Status*, const AssignedNode*, const char**)

struct LaterApi {
  NEREID_ORT_LATER_SLOTS(NEREID_ORT_MEMBER)
};
inline constexpr auto kLaterSlots = std::to_array<size_t>({NEREID_ORT_LATER_SLOTS(NEREID_ORT_INDEX)});
inline constexpr uint32_t kLaterApiVersion = 24;
static_assert(sizeof(LaterApi) == kLaterSlots.size() * sizeof(void*));
#undef NEREID_ORT_MEMBER
#undef NEREID_ORT_INDEX

/// The result of OrtGetApiBase.
struct ApiBase {
  const void* (*GetApi)(uint32_t version);
  const char* (*GetVersionString)();
};

}  // namespace nereid::ort

#endif  // NEREID_ORT_ORT_ABI_H_
