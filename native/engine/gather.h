// Bytes of requests into tensors: parts into one block, and elements in wire form into the runtime's strings
// and back. Wire form of BYTES: each element is a 4-byte little-endian length and that many bytes.
#ifndef NEREID_ENGINE_GATHER_H_
#define NEREID_ENGINE_GATHER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/job.h"
#include "engine/result.h"
#include "ort/handles.h"

namespace nereid {

using Parts = std::span<const std::span<const std::byte>>;

size_t TotalBytes(Parts parts) noexcept;

/// Copies the parts back to back; `to` has room for all of them.
void Gather(Parts parts, std::byte* to) noexcept;

/// Fills a string tensor from elements in wire form. No element straddles two parts. Fails with
/// invalid_argument when the parts do not hold exactly as many elements as the shape says; `name` is the
/// input's, for the message.
Status FillStrings(Parts parts, std::span<const int64_t> shape, const char* name, ort::Allocator* allocator,
                   ort::OwnedValue* value) noexcept;

/// Bytes of a string tensor of `count` elements in wire form, and the length of all its texts together.
struct WireSize {
  size_t bytes = 0;
  size_t text_bytes = 0;
};
Result<WireSize> MeasureStrings(const ort::Value* value, size_t count) noexcept;

/// Writes a string tensor in wire form; `to` has `size.bytes`. `offsets` is working memory.
Status WriteStrings(const ort::Value* value, size_t count, WireSize size, std::byte* to,
                    std::vector<size_t>* offsets) noexcept;

}  // namespace nereid

#endif  // NEREID_ENGINE_GATHER_H_
