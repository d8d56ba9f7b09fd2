#pragma once
// Python passes arrays as plain addresses. It has checked shapes, types and contiguity and
// allocated the outputs, so the modules depend on neither numpy nor torch, and no argument is
// silently copied.
#include <pybind11/pybind11.h>

#include <cstdint>
#include <exception>
#include <type_traits>

namespace musc2::bind {

template <class T>
using Passed = std::conditional_t<std::is_pointer_v<T>, std::uintptr_t, T>;

template <class T>
T to_argument(Passed<T> value) {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<T>(value);
  } else {
    return value;
  }
}

// Wraps a kernel for Python. It runs without the interpreter lock.
template <class Result, class... Arguments>
auto by_address(Result (*kernel)(Arguments...)) {
  return [kernel](Passed<Arguments>... values) -> Result {
    // Not gil_scoped_release, which takes the lock back in its destructor: while the interpreter
    // ends, Python unwinds the stack of a thread that asks for the lock, and unwinding out of a
    // destructor aborts the process.
    PyThreadState* const thread = PyEval_SaveThread();
    std::exception_ptr error;
    if constexpr (std::is_void_v<Result>) {
      try {
        kernel(to_argument<Arguments>(values)...);
      } catch (...) {
        error = std::current_exception();
      }
      PyEval_RestoreThread(thread);
      if (error) std::rethrow_exception(error);
    } else {
      Result result{};
      try {
        result = kernel(to_argument<Arguments>(values)...);
      } catch (...) {
        error = std::current_exception();
      }
      PyEval_RestoreThread(thread);
      if (error) std::rethrow_exception(error);
      return result;
    }
  };
}

}  // namespace musc2::bind
