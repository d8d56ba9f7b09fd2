#pragma once
#include <string>

namespace musc2::cuda {

// The reason why no kernel of this build can run on this machine; empty if one can.
std::string why_not();

}  // namespace musc2::cuda
