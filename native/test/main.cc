// Runs all tests and counts them. The first argument is the path of libonnxruntime; a second one selects
// tests by a part of their names.
#include <cstdio>
#include <cstring>

#include "test/harness.h"

namespace nereid::test {
namespace {

const Runtime* g_runtime = nullptr;
bool g_failed = false;

}  // namespace

std::vector<Test>& AllTests() {
  static std::vector<Test> tests;
  return tests;
}

void Fail(const char* file, int line, const std::string& what) {
  g_failed = true;
  std::printf("    %s:%d: %s\n", file, line, what.c_str());
}

const Runtime& TheRuntime() { return *g_runtime; }

int RunAll(const char* library, const char* part) {
  RuntimeOptions options;
  options.library_path = library;
  auto runtime = LoadRuntime(options);
  if (!runtime.ok()) {
    std::printf("%s\n", runtime.status().message.c_str());
    return 1;
  }
  g_runtime = runtime.value();
  int passed = 0;
  int failed = 0;
  for (const auto& test : AllTests()) {
    if (part != nullptr && std::strstr(test.name, part) == nullptr) continue;
    g_failed = false;
    test.body();
    std::printf("%s %s\n", g_failed ? "FAIL" : "ok  ", test.name);
    std::fflush(stdout);
    (g_failed ? failed : passed)++;
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace nereid::test

int main(int count, char** values) {
  if (count < 2) {
    std::printf("usage: nereid_native_test LIBONNXRUNTIME [PART_OF_A_NAME]\n");
    return 2;
  }
  return nereid::test::RunAll(values[1], count > 2 ? values[2] : nullptr);
}
