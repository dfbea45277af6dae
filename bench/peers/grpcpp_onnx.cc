// The whole path in C++, reduced to what a request needs: grpc++, protobuf, one run of ONNX Runtime per
// request on the queue's thread. No batching, no validation beyond what memory safety needs, no statistics,
// one model of any name. Prints its port when it listens.
//
//   grpcpp_onnx LIBRARY MODEL

#include <cstdio>
#include <string>

#include "async_server.h"
#include "onnx_session.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "grpcpp_onnx: expected LIBRARY MODEL\n");
    return 2;
  }
  nereid::peers::OnnxSession session(argv[1], argv[2]);
  return nereid::peers::Serve(
      [&session](inference::ModelInferRequest& request, inference::ModelInferResponse* response) {
        return session.Infer(request, response);
      });
}
