#include "engine/ort_status.h"

#include <algorithm>

namespace nereid {
namespace {

bool IsAboutMemory(std::string_view message) {
  return message.find("Failed to allocate memory") != std::string_view::npos ||
         message.find("bad_alloc") != std::string_view::npos ||
         message.find("out of memory") != std::string_view::npos ||
         message.find("Integer overflow") != std::string_view::npos ||
         message.find("SafeIntOnOverflow") != std::string_view::npos;
}

Code CodeOf(int code, std::string_view message) {
  if (IsAboutMemory(message)) return Code::kResourceExhausted;
  // An operator that fails says "invalid argument" of its own arguments, which the caller may know nothing
  // of.
  if (message.starts_with("Non-zero status code returned while running")) return Code::kInternal;
  switch (code) {
    case ort::kInvalidArgument:
    case ort::kInvalidProtobuf:
    case ort::kInvalidGraph:
    case ort::kNoModel:
      return Code::kInvalidArgument;
    case ort::kNoSuchFile:
      return Code::kNotFound;
    case ort::kNotImplemented:
      return Code::kUnimplemented;
    default:
      return Code::kInternal;
  }
}

bool IsDigit(char character) { return character >= '0' && character <= '9'; }

/// Length of the function's name that follows a place in the source, with the space behind it: one word, or a
/// whole signature with parameters, a lambda's mark, template arguments in brackets.
size_t FunctionLength(std::string_view text) {
  const size_t open = text.find('(');
  const size_t scope = text.find("::");
  size_t end = text.find(' ');
  if (open != std::string_view::npos && scope < open &&
      text.substr(0, open).find('\n') == std::string_view::npos) {
    int depth = 0;
    for (end = open; end < text.size(); end++) {
      const char character = text[end];
      if (character == '(' || character == '[') depth++;
      if (character == ')' || character == ']') depth--;
      const std::string_view rest = text.substr(end + 1);
      if (depth == 0 && character != ':' && !rest.starts_with("::") && !rest.starts_with(" [with") &&
          !rest.starts_with(" const") && rest.starts_with(' ')) {
        end++;
        break;
      }
    }
  }
  return end == std::string_view::npos ? text.size() : end + 1;
}

}  // namespace

std::string WithoutSourceLocation(std::string_view message) {
  std::string text(message);
  for (const std::string_view suffix : {".cc:", ".h:"}) {
    for (size_t at = text.find(suffix); at != std::string::npos; at = text.find(suffix, at)) {
      size_t end = at + suffix.size();
      if (end >= text.size() || !IsDigit(text[end])) {
        at = end;
        continue;
      }
      size_t begin = text.find_last_of(" \n:", at);
      begin = begin == std::string::npos ? 0 : begin + 1;
      while (end < text.size() && IsDigit(text[end])) end++;
      end = std::min(text.size(),
                     end + 1 + FunctionLength(std::string_view(text).substr(std::min(text.size(), end + 1))));
      text.erase(begin, end - begin);
      at = begin;
    }
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

Status FromOrt(ort::Status* raw) noexcept {
  if (raw == nullptr) return {};
  const ort::OwnedStatus status(raw);
  const std::string_view message = ort::g_api->GetErrorMessage(raw);
  const int code = ort::g_api->GetErrorCode(raw);
  return {CodeOf(code, message),
          "onnx runtime error " + std::to_string(code) + ": " +
              (message.empty() ? "it gives no reason" : WithoutSourceLocation(message))};
}

}  // namespace nereid
