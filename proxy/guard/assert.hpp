// Assertions of our own. They stay on in every build: a proxy that is wrong about itself must stop
// before it lets a write through. Library assertions are governed by NDEBUG, these are not.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace ifmatch {

[[noreturn]] inline void fail_assertion(const char* what, const char* file, int line) noexcept {
  std::fprintf(stderr, "ifmatch: broken invariant: %s (%s:%d)\n", what, file, line);
  std::abort();
}

}  // namespace ifmatch

#define IFMATCH_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::ifmatch::fail_assertion(#condition, __FILE__, __LINE__))
