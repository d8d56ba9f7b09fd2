#pragma once
#include <cstdint>

namespace musc2::cpu {

// position[0] = the smallest i with values[i] infinite or NaN, or -1.
void first_nonfinite(const float* values, int64_t count, int64_t* position);

// position[0] = the smallest i with values[i] NaN, or -1.
void first_nan(const float* values, int64_t count, int64_t* position);

// largest[0] = the largest |values[i]|, 0 without any; all are finite.
void largest_magnitude(const float* values, int64_t count, float* largest);

}  // namespace musc2::cpu
