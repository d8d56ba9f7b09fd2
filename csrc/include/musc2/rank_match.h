#pragma once
// Rank matching: rearranges the values of each row of source in the order of that row of target.
//   source, target (rows, columns) float32, no NaN, columns < 2^31
//   matched        (rows, columns) float32: the r-th smallest of source where the r-th smallest of
//                  target is
// Equal targets rank in the order of their index; -0 equals +0, and a zero comes out as +0.
#include <cstdint>

namespace musc2::cpu {

void rank_match(const float* source, const float* target, int64_t rows, int64_t columns,
                float* matched);

}  // namespace musc2::cpu
