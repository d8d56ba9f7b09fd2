#pragma once

namespace musc2::bind {

// Lets Ctrl-C, and every other signal with a handler in Python, end a kernel between two items of
// its loops. To be called once, when the module is loaded.
void check_signals_in_kernels();

}  // namespace musc2::bind
