#pragma once
#include "cpu/isa/dispatch.h"

namespace musc2::cpu {

constexpr int most_few = 32;       // the longest list of few_nearest
constexpr int widest_vector = 16;  // the number of points must be a multiple

// The `keep` nearest of `count` centers (xyz xyz ...) for each of `points` points (all x, all y,
// all z; a multiple of widest_vector), keep <= count and <= most_few. Ascending distance, lowest
// index on ties: distance2 and index are (keep, points). d^2 = (dx*dx + dy*dy) + dz*dz, the same on
// every instruction set.
MUSC2_ISA_FUNCTION(void, few_nearest, const float* x, const float* y, const float* z,
                   int64_t points, const float* centers, int64_t count, int keep, float* distance2,
                   int32_t* index)

}  // namespace musc2::cpu
