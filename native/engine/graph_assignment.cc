#include "engine/graph_assignment.h"

#include <span>
#include <string_view>

#include "engine/ort_status.h"

namespace nereid {
namespace {

Result<std::string> OperatorOf(const ort::AssignedNode* node) {
  const char* domain = nullptr;
  const char* name = nullptr;
  NEREID_RETURN_IF_ORT(ort::g_later->AssignedNodeGetDomain(node, &domain));
  NEREID_RETURN_IF_ORT(ort::g_later->AssignedNodeGetOperator(node, &name));
  const std::string_view at = domain;
  const bool is_own = at.empty() || at == "ai.onnx";
  return is_own ? std::string(name) : std::string(at) + "." + name;
}

Result<AssignedPart> ReadPart(const ort::AssignedSubgraph* subgraph) {
  const char* provider = nullptr;
  const ort::AssignedNode* const* nodes = nullptr;
  size_t count = 0;
  NEREID_RETURN_IF_ORT(ort::g_later->AssignedSubgraphGetProvider(subgraph, &provider));
  NEREID_RETURN_IF_ORT(ort::g_later->AssignedSubgraphGetNodes(subgraph, &nodes, &count));
  AssignedPart part{provider, {}};
  for (const auto* node : std::span(nodes, count)) {
    auto name = OperatorOf(node);
    if (!name.ok()) return std::move(name.status());
    part.operators.push_back(std::move(name.value()));
  }
  return part;
}

}  // namespace

Result<std::vector<AssignedPart>> ReadAssignment(const ort::Session* session) noexcept {
  if (ort::g_later == nullptr)
    return Unimplemented("ONNX Runtime tells from release 1." + std::to_string(ort::kLaterApiVersion) +
                         " on which provider runs which node");
  const ort::AssignedSubgraph* const* subgraphs = nullptr;
  size_t count = 0;
  NEREID_RETURN_IF_ORT(ort::g_later->SessionGetAssignment(session, &subgraphs, &count));
  std::vector<AssignedPart> parts;
  for (const auto* subgraph : std::span(subgraphs, count)) {
    auto part = ReadPart(subgraph);
    if (!part.ok()) return std::move(part.status());
    parts.push_back(std::move(part.value()));
  }
  return parts;
}

}  // namespace nereid
