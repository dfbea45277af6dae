/*
 * A library of custom operators, built by custom-operators.test.ts: `Triple` of the domain `nereid.test`, y = FACTOR x for FP32 of any
 * shape. It calls ONNX Runtime by slots of its function table, as native/ort/ort_abi.h does, so that no header is needed.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct CustomOp CustomOp;

/* OrtCustomOp as version 15 of the interface has it. */
struct CustomOp {
  uint32_t version;
  void* (*create_kernel)(const CustomOp* op, const void* api, const void* info);
  const char* (*name)(const CustomOp* op);
  const char* (*provider)(const CustomOp* op);
  int (*input_type)(const CustomOp* op, size_t index);
  size_t (*input_count)(const CustomOp* op);
  int (*output_type)(const CustomOp* op, size_t index);
  size_t (*output_count)(const CustomOp* op);
  void (*compute)(void* kernel, void* context);
  void (*destroy)(void* kernel);
  int (*input_characteristic)(const CustomOp* op, size_t index);
  int (*output_characteristic)(const CustomOp* op, size_t index);
  int (*input_memory)(const CustomOp* op, size_t index);
  /* Of operators with a variable number of inputs or outputs, which this one is not. */
  int (*variadic[4])(const CustomOp* op);
};

struct ApiBase {
  const void* (*get_api)(uint32_t version);
  const char* (*version)(void);
};

typedef void* Status;

/* Slots of the table that native/ort/ort_abi.h does not use. */
enum {
  kCreateCustomOpDomain = 26,
  kCustomOpDomainAdd = 27,
  kAddCustomOpDomain = 28,
  kGetTensorMutableData = 51,
  kGetDimensionsCount = 61,
  kGetDimensions = 62,
  kGetTensorShapeElementCount = 64,
  kGetTensorTypeAndShape = 65,
  kKernelContextGetInput = 90,
  kKernelContextGetOutput = 91,
  kReleaseTensorTypeAndShapeInfo = 99
};
enum { kFloat = 1, kMaxRank = 8 };

static void* const* api;

#define CALL(slot, ...) ((Status(*)())api[slot])(__VA_ARGS__)

static void compute(void* kernel, void* context) {
  const void* input = NULL;
  void* output = NULL;
  void* info = NULL;
  size_t rank = 0;
  size_t count = 0;
  int64_t dims[kMaxRank];
  float* x = NULL;
  float* y = NULL;
  size_t i;
  (void)kernel;
  if (CALL(kKernelContextGetInput, context, (size_t)0, &input) != NULL) return;
  if (CALL(kGetTensorTypeAndShape, input, &info) != NULL) return;
  if (CALL(kGetDimensionsCount, info, &rank) == NULL && rank <= kMaxRank &&
      CALL(kGetDimensions, info, dims, rank) == NULL && CALL(kGetTensorShapeElementCount, info, &count) == NULL &&
      CALL(kKernelContextGetOutput, context, (size_t)0, dims, rank, &output) == NULL &&
      CALL(kGetTensorMutableData, input, (void**)&x) == NULL && CALL(kGetTensorMutableData, output, (void**)&y) == NULL)
    for (i = 0; i < count; i++) y[i] = FACTOR * x[i];
  ((void (*)(void*))api[kReleaseTensorTypeAndShapeInfo])(info);
}

static void* create_kernel(const CustomOp* op, const void* table, const void* info) {
  (void)table;
  (void)info;
  return (void*)op;
}
static const char* name(const CustomOp* op) { return (void)op, "Triple"; }
static const char* provider(const CustomOp* op) { return (void)op, (const char*)NULL; }
static int type(const CustomOp* op, size_t index) { return (void)op, (void)index, kFloat; }
static size_t count(const CustomOp* op) { return (void)op, (size_t)1; }
static void destroy(void* kernel) { (void)kernel; }

static int is_required(const CustomOp* op, size_t index) { return (void)op, (void)index, 0; }
static int default_memory(const CustomOp* op, size_t index) { return (void)op, (void)index, 0; }

static const CustomOp triple = {
    .version = 15,
    .create_kernel = create_kernel,
    .name = name,
    .provider = provider,
    .input_type = type,
    .input_count = count,
    .output_type = type,
    .output_count = count,
    .compute = compute,
    .destroy = destroy,
    .input_characteristic = is_required,
    .output_characteristic = is_required,
    .input_memory = default_memory,
};

/* ONNX Runtime calls this when the library is registered with a session. */
Status RegisterCustomOps(void* options, const struct ApiBase* base) {
  void* domain = NULL;
  Status status;
  api = base->get_api(15);
  status = CALL(kCreateCustomOpDomain, "nereid.test", &domain);
  if (status == NULL) status = CALL(kCustomOpDomainAdd, domain, &triple);
  if (status == NULL) status = CALL(kAddCustomOpDomain, options, domain);
  return status;
}
