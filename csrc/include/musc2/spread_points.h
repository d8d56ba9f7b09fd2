#pragma once
// Values of a few centers spread over many points by inverse squared distance; a packed batch of
// samples.
//   points  (offsets[samples], 3) float32, finite, |coordinate| <= 1e18
//   centers (center_offsets[samples], 3) likewise, values (center_offsets[samples],) float32
//   offsets, center_offsets (samples + 1,) int64, ascending from 0; a sample with points has
//           a center
//   spread  (offsets[samples],) float32: sum w v / sum w with w = 1 / (d^2 + 1e-8) over the
//           `neighbors` nearest centers of the point's own sample (all when there are fewer),
//           lowest index on ties
// 1 <= neighbors <= 8. d^2 is float32 (few_nearest.h), the rest float64.
// cuda: largest is the number of points of the largest sample.
#include <cstdint>

namespace musc2::cpu {

void spread_points(const float* points, const int64_t* offsets, const float* centers,
                   const int64_t* center_offsets, int64_t samples, const float* values,
                   int64_t neighbors, float* spread);

}  // namespace musc2::cpu

namespace musc2::cuda {

void spread_points(const float* points, const int64_t* offsets, const float* centers,
                   const int64_t* center_offsets, int64_t samples, const float* values,
                   int64_t neighbors, float* spread, int64_t largest, void* stream);

}  // namespace musc2::cuda
