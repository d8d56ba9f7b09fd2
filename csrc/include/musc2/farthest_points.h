#pragma once
// Farthest point sampling, exact, of each cloud of a packed batch.
//   points  (T, 3) float32, finite; cloud b is the rows [offsets[b], offsets[b+1]), at least one of
//           them
//   picks   (clouds, count) int32, indices into their cloud
// picks[0] = start. Each further pick is the point whose squared distance, (dx*dx + dy*dy) + dz*dz
// in float32, to its nearest pick is largest, the lowest index among equals. Once every point has
// been picked, all distances are 0 and the rule gives the lowest index. Points with x*x + y*y + z*z
// <= skip_norm2 are never picked (start is), unless skip_norm2 is negative; where nothing may be
// picked the index is 0.
#include <cstdint>

namespace musc2::cpu {

void farthest_points(const float* points, const int64_t* offsets, int64_t clouds, int64_t count,
                     int64_t start, double skip_norm2, int32_t* picks);

}  // namespace musc2::cpu

namespace musc2::cuda {

// Bytes of scratch memory for clouds of `total` points together, of which the largest has
// `largest`.
int64_t farthest_points_scratch(int64_t total, int64_t largest);

// largest: the number of points of the largest cloud.
void farthest_points(const float* points, const int64_t* offsets, int64_t clouds, int64_t count,
                     int64_t start, double skip_norm2, int32_t* picks, int64_t largest,
                     void* scratch, void* stream);

}  // namespace musc2::cuda
