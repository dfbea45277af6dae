// ModelInferRequest in, one run of ONNX Runtime, ModelInferResponse out. Tensors of numbers as raw contents
// only.
#ifndef NEREID_BENCH_PEERS_ONNX_SESSION_H_
#define NEREID_BENCH_PEERS_ONNX_SESSION_H_

#include <grpcpp/support/status.h>

#include <string>
#include <vector>

#include "grpc_service.pb.h"
#include "ort/handles.h"

namespace nereid::peers {

/// Used by one thread at a time. The library and its environment live as long as the process.
class OnnxSession {
 public:
  /// Ends the process, with a sentence, when the model cannot be opened.
  OnnxSession(const std::string& library, const std::string& model);

  /// The inputs are read where they lie in `request`.
  grpc::Status Infer(inference::ModelInferRequest& request, inference::ModelInferResponse* response);

 private:
  grpc::Status Bind(inference::ModelInferRequest& request, std::vector<ort::OwnedValue>* inputs);
  grpc::Status Answer(inference::ModelInferResponse* response);

  ort::OwnedSession session_;
  ort::OwnedMemoryInfo memory_;
  ort::OwnedIoBinding binding_;
  ort::Allocator* allocator_ = nullptr;
  /// In the order in which they were bound.
  std::vector<std::string> output_names_;
};

}  // namespace nereid::peers

#endif  // NEREID_BENCH_PEERS_ONNX_SESSION_H_
