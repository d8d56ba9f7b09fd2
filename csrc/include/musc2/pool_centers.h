#pragma once
// Neighborhood aggregation of point tokens (SNAMD, 3D; docs/method/algorithm.md section 4); a
// packed batch of samples.
//   tokens    (offsets[samples], channels) float32, finite
//   centers   (offsets[samples], 3) float32, finite, |coordinate| <= 1e18
//   curvature (offsets[samples],) float32, no NaN
//   offsets   (samples + 1,) int64, ascending from 0; neighbors are of the same sample
//   degrees   (degree_count,) int64, each from 1 to most_few (few_nearest.h)
//   pooled    (offsets[samples], channels) float32
// A center with curvature >= threshold keeps its token f. For the others a_r = sum w f_n / sum w
// over the r nearest centers (itself the first; all of them if there are fewer), w = exp(-|f_n -
// f|); the a_r are concatenated in the order of the degrees and every degree_count consecutive
// values are averaged. The lowest index wins ties, also among centers that coincide.
// cuda: degrees is a host address, of at most 32 degrees; count = offsets[samples].
#include <cstdint>

namespace musc2::cpu {

void pool_centers(const float* tokens, const float* centers, const float* curvature,
                  const int64_t* offsets, int64_t samples, int64_t channels, const int64_t* degrees,
                  int64_t degree_count, float threshold, float* pooled);

}  // namespace musc2::cpu

namespace musc2::cuda {

void pool_centers(const float* tokens, const float* centers, const float* curvature,
                  const int64_t* offsets, int64_t samples, int64_t channels, const int64_t* degrees,
                  int64_t degree_count, float threshold, float* pooled, int64_t count,
                  void* stream);

}  // namespace musc2::cuda
