#pragma once
#include <string>

namespace musc2::cuda {

// Why no kernel of this build can run on this machine; empty when one can.
std::string why_not();

}  // namespace musc2::cuda
