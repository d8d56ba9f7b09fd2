#pragma once
#include <pybind11/pybind11.h>

namespace musc2::bind {

// Adds what a build of the kernels offers beside them: nothing on a GPU (no_extras.cpp), and what its tests need in the
// emulator (tests/emulator/bind.cpp).
void bind_extras(pybind11::module_& module);

}  // namespace musc2::bind
