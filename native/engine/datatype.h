// The fourteen datatypes of the protocol by ONNX Runtime's element code, the mirror of
// src/tensor/datatype.ts, and the one place where dimensions are multiplied.
#ifndef NEREID_ENGINE_DATATYPE_H_
#define NEREID_ENGINE_DATATYPE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "ort/ort_abi.h"

namespace nereid {

struct DatatypeFacts {
  const char* name;
  int code;
  /// Bytes per element; 0 for BYTES.
  uint32_t byte_size;
};

inline constexpr std::array<DatatypeFacts, 14> kDatatypes = {{
    {"BOOL", ort::kBool, 1},
    {"UINT8", ort::kUint8, 1},
    {"UINT16", ort::kUint16, 2},
    {"UINT32", ort::kUint32, 4},
    {"UINT64", ort::kUint64, 8},
    {"INT8", ort::kInt8, 1},
    {"INT16", ort::kInt16, 2},
    {"INT32", ort::kInt32, 4},
    {"INT64", ort::kInt64, 8},
    {"FP16", ort::kFloat16, 2},
    {"FP32", ort::kFloat, 4},
    {"FP64", ort::kDouble, 8},
    {"BF16", ort::kBfloat16, 2},
    {"BYTES", ort::kString, 0},
}};

/// The facts of an element code, or null when the protocol has no such datatype.
const DatatypeFacts* DatatypeOfCode(int code) noexcept;

/// The name of an element code in ONNX, for messages about unsupported types.
std::string ElementTypeName(int code);

/// Product of the dimensions; nothing when one is negative or the product does not fit 63 bits.
std::optional<uint64_t> ElementCount(std::span<const int64_t> shape) noexcept;

/// Bytes of a tensor of fixed-width elements; nothing on overflow. `byte_size` is not 0.
std::optional<uint64_t> TensorBytes(std::span<const int64_t> shape, uint32_t byte_size) noexcept;

}  // namespace nereid

#endif  // NEREID_ENGINE_DATATYPE_H_
