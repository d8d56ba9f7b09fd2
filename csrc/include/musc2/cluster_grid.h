#pragma once
// DBSCAN: clusters of dense points, the points at their borders, and noise.
//   points   (count, 3) float32; fastest in the order of an organized map, row by row
//   chosen   (count,) bool: which points take part; points that are not finite never do
//   labels   (count,) int32: the cluster, or -1 for noise and for points that do not take part
// A point is core when at least `least` points, itself among them, are no farther than `radius`.
// Core points no farther than `radius` from each other are in one cluster. Clusters are numbered in
// the order of their first core points. A point that is not core goes to the lowest cluster that
// has a core point no farther than `radius`. Distances are compared as squares in double, so labels
// equal those of scikit-learn.
// Returns the number of clusters; -1, with labels undefined, when along an axis the points span
// more than half a million radii.
#include <cstdint>

namespace musc2::cpu {

int64_t cluster_grid(const float* points, const uint8_t* chosen, int64_t count, double radius,
                     int64_t least, int32_t* labels);

}  // namespace musc2::cpu
