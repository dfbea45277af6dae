#include "engine/output_placing.h"

#include <cstring>

#include "engine/ort_status.h"

namespace nereid {
namespace {

/// Offsets of more strings than this are freed after their batch.
constexpr size_t kMaxKeptOffsets = size_t{1} << 17;

/// Reads the shape of a value; fails unless it is a tensor of the declared datatype.
Status ReadShape(const ort::Value* value, const TensorSpec& spec, std::vector<int64_t>* shape,
                 size_t* count) {
  const ort::Api& api = *ort::g_api;
  ort::OwnedTensorInfo tensor;
  int code = 0;
  size_t rank = 0;
  NEREID_RETURN_IF_ORT(api.GetTensorTypeAndShape(value, ort::Out(tensor)));
  NEREID_RETURN_IF_ORT(api.GetTensorElementType(tensor.get(), &code));
  NEREID_RETURN_IF_ORT(api.GetDimensionsCount(tensor.get(), &rank));
  shape->resize(rank);
  NEREID_RETURN_IF_ORT(api.GetDimensions(tensor.get(), shape->data(), rank));
  const auto elements = ElementCount(*shape);
  if (!elements || code != spec.datatype->code)
    return Internal("output '" + spec.name + "' is no tensor of the declared datatype");
  *count = static_cast<size_t>(*elements);
  return {};
}

}  // namespace

Status OutputPlacer::Measure(std::span<const ort::OwnedValue> values, std::span<const PlannedOutput> planned,
                             Job* job, size_t* total) noexcept {
  job->outputs.resize(values.size());
  string_sizes_.assign(values.size(), {});
  *total = 0;
  for (size_t i = 0; i < values.size(); i++) {
    const TensorSpec& spec = *planned[i].spec;
    auto& output = job->outputs[i];
    size_t count = 0;
    NEREID_RETURN_IF_ERROR(ReadShape(values[i].get(), spec, &output.shape, &count));
    if (spec.datatype->byte_size > 0) {
      output.bytes = count * spec.datatype->byte_size;
    } else {
      auto size = MeasureStrings(values[i].get(), count);
      if (!size.ok()) return std::move(size.status());
      string_sizes_[i] = size.value();
      output.bytes = size.value().bytes;
    }
    output.offset = *total;
    *total += AlignUp(output.bytes);
  }
  return {};
}

Status OutputPlacer::Copy(std::span<const ort::OwnedValue> values, std::span<const PlannedOutput> planned,
                          const Job& job, std::byte* room) noexcept {
  for (size_t i = 0; i < values.size(); i++) {
    const auto& output = job.outputs[i];
    std::byte* to = room + output.offset;
    if (planned[i].spec->datatype->byte_size == 0) {
      const auto count = static_cast<size_t>(ElementCount(output.shape).value_or(0));
      NEREID_RETURN_IF_ERROR(WriteStrings(values[i].get(), count, string_sizes_[i], to, &string_offsets_));
    } else if (output.bytes > 0) {
      void* from = nullptr;
      NEREID_RETURN_IF_ORT(ort::g_api->GetTensorMutableData(values[i].get(), &from));
      std::memcpy(to, from, output.bytes);
    }
  }
  if (string_offsets_.capacity() > kMaxKeptOffsets) std::vector<size_t>().swap(string_offsets_);
  return {};
}

}  // namespace nereid
