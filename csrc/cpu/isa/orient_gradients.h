#pragma once
#include "cpu/isa/dispatch.h"

namespace musc2::cpu {

constexpr int orientations = 8;

// Adds a row of pixels' share to means of 2 x 2: means (columns / 2, orientations). The rows hold columns values;
// `here` has one more on each side.
MUSC2_LEAF(void, orient_gradients, const float* above, const float* here, const float* below, int64_t columns,
           float* means)

}  // namespace musc2::cpu
