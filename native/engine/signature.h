// Inputs, outputs and metadata of a model as the runtime reports them. Facts that only the file has (operator
// sets, unknown ranks, class labels) are read in TypeScript, src/engine/onnx-file.
#ifndef NEREID_ENGINE_SIGNATURE_H_
#define NEREID_ENGINE_SIGNATURE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/datatype.h"
#include "engine/result.h"
#include "ort/handles.h"

namespace nereid {

struct TensorSpec {
  std::string name;
  const DatatypeFacts* datatype;
  /// -1 where the extent is open. Empty for a scalar and, since the runtime does not tell them apart, for
  /// unknown rank.
  std::vector<int64_t> shape;
  /// Of each dimension; empty text where there is none.
  std::vector<std::string> dim_names;
  bool is_optional;
};

struct Signature {
  /// Required inputs in the graph's order, then those with an initialiser.
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  std::string producer;
  std::string graph_name;
  std::string description;
  int64_t model_version = 0;
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// Fails with unimplemented, naming the input or output and its type, when one is no tensor of the fourteen
/// datatypes.
Result<Signature> ReadSignature(const ort::Session* session, ort::Allocator* allocator) noexcept;

}  // namespace nereid

#endif  // NEREID_ENGINE_SIGNATURE_H_
