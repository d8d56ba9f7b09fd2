#pragma once
#include <pybind11/pybind11.h>

namespace musc2::bind {

// What musc2._cuda_emulated has beside the kernels: thread orders, and kernels with mistakes.
void bind_emulation(pybind11::module_& module);

}  // namespace musc2::bind
