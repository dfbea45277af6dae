// Tiny ONNX models as bytes, and sessions of them. Field numbers are those of onnx.proto.
#ifndef NEREID_TEST_ONNX_BYTES_H_
#define NEREID_TEST_ONNX_BYTES_H_

#include <memory>
#include <string>
#include <vector>

#include "engine/session.h"

namespace nereid::test {

/// y = op(x) with x of `element` and `dims`; a dimension of -1 is open. `output` is y's element type, 0 for
/// x's.
std::string UnaryModel(const std::string& op, int element, const std::vector<int64_t>& dims, int output = 0);

/// y = x doubled 2^62 times in a Loop.
std::string EndlessModel();

/// An input of type sequence(tensor(float)).
std::string SequenceModel();

/// Opens a model from its bytes with one thread.
Result<std::shared_ptr<Session>> Open(const std::string& bytes);

}  // namespace nereid::test

#endif  // NEREID_TEST_ONNX_BYTES_H_
