// grpc++ without an inference server, to measure its cost: answers ModelInfer with the first bytes of the
// request's first raw tensor. Prints its port when it listens.

#include <algorithm>
#include <string>

#include "async_server.h"

namespace {

/// A small answer to a large request, as a classifier gives it.
constexpr size_t kAnswerBytes = 4000;
constexpr size_t kElementBytes = 4;

grpc::Status Echo(inference::ModelInferRequest& request, inference::ModelInferResponse* response) {
  if (request.raw_input_contents_size() == 0) {
    return {grpc::StatusCode::INVALID_ARGUMENT, "expected raw_input_contents"};
  }
  const std::string& input = request.raw_input_contents(0);
  const size_t bytes = std::min(input.size(), kAnswerBytes);
  response->set_model_name(request.model_name());
  response->set_model_version("1");
  response->set_id(request.id());
  auto* output = response->add_outputs();
  output->set_name("OUTPUT");
  output->set_datatype("FP32");
  output->add_shape(1);
  output->add_shape(static_cast<int64_t>(bytes / kElementBytes));
  response->add_raw_output_contents(input.data(), bytes);
  return grpc::Status::OK;
}

}  // namespace

int main() { return nereid::peers::Serve(Echo); }
