// Turns the runtime's statuses into ours. The text is Triton's: the number of the runtime's error, then the
// runtime's own words without places in its source code.
#ifndef NEREID_ENGINE_ORT_STATUS_H_
#define NEREID_ENGINE_ORT_STATUS_H_

#include <string>
#include <string_view>

#include "engine/result.h"
#include "ort/handles.h"

namespace nereid {

/// Takes ownership of `status`; null is success.
Status FromOrt(ort::Status* status) noexcept;

/// The runtime's message without the `file.cc:line function` in front of it.
std::string WithoutSourceLocation(std::string_view message);

}  // namespace nereid

/// Leaves the function when a call of the runtime failed.
#define NEREID_RETURN_IF_ORT(expression)                                            \
  do {                                                                              \
    if (auto* raw_ = (expression); raw_ != nullptr) return ::nereid::FromOrt(raw_); \
  } while (false)

#endif  // NEREID_ENGINE_ORT_STATUS_H_
