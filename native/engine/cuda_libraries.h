// CUDA's libraries, opened before ONNX Runtime opens its CUDA provider: the provider names them without a
// path, and the loader takes what is open already, so that no library path has to be set.
#ifndef NEREID_ENGINE_CUDA_LIBRARIES_H_
#define NEREID_ENGINE_CUDA_LIBRARIES_H_

#include <span>
#include <string>
#include <vector>

namespace nereid {

struct CudaLibrary {
  /// As it was asked for: an absolute path, or a name that the loader looks for.
  std::string wanted;
  /// The file that was opened; empty when none was.
  std::string path;
  /// The loader's reason; empty when it was opened.
  std::string problem;
};

/// Opens the libraries, never to be closed, in whatever order they need each other.
std::vector<CudaLibrary> OpenCudaLibraries(std::span<const std::string> wanted);

}  // namespace nereid

#endif  // NEREID_ENGINE_CUDA_LIBRARIES_H_
