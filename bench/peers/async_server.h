// ModelInfer over grpc++'s asynchronous interface with one completion queue and one thread: the fastest way
// to serve a unary call with it that needs no experimental interface. The caller gives the handler.
#ifndef NEREID_BENCH_PEERS_ASYNC_SERVER_H_
#define NEREID_BENCH_PEERS_ASYNC_SERVER_H_

#include <functional>

#include "grpc_service.grpc.pb.h"

namespace nereid::peers {

/// Fills the response, which is empty. Runs on the queue's thread; one call at a time.
using InferHandler = std::function<grpc::Status(inference::ModelInferRequest& request,
                                                inference::ModelInferResponse* response)>;

/// Listens on a free port of 127.0.0.1, prints it as one line, and serves until SIGTERM or SIGINT. Returns
/// the exit code.
int Serve(const InferHandler& handler);

}  // namespace nereid::peers

#endif  // NEREID_BENCH_PEERS_ASYNC_SERVER_H_
