// Batches in and out of a runner in few words.
#ifndef NEREID_TEST_BATCHES_H_
#define NEREID_TEST_BATCHES_H_

#include <string>
#include <string_view>
#include <vector>

#include "engine/batch_runner.h"

namespace nereid::test {

/// One input of this shape, in so many parts; output 0 is wanted.
inline void Fill(Job* job, std::string_view bytes, std::vector<int64_t> shape, size_t parts = 1) {
  job->inputs.resize(1);
  job->input_count = 1;
  job->inputs[0].index = 0;
  job->inputs[0].shape = std::move(shape);
  job->inputs[0].parts.clear();
  const size_t step = bytes.size() / parts;
  for (size_t i = 0; i < parts; i++) {
    const auto part = bytes.substr(i * step, i + 1 == parts ? std::string_view::npos : step);
    job->inputs[0].parts.emplace_back(reinterpret_cast<const std::byte*>(part.data()), part.size());
  }
  job->wanted = {0};
}

inline std::string OutputBytes(BatchRunner& runner, const Job& job) {
  const auto block = runner.outputs().BlockOf(job.slab);
  return {reinterpret_cast<const char*>(block->data()) + job.outputs[0].offset, job.outputs[0].bytes};
}

inline void Release(BatchRunner& runner, const Job& job) {
  std::vector<int32_t> dropped;
  runner.outputs().Release(job.slab, &dropped);
}

}  // namespace nereid::test

#endif  // NEREID_TEST_BATCHES_H_
