#pragma once
// Arrays cross from Python as plain addresses: Python has checked shapes, types and contiguity and allocated the
// outputs, so the modules need to know neither numpy nor torch, and no argument can be silently copied.
#include <pybind11/pybind11.h>

#include <cstdint>
#include <type_traits>

namespace musc2::bind {

template <class T>
using Crossing = std::conditional_t<std::is_pointer_v<T>, std::uintptr_t, T>;

template <class T>
T arrive(Crossing<T> value) {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<T>(value);
  } else {
    return value;
  }
}

// A Python callable for a kernel, which runs without the interpreter lock.
template <class Result, class... Arguments>
auto by_address(Result (*kernel)(Arguments...)) {
  return [kernel](Crossing<Arguments>... values) {
    pybind11::gil_scoped_release unlocked;
    return kernel(arrive<Arguments>(values)...);
  };
}

}  // namespace musc2::bind
