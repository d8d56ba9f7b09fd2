#pragma once
// Neighborhood aggregation of patch tokens (SNAMD, 2D, and LNAMD's window mean;
// docs/method/algorithm.md section 4).
//   tokens  (images, height, width, channels) float32, finite
//   degrees (degree_count,) int64, odd, at most 9999
//   pooled  (images, height, width, channels) float32, the mean over the degrees r of
//           a_r = sum w_n f_n / sum w_n over the r x r window
// similarity: w_n = exp(-|f_n - f|); a window position outside the grid counts as a zero vector,
// with w = exp(-|f|). Without: w = 1, also outside, so that a_r is the window sum over r * r.
// cuda: tokens may also hold bfloat16 (type 1) or float16 (3) values, float32 is type 0; degrees is
// a host address, of at most 32 degrees, and a window holds at most 50,000 patches of the grid.
#include <cstdint>

namespace musc2::cpu {

void pool_grid(const float* tokens, int64_t images, int64_t height, int64_t width, int64_t channels,
               const int64_t* degrees, int64_t degree_count, bool similarity, float* pooled);

}  // namespace musc2::cpu

namespace musc2::cuda {

void pool_grid(const void* tokens, int64_t images, int64_t height, int64_t width, int64_t channels,
               const int64_t* degrees, int64_t degree_count, bool similarity, float* pooled,
               int64_t type, void* stream);

}  // namespace musc2::cuda
