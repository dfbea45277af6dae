// The tensors of a model whose batches can be replayed as CUDA graphs: everything but the number of rows is
// fixed.
#ifndef NEREID_ENGINE_GRAPH_LAYOUT_H_
#define NEREID_ENGINE_GRAPH_LAYOUT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "engine/job.h"
#include "engine/signature.h"

namespace nereid {

struct RowTensor {
  const TensorSpec* spec;
  size_t row_bytes;

  /// The shape of so many rows.
  std::vector<int64_t> ShapeOf(int64_t rows) const;
};

/// Borrows the signature.
struct GraphLayout {
  std::vector<RowTensor> inputs;
  std::vector<RowTensor> outputs;

  /// Fails with unimplemented, naming the tensor that is in the way.
  static Result<GraphLayout> Of(const Signature& signature) noexcept;

  /// The rows of a batch that has all inputs in this layout; 0 for any other, which has to run as it comes.
  int64_t RowsOf(const Job& job) const noexcept;
};

}  // namespace nereid

#endif  // NEREID_ENGINE_GRAPH_LAYOUT_H_
