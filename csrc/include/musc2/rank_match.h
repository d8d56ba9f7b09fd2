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

namespace musc2::cuda {

// Bytes of scratch memory, at most 24 for each value; it begins at a multiple of 8.
int64_t rank_match_scratch(int64_t rows, int64_t columns);

// A NaN is beyond the infinity of its sign.
void rank_match(const float* source, const float* target, int64_t rows, int64_t columns,
                float* matched, void* scratch, void* stream);

}  // namespace musc2::cuda
