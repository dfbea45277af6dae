#include "async_server.h"

#include <grpcpp/grpcpp.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace nereid::peers {
namespace {

using Service = inference::GRPCInferenceService::AsyncService;
using Writer = grpc::ServerAsyncResponseWriter<inference::ModelInferResponse>;

/// Calls that wait to be taken at once: more than any bench has under way, so that none waits for an object.
constexpr int kAcceptedCalls = 256;

/// One call after another in the same object: messages keep their memory, which is what a tuned server would
/// do. Used on the queue's thread only.
class Call {
 public:
  Call(Service* service, grpc::ServerCompletionQueue* queue, const InferHandler* handler)
      : service_(service), queue_(queue), handler_(handler) {
    Accept();
  }

  /// The queue has an event for this object: a request has come, or its answer has left, well or not.
  void Proceed() {
    if (is_answering_) {
      Accept();
      return;
    }
    is_answering_ = true;
    const grpc::Status status = (*handler_)(request_, &response_);
    if (status.ok()) {
      writer_->Finish(response_, status, this);
    } else {
      writer_->FinishWithError(status, this);
    }
  }

 private:
  void Accept() {
    is_answering_ = false;
    request_.Clear();
    response_.Clear();
    writer_.reset();
    context_.emplace();
    writer_.emplace(&*context_);
    service_->RequestModelInfer(&*context_, &request_, &*writer_, queue_, queue_, this);
  }

  Service* service_;
  grpc::ServerCompletionQueue* queue_;
  const InferHandler* handler_;
  bool is_answering_ = false;
  std::optional<grpc::ServerContext> context_;
  std::optional<Writer> writer_;
  inference::ModelInferRequest request_;
  inference::ModelInferResponse response_;
};

}  // namespace

int Serve(const InferHandler& handler) {
  // Blocked before any thread begins, so that only sigwait sees them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  Service service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(-1);
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::ServerCompletionQueue> queue = builder.AddCompletionQueue();
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    std::fprintf(stderr, "the server could not listen on 127.0.0.1\n");
    return 1;
  }

  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < kAcceptedCalls; i++) {
    calls.push_back(std::make_unique<Call>(&service, queue.get(), &handler));
  }
  std::thread serving([&queue] {
    void* tag = nullptr;
    bool ok = false;
    while (queue->Next(&tag, &ok)) static_cast<Call*>(tag)->Proceed();
  });
  std::printf("%d\n", port);
  std::fflush(stdout);

  int signal = 0;
  sigwait(&signals, &signal);
  // The process holds nothing that would need an orderly end, and calls may be under way.
  std::_Exit(0);
}

}  // namespace nereid::peers
