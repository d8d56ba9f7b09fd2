#pragma once
// DBSCAN: clusters of points that are dense, the points at their rims, and the noise that is left.
//   points   (count, 3) float32, those of an organised map row by row; any order gives a result, this one the fastest
//   chosen   (count,) bool: which points there are, as far as they are finite
//   labels   (count,) int32: the cluster, or -1 for noise and for points that are not there
// A point is core when at least `least` points, itself among them, are no farther than `radius`. Core points no
// farther than `radius` from each other are in one cluster. Clusters are numbered in the order of their first core
// points. A point that is not core goes to the lowest cluster that has a core point no farther than `radius`. Distances
// are compared as squares in double, so that labels are those of scikit-learn.
// Returns the number of clusters; -1, with labels undefined, when along an axis the points span more than half a
// million radii.
#include <cstdint>

namespace musc2::cpu {

int64_t cluster_grid(const float* points, const uint8_t* chosen, int64_t count, double radius, int64_t least,
                     int32_t* labels);

}  // namespace musc2::cpu
