// Opens libonnxruntime and fills our table of its functions. Once per process; called by
// engine/runtime.h.
#ifndef NEREID_ORT_LIBRARY_H_
#define NEREID_ORT_LIBRARY_H_

#include <optional>
#include <string>

#include "ort/ort_abi.h"

namespace nereid::ort {

struct Library {
  Api api;
  /// Only of a library that has it.
  std::optional<LaterApi> later;
  std::string path;
  std::string version;
};

/// Opens the library at `path`, never to be closed. Returns an empty string, or one sentence that says what
/// is wrong: the file cannot be opened, it is no ONNX Runtime, or it is older than `kApiVersion`.
std::string OpenLibrary(const std::string& path, Library* library) noexcept;

}  // namespace nereid::ort

#endif  // NEREID_ORT_LIBRARY_H_
