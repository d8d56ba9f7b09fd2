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

// Launches a kernel with dynamic shared memory that it was not allowed beyond what every kernel may
// have.
void launch_unallowed(int64_t shared_bytes);

}  // namespace musc2::emulation
