#include "engine/gather.h"

#include <bit>
#include <cstring>
#include <limits>
#include <string>

#include "engine/datatype.h"
#include "engine/ort_status.h"

namespace nereid {
namespace {

constexpr size_t kPrefixBytes = sizeof(uint32_t);
static_assert(std::endian::native == std::endian::little, "tensors travel as little-endian bytes");

Status WrongCount(const char* name, uint64_t expected) {
  return InvalidArgument("input '" + std::string(name) + "' does not hold the " + std::to_string(expected) +
                         " BYTES elements that its shape says");
}

/// Takes one element off the front of `part`; false when it does not fit.
bool TakeElement(std::span<const std::byte>* part, std::span<const std::byte>* element) {
  if (part->size() < kPrefixBytes) return false;
  uint32_t length = 0;
  std::memcpy(&length, part->data(), kPrefixBytes);
  if (length > part->size() - kPrefixBytes) return false;
  *element = part->subspan(kPrefixBytes, length);
  *part = part->subspan(kPrefixBytes + length);
  return true;
}

}  // namespace

size_t TotalBytes(Parts parts) noexcept {
  size_t total = 0;
  for (const auto& part : parts) total += part.size();
  return total;
}

void Gather(Parts parts, std::byte* to) noexcept {
  for (const auto& part : parts) {
    if (part.empty()) continue;
    std::memcpy(to, part.data(), part.size());
    to += part.size();
  }
}

Status FillStrings(Parts parts, std::span<const int64_t> shape, const char* name, ort::Allocator* allocator,
                   ort::OwnedValue* value) noexcept {
  const ort::Api& api = *ort::g_api;
  const auto count = ElementCount(shape);
  // Also prevents a huge tensor for a shape that claims more elements than were sent.
  if (!count || *count > TotalBytes(parts) / kPrefixBytes) return WrongCount(name, count.value_or(0));
  NEREID_RETURN_IF_ORT(
      api.CreateTensorAsOrtValue(allocator, shape.data(), shape.size(), ort::kString, ort::Out(*value)));
  uint64_t filled = 0;
  for (auto part : parts) {
    while (!part.empty()) {
      std::span<const std::byte> element;
      if (filled == *count || !TakeElement(&part, &element)) return WrongCount(name, *count);
      char* text = nullptr;
      NEREID_RETURN_IF_ORT(
          api.GetResizedStringTensorElementBuffer(value->get(), filled, element.size(), &text));
      if (!element.empty()) std::memcpy(text, element.data(), element.size());
      filled++;
    }
  }
  return filled == *count ? Status{} : WrongCount(name, *count);
}

Result<WireSize> MeasureStrings(const ort::Value* value, size_t count) noexcept {
  WireSize size;
  if (count > 0) NEREID_RETURN_IF_ORT(ort::g_api->GetStringTensorDataLength(value, &size.text_bytes));
  size.bytes = size.text_bytes + count * kPrefixBytes;
  return size;
}

Status WriteStrings(const ort::Value* value, size_t count, WireSize size, std::byte* to,
                    std::vector<size_t>* offsets) noexcept {
  if (count == 0) return {};
  offsets->resize(count);
  // The texts go to the end of the room; each then moves forward to its place, which is never behind where it
  // lies.
  std::byte* texts = to + count * kPrefixBytes;
  NEREID_RETURN_IF_ORT(
      ort::g_api->GetStringTensorContent(value, texts, size.text_bytes, offsets->data(), count));
  for (size_t i = 0; i < count; i++) {
    const size_t begin = (*offsets)[i];
    const size_t end = i + 1 < count ? (*offsets)[i + 1] : size.text_bytes;
    const size_t length = end - begin;
    if (length > std::numeric_limits<uint32_t>::max())
      return Internal("an output has a BYTES element of " + std::to_string(length) +
                      " bytes, more than can be sent");
    const auto prefix = static_cast<uint32_t>(length);
    std::memmove(to + kPrefixBytes, texts + begin, length);
    std::memcpy(to, &prefix, kPrefixBytes);
    to += kPrefixBytes + length;
  }
  return {};
}

}  // namespace nereid
