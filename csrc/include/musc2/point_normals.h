#pragma once
// Surface normals and surface variation of a packed batch of clouds.
//   points     (T, 3) float32, finite; cloud b is the rows [offsets[b], offsets[b+1]), at least one
//              of them
//   sensor     (3,) float32: normals are turned so that normal . sensor >= 0
//   normals    (T, 3) float32, unit length
//   variation  (T,) float32 in [0, 1/3]
// The neighbors of a point are the min(neighbors, points of the cloud) nearest, itself among them,
// ties by the lowest index. Of their covariance the axis of the smallest eigenvalue is the raw
// normal, and the smallest eigenvalue over the sum of all three the variation (0 if all coincide).
// The normal is the mean of the neighbors' raw normals, scaled to unit length; the raw one where
// that mean is zero.
#include <cstdint>

namespace musc2::cpu {

void point_normals(const float* points, const int64_t* offsets, int64_t clouds, const float* sensor,
                   int64_t neighbors, float* normals, float* variation);

}  // namespace musc2::cpu

namespace musc2::cuda {

// Bytes of scratch memory, which begins at a multiple of 4.
int64_t point_normals_scratch(int64_t point_count, int64_t clouds, int64_t neighbors);

// sensor is on the host; it is read before the call returns. largest_cloud: its points; neighbors:
// at most as many.
void point_normals(const float* points, const int64_t* offsets, int64_t clouds, const float* sensor,
                   int64_t neighbors, float* normals, float* variation, int64_t point_count,
                   int64_t largest_cloud, void* scratch, void* stream);

}  // namespace musc2::cuda
