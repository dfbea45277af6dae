#include "engine/datatype.h"

#include <limits>

namespace nereid {
namespace {

constexpr std::array<const char*, 27> kElementNames = {
    "undefined", "float",      "uint8",      "int8",         "uint16",         "int16",      "int32",
    "int64",     "string",     "bool",       "float16",      "double",         "uint32",     "uint64",
    "complex64", "complex128", "bfloat16",   "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz",
    "uint4",     "int4",       "float4e2m1", "uint2",        "int2",           "float8e8m0",
};

constexpr size_t kHighestCode = 16;

constexpr auto kFactsByCode = [] {
  std::array<const DatatypeFacts*, kHighestCode + 1> table{};
  for (const auto& facts : kDatatypes) table[static_cast<size_t>(facts.code)] = &facts;
  return table;
}();
static_assert(kFactsByCode[ort::kFloat]->byte_size == sizeof(float));
static_assert(kFactsByCode[ort::kInt64]->byte_size == sizeof(int64_t));
static_assert(kFactsByCode[ort::kString]->byte_size == 0);

constexpr uint64_t kMaxCount = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());

}  // namespace

const DatatypeFacts* DatatypeOfCode(int code) noexcept {
  const auto index = static_cast<size_t>(code);
  return code < 0 || index >= kFactsByCode.size() ? nullptr : kFactsByCode[index];
}

std::string ElementTypeName(int code) {
  const auto index = static_cast<size_t>(code);
  return code < 0 || index >= kElementNames.size() ? "element type " + std::to_string(code)
                                                   : kElementNames[index];
}

std::optional<uint64_t> ElementCount(std::span<const int64_t> shape) noexcept {
  uint64_t count = 1;
  bool overflows = false;
  bool is_empty = false;
  for (const int64_t dim : shape) {
    if (dim < 0) return std::nullopt;
    is_empty = is_empty || dim == 0;
    overflows =
        overflows || __builtin_mul_overflow(count, static_cast<uint64_t>(dim), &count) || count > kMaxCount;
  }
  if (is_empty) return 0;
  if (overflows) return std::nullopt;
  return count;
}

std::optional<uint64_t> TensorBytes(std::span<const int64_t> shape, uint32_t byte_size) noexcept {
  const auto count = ElementCount(shape);
  uint64_t bytes = 0;
  if (!count || __builtin_mul_overflow(*count, uint64_t{byte_size}, &bytes) || bytes > kMaxCount)
    return std::nullopt;
  return bytes;
}

}  // namespace nereid
