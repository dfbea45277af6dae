// Results of engine functions: a value, or a failure with one of the server's ten codes and one sentence.
// There are no exceptions.
#ifndef NEREID_ENGINE_RESULT_H_
#define NEREID_ENGINE_RESULT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace nereid {

/// 0 for success, else 1 + the position in `errorCodes` of src/errors.ts. A parity test compares them.
enum class Code : int32_t {
  kOk = 0,
  kInvalidArgument,
  kNotFound,
  kAlreadyExists,
  kFailedPrecondition,
  kResourceExhausted,
  kUnavailable,
  kDeadlineExceeded,
  kCancelled,
  kUnimplemented,
  kInternal,
};

/// Names in the order of `Code`, without kOk; for the parity test.
inline constexpr const char* kCodeNames[] = {
    "invalid_argument", "not_found",         "already_exists", "failed_precondition", "resource_exhausted",
    "unavailable",      "deadline_exceeded", "cancelled",      "unimplemented",       "internal",
};
static_assert(std::size(kCodeNames) == static_cast<size_t>(Code::kInternal));

struct [[nodiscard]] Status {
  Code code = Code::kOk;
  std::string message;

  bool ok() const noexcept { return code == Code::kOk; }
};

inline Status InvalidArgument(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }
inline Status Unimplemented(std::string message) { return {Code::kUnimplemented, std::move(message)}; }
inline Status Internal(std::string message) { return {Code::kInternal, std::move(message)}; }
inline Status ResourceExhausted(std::string message) {
  return {Code::kResourceExhausted, std::move(message)};
}

/// A value or the reason why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}
  Result(Status status) : state_(std::move(status)) {}

  bool ok() const noexcept { return std::holds_alternative<T>(state_); }
  T& value() noexcept { return *std::get_if<T>(&state_); }
  Status& status() noexcept { return *std::get_if<Status>(&state_); }

 private:
  std::variant<T, Status> state_;
};

}  // namespace nereid

/// Leaves the function with the status when it is an error.
#define NEREID_RETURN_IF_ERROR(expression)                          \
  do {                                                              \
    if (auto status_ = (expression); !status_.ok()) return status_; \
  } while (false)

#endif  // NEREID_ENGINE_RESULT_H_
