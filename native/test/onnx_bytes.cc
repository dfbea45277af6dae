#include "test/onnx_bytes.h"

#include <cstring>

#include "test/harness.h"

namespace nereid::test {
namespace {

std::string Varint(uint64_t value) {
  std::string bytes;
  do {
    const auto low = static_cast<unsigned char>(value & 0x7f);
    value >>= 7;
    bytes += static_cast<char>(value > 0 ? low | 0x80 : low);
  } while (value > 0);
  return bytes;
}

std::string Number(unsigned field, uint64_t value) { return Varint(field << 3) + Varint(value); }

std::string Bytes(unsigned field, const std::string& value) {
  return Varint(field << 3 | 2) + Varint(value.size()) + value;
}

std::string TensorType(int element, const std::vector<int64_t>& dims) {
  std::string shape;
  for (const int64_t dim : dims) shape += Bytes(1, dim < 0 ? "" : Number(1, static_cast<uint64_t>(dim)));
  return Bytes(1, Number(1, static_cast<uint64_t>(element)) + Bytes(2, shape));
}

std::string Value(const std::string& name, const std::string& type) {
  return Bytes(1, name) + Bytes(2, type);
}

std::string Node(const std::string& op, const std::vector<std::string>& inputs,
                 const std::vector<std::string>& outputs, const std::string& attributes = "") {
  std::string node;
  for (const auto& input : inputs) node += Bytes(1, input);
  for (const auto& output : outputs) node += Bytes(2, output);
  return node + Bytes(4, op) + attributes;
}

std::string Scalar(const std::string& name, int element, const std::string& raw) {
  return Number(2, static_cast<uint64_t>(element)) + Bytes(8, name) + Bytes(9, raw);
}

std::string Model(const std::string& graph) {
  return Number(1, 8) + Bytes(7, graph) + Bytes(8, Bytes(1, "") + Number(2, 17));
}

}  // namespace

std::string UnaryModel(const std::string& op, int element, const std::vector<int64_t>& dims, int output) {
  const std::vector<int64_t> output_dims = op == "NonZero" ? std::vector<int64_t>{-1, -1} : dims;
  return Model(Bytes(1, Node(op, {"x"}, {"y"})) + Bytes(2, "g") +
               Bytes(11, Value("x", TensorType(element, dims))) +
               Bytes(12, Value("y", TensorType(output == 0 ? element : output, output_dims))));
}

std::string EndlessModel() {
  const std::string scalar_float = TensorType(ort::kFloat, {});
  const std::string body =
      Bytes(1, Node("Identity", {"go"}, {"go_on"})) + Bytes(1, Node("Add", {"v", "v"}, {"w"})) +
      Bytes(2, "body") + Bytes(11, Value("i", TensorType(ort::kInt64, {}))) +
      Bytes(11, Value("go", TensorType(ort::kBool, {}))) + Bytes(11, Value("v", scalar_float)) +
      Bytes(12, Value("go_on", TensorType(ort::kBool, {}))) + Bytes(12, Value("w", scalar_float));
  const std::string attribute = Bytes(5, Bytes(1, "body") + Bytes(6, body) + Number(20, 5));
  std::string trips(8, '\0');
  trips[7] = 0x40;
  return Model(Bytes(1, Node("Loop", {"n", "c", "x"}, {"y"}, attribute)) + Bytes(2, "g") +
               Bytes(5, Scalar("n", ort::kInt64, trips)) +
               Bytes(5, Scalar("c", ort::kBool, std::string(1, '\1'))) + Bytes(11, Value("x", scalar_float)) +
               Bytes(12, Value("y", scalar_float)));
}

std::string SequenceModel() {
  const std::string sequence = Bytes(4, Bytes(1, TensorType(ort::kFloat, {-1})));
  return Model(Bytes(1, Node("SequenceLength", {"s"}, {"y"})) + Bytes(2, "g") +
               Bytes(11, Value("s", sequence)) + Bytes(12, Value("y", TensorType(ort::kInt64, {}))));
}

Result<std::shared_ptr<Session>> Open(const std::string& bytes) {
  SessionSpec spec;
  spec.label = "test:1";
  spec.model_bytes = {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()};
  spec.intra_op_threads = 1;
  spec.inter_op_threads = 1;
  return OpenSession(TheRuntime(), spec);
}

}  // namespace nereid::test
