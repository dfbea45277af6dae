#include "engine/graph_layout.h"

#include <algorithm>

#include "engine/gather.h"

namespace nereid {
namespace {

Result<RowTensor> RowTensorOf(const char* kind, const TensorSpec& spec) {
  const std::string subject = std::string(kind) + " '" + spec.name + "'";
  const auto fails = [&](const char* reason) {
    return Unimplemented("CUDA graphs need tensors whose rows have a fixed size, but " + subject + " " +
                         reason);
  };
  if (spec.datatype->byte_size == 0) return fails("is BYTES");
  if (spec.is_optional) return fails("is optional");
  if (spec.shape.empty() || spec.shape[0] != -1) return fails("has no open first dimension");
  const auto row = std::span(spec.shape).subspan(1);
  if (std::any_of(row.begin(), row.end(), [](int64_t dim) { return dim < 0; }))
    return fails("has other open dimensions");
  const auto bytes = TensorBytes(row, spec.datatype->byte_size);
  if (!bytes || *bytes == 0) return fails("has rows without elements");
  return RowTensor{&spec, static_cast<size_t>(*bytes)};
}

}  // namespace

std::vector<int64_t> RowTensor::ShapeOf(int64_t rows) const {
  auto shape = spec->shape;
  shape[0] = rows;
  return shape;
}

Result<GraphLayout> GraphLayout::Of(const Signature& signature) noexcept {
  GraphLayout layout;
  for (const auto& spec : signature.inputs) {
    auto tensor = RowTensorOf("input", spec);
    if (!tensor.ok()) return std::move(tensor.status());
    layout.inputs.push_back(tensor.value());
  }
  for (const auto& spec : signature.outputs) {
    auto tensor = RowTensorOf("output", spec);
    if (!tensor.ok()) return std::move(tensor.status());
    layout.outputs.push_back(tensor.value());
  }
  return layout;
}

int64_t GraphLayout::RowsOf(const Job& job) const noexcept {
  // Each input once is checked by count and, through the plan of the ordinary way, by nothing here: a batch
  // that names an input twice lacks another.
  if (job.input_count != inputs.size() || inputs.empty()) return 0;
  uint64_t seen = 0;
  int64_t rows = 0;
  for (size_t i = 0; i < job.input_count; i++) {
    const auto& input = job.inputs[i];
    if (input.index >= inputs.size() || input.index >= 64) return 0;
    seen |= uint64_t{1} << input.index;
    const auto& tensor = inputs[input.index];
    const auto& expected = tensor.spec->shape;
    if (input.shape.size() != expected.size() ||
        !std::equal(expected.begin() + 1, expected.end(), input.shape.begin() + 1))
      return 0;
    if (i == 0) rows = input.shape[0];
    if (rows <= 0 || input.shape[0] != rows) return 0;
    if (TotalBytes(input.parts) != static_cast<size_t>(rows) * tensor.row_bytes) return 0;
  }
  const bool has_all = static_cast<size_t>(__builtin_popcountll(seen)) == inputs.size();
  const bool has_outputs =
      std::all_of(job.wanted.begin(), job.wanted.end(), [&](size_t index) { return index < outputs.size(); });
  return has_all && has_outputs ? rows : 0;
}

}  // namespace nereid
