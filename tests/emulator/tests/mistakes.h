#pragma once
// Small kernels with one mistake each, and their correct forms, which show what the emulator finds.
#include <cstdint>
#include <string>

namespace musc2::emulation {

inline constexpr int mistake_threads = 64;
inline constexpr int mistake_blocks = 2;

// Runs the named kernel on mistake_blocks x mistake_threads; result: one number per thread. Throws
// what the emulator finds, and std::invalid_argument for an unknown name.
void make_mistake(const std::string& name, int32_t* result);

}  // namespace musc2::emulation
