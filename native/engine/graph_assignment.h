// Which execution provider runs which part of a model's graph.
#ifndef NEREID_ENGINE_GRAPH_ASSIGNMENT_H_
#define NEREID_ENGINE_GRAPH_ASSIGNMENT_H_

#include <string>
#include <vector>

#include "engine/result.h"
#include "ort/handles.h"

namespace nereid {

/// The entry with which a session must be opened that is to be asked.
inline constexpr const char kRecordAssignment[] = "session.record_ep_graph_assignment_info";

/// Nodes that the runtime gave to a provider together.
struct AssignedPart {
  /// e.g. CUDAExecutionProvider.
  std::string provider;
  /// The operator of each node; with its domain in front, as in com.microsoft.Gelu, unless it is ONNX's own.
  std::vector<std::string> operators;
};

/// The parts of a session that was opened with the entry kRecordAssignment = 1, in the
/// runtime's order, as they were when providers claimed them: before fusions, without copies between devices.
/// Errors: unimplemented when the library is too old.
Result<std::vector<AssignedPart>> ReadAssignment(const ort::Session* session) noexcept;

}  // namespace nereid

#endif  // NEREID_ENGINE_GRAPH_ASSIGNMENT_H_
