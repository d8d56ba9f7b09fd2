#pragma once
// The k nearest points of each query, in its cloud of a packed batch.
//   points     (T, 3) float32, finite; cloud b is the rows [offsets[b], offsets[b+1])
//   queries    (Q, 3) float32, finite; those of cloud b are the rows [query_offsets[b],
//              query_offsets[b+1])
//   index      (Q, k) int32, counted from the first point of the cloud
//   distance2  (Q, k) float32, (dx*dx + dy*dy) + dz*dz
// 1 <= k <= the size of the smallest cloud. Ascending by distance2, then by index.
#include <cstdint>

namespace musc2::cpu {

void nearest_points(const float* points, const int64_t* offsets, int64_t clouds,
                    const float* queries, const int64_t* query_offsets, int64_t k, int32_t* index,
                    float* distance2);

}  // namespace musc2::cpu

namespace musc2::cuda {

// most_queries: the largest number of queries of a cloud.
void nearest_points(const float* points, const int64_t* offsets, int64_t clouds,
                    const float* queries, const int64_t* query_offsets, int64_t k, int32_t* index,
                    float* distance2, int64_t most_queries, void* stream);

}  // namespace musc2::cuda
