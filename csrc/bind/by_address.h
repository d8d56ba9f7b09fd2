#pragma once
// Python passes arrays as plain addresses. It has checked shapes, types and contiguity and
// allocated the outputs, so the modules depend on neither numpy nor torch, and no argument is
// silently copied.
#include <pybind11/pybind11.h>

#include <cstdint>
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
  return [kernel](Passed<Arguments>... values) {
    pybind11::gil_scoped_release unlocked;
    return kernel(to_argument<Arguments>(values)...);
  };
}

}  // namespace musc2::bind
