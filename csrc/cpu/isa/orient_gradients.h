#pragma once
#include "cpu/isa/dispatch.h"

namespace musc2::cpu {

constexpr int orientations = 8;

// Adds the contribution of a row of pixels to means of 2 x 2 pixels: means (columns / 2,
// orientations). Rows hold `columns` values; `row` has one more on each side.
MUSC2_ISA_FUNCTION(void, orient_gradients, const float* above, const float* row, const float* below,
                   int64_t columns, float* means)

}  // namespace musc2::cpu
