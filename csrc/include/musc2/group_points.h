#pragma once
// A group of points around each center, which grows along the surface where that is curved (IPG).
//   points         (T, 3) float32, finite; cloud b is the rows [offsets[b], offsets[b+1]), at least
//                  one of them
//   centers        (clouds, centers_each) int64, indices into their cloud
//   index          (clouds, centers_each, size) int32, indices into their cloud
//   curvature      (clouds, centers_each) float32
//   neighborhood   (clouds, centers_each, size, 3) float32: the group's points minus the center
// 1. The search set: the min(search, points of the cloud) nearest points, in the order of
//    nearest_points.h.
// 2. Curvature: common/curvature.h of its points 1 ... size-1.
// 3. Curvature < threshold: the group is the `size` nearest points.
// 4. Else it is the `start` nearest points (at most `size`) and grows until it has `size` members
// or
//    the search set has no candidates (points not in the group) left. A step takes the `start`
//    nearest candidates (at most as many as there is room for) and puts them in front of the group
//    in ascending order.
//    unique:      a candidate counts once, by its distance to the nearest member; the lowest index
//                 wins ties.
//    not unique:  pairs (member, candidate) count, so that one candidate may enter several times;
//                 ties go by the member's position in the group, then by the candidate's index.
// 5. A group of m < size members is repeated from its front: entry i is entry i mod m.
// Distances are (dx*dx + dy*dy) + dz*dz in float32. 1 <= search, size <= 1024; start >= 1.
#include <cstdint>

namespace musc2::cpu {

void group_points(const float* points, const int64_t* offsets, int64_t clouds,
                  const int64_t* centers, int64_t centers_each, int64_t size, int64_t start,
                  int64_t search, float threshold, bool unique, int32_t* index, float* curvature,
                  float* neighborhood);

}  // namespace musc2::cpu

namespace musc2::cuda {

// Bytes of scratch memory.
int64_t group_points_scratch(int64_t clouds, int64_t centers_each, int64_t search);

// A center that is out of range is clamped. Unlike on a CPU, clouds may be empty: index is -1 then,
// curvature and neighborhood are 0.
void group_points(const float* points, const int64_t* offsets, int64_t clouds,
                  const int64_t* centers, int64_t centers_each, int64_t size, int64_t start,
                  int64_t search, float threshold, bool unique, int32_t* index, float* curvature,
                  float* neighborhood, void* scratch, void* stream);

}  // namespace musc2::cuda
