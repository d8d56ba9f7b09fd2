#pragma once
#include <pybind11/pybind11.h>

namespace musc2::bind {

// Adds functions that one build of the kernels has beside them: none on a GPU (no_extras.cpp),
// those for tests in the emulator (tests/emulator/bind.cpp).
void bind_extras(pybind11::module_& module);

}  // namespace musc2::bind
