#pragma once
#include <cstdint>
#include <string>

namespace musc2::cuda {

// The reason why no kernel of this build can run on this machine; empty if one can.
std::string why_not();

// Lets a kernel have so many bytes of dynamic shared memory on the current device. What it has been
// allowed once it keeps: were the limit lowered for a smaller launch, a larger one that another
// thread is about to make would fail.
void allow_shared_memory(const void* kernel, int64_t bytes, const char* op);

}  // namespace musc2::cuda
