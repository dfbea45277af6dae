// A test harness of one page: TEST registers a sentence of behaviour, CHECK compares and goes on, REQUIRE
// leaves the test.
#ifndef NEREID_TEST_HARNESS_H_
#define NEREID_TEST_HARNESS_H_

#include <sstream>
#include <string>
#include <vector>

#include "engine/runtime.h"

namespace nereid::test {

struct Test {
  const char* name;
  void (*body)();
};

std::vector<Test>& AllTests();
void Fail(const char* file, int line, const std::string& what);

/// The runtime that the executable was given.
const Runtime& TheRuntime();

struct Registration {
  Registration(const char* name, void (*body)()) { AllTests().push_back({name, body}); }
};

template <typename A, typename B>
void CheckEqual(const A& a, const B& b, const char* text, const char* file, int line) {
  if (a == b) return;
  std::ostringstream what;
  what << text;
  if constexpr (requires { what << a << b; }) what << " (" << a << " against " << b << ")";
  Fail(file, line, what.str());
}

}  // namespace nereid::test

#define NEREID_JOIN2(a, b) a##b
#define NEREID_JOIN(a, b) NEREID_JOIN2(a, b)
#define TEST(sentence)                                                                                  \
  static void NEREID_JOIN(Body, __LINE__)();                                                            \
  static const ::nereid::test::Registration NEREID_JOIN(g_test, __LINE__)(sentence,                     \
                                                                          NEREID_JOIN(Body, __LINE__)); \
  static void NEREID_JOIN(Body, __LINE__)()
#define CHECK(condition)                                                                 \
  do {                                                                                   \
    if (!(condition)) ::nereid::test::Fail(__FILE__, __LINE__, "not true: " #condition); \
  } while (false)
#define CHECK_EQUAL(a, b) ::nereid::test::CheckEqual(a, b, #a " == " #b, __FILE__, __LINE__)
#define REQUIRE(condition)                                               \
  do {                                                                   \
    if (!(condition)) {                                                  \
      ::nereid::test::Fail(__FILE__, __LINE__, "not true: " #condition); \
      return;                                                            \
    }                                                                    \
  } while (false)

#endif  // NEREID_TEST_HARNESS_H_
